"""Reads of holds: who is held at a block, why and until when."""

from collections.abc import Collection
from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import scope_of
from api.schemas.envelope import Block
from contracts.addresses import Settlement
from contracts.evm import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """A hold that stands against an account."""

    account: bytes
    reason_digest: bytes
    expires_at: int


# The last event of an account counts; at `expires_at` itself the hold is over.
_HOLDS = """
    SELECT account, reason_digest, expires_at FROM (
        SELECT DISTINCT ON (account) account, reason_digest, expires_at FROM (
            SELECT account, reason_digest, expires_at, block_number, log_index
            FROM fact_payee_hold_placed
            WHERE chain_id = %(chain_id)s AND address = %(payouts)s
              AND account = ANY(%(accounts)s) AND block_number <= %(upto)s
            UNION ALL
            SELECT account, NULL, NULL, block_number, log_index
            FROM fact_payee_hold_lifted
            WHERE chain_id = %(chain_id)s AND address = %(payouts)s
              AND account = ANY(%(accounts)s) AND block_number <= %(upto)s
        ) placed_and_lifted ORDER BY account, block_number DESC, log_index DESC
    ) last WHERE expires_at > %(timestamp)s
"""


async def read_holds(
    reads: Snapshot, settlement: Settlement, accounts: Collection[Address], at: Block
) -> dict[Address, HoldRow]:
    """The holds that stand at a block against any of these accounts."""
    values = scope_of(settlement) | {
        "accounts": [bytes(account) for account in accounts],
        "upto": at.number,
        "timestamp": at.timestamp,
    }
    rows = await reads.rows(HoldRow, _HOLDS, values)
    return {Address(row.account): row for row in rows}
