"""Reads of what the contract was told: every committed attempt, in chain order."""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentRow:
    """One commitment, vetoed later or not."""

    epoch: int
    attempt: int
    manifest_digest: bytes


_COMMITMENTS = """
    SELECT epoch, attempt, manifest_digest FROM fact_epoch_committed
    WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND block_number <= %(upto)s
    ORDER BY block_number, log_index
"""


async def read_commitments(reads: Snapshot, at: Standpoint) -> list[CommitmentRow]:
    """All final commitments, oldest first: the entries of the log."""
    return await reads.rows(CommitmentRow, _COMMITMENTS, at.scope)
