"""What an epoch's usage says of each work besides money: how many used it, and how much.

It never affects payment, and is no part of manifest or bundle: whoever holds the logs of the epoch
comes to the same. Only rows that entered the formula count, of subscribers who paid; a subscriber
who paid in several assets counts once.
"""

from contracts.evm import Hash32
from settlement.royalties.distribution import Distribution, SubscriberAllocation
from settlement.royalties.usercentric_v1 import Reputation


def reputation_of(distribution: Distribution) -> dict[Hash32, Reputation]:
    """Every work that counts, ascending: distinct users, and the sum of their counted weights."""
    once: dict[bytes, SubscriberAllocation] = {
        one.subscriber: one for one in distribution.allocations
    }
    users: dict[Hash32, int] = {}
    weighted: dict[Hash32, int] = {}
    for one in once.values():
        for credit in one.credits:
            work = credit.row.work_id
            weighted[work] = weighted.get(work, 0) + credit.counted
        for work in {credit.row.work_id for credit in one.credits}:
            users[work] = users.get(work, 0) + 1
    return {work: Reputation(users[work], weighted[work]) for work in sorted(weighted)}
