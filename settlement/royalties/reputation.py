"""What an epoch's usage says of each work besides money: how many used it, and how much.

It never affects payment, and is no part of manifest or bundle: whoever holds the logs of the epoch
comes to the same. Only rows that entered the formula count, of subscribers who paid; a subscriber
who paid in several assets counts once.
"""

from collections.abc import Iterable

from contracts.evm import Address, Hash32
from settlement.royalties.shares import ShareBatch
from settlement.royalties.usercentric_v1 import Reputation


def reputation_of(batches: Iterable[ShareBatch]) -> dict[Hash32, Reputation]:
    """Every work that counts, ascending: distinct users, and the sum of their counted weights.

    Args:
        batches: all fees of an epoch, as they were shared, whole or range by range: a subscriber is
            in no range but one, and ranges are ascending, one batch for each asset.
    """
    users: dict[Hash32, int] = {}
    weighted: dict[Hash32, int] = {}
    counted: set[Address] = set()
    last = b""
    for batch in batches:
        payers = {fee.subscriber for fee in batch.fees}
        if payers and min(payers) > last:
            counted.clear()
        asset_of: dict[Address, Address] = {}
        for fee in batch.fees:
            if fee.subscriber not in counted:
                asset_of.setdefault(fee.subscriber, fee.asset)
        used: set[tuple[Address, Hash32]] = set()
        for row in batch.rows:
            if asset_of.get(row.subscriber) == row.asset:
                weighted[row.work_id] = weighted.get(row.work_id, 0) + row.counted
                used.add((row.subscriber, row.work_id))
        for _, work in used:
            users[work] = users.get(work, 0) + 1
        counted |= payers
        last = max(last, *payers) if payers else last
    return {work: Reputation(users[work], weighted[work]) for work in sorted(weighted)}
