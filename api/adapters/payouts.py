"""Reads of payout operations: what we planned, signed and saw end."""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.schemas.payouts import PayoutTransaction
from contracts.evm import Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    """A planned operation; its subject is a leaf or an attempt at an epoch."""

    kind: str
    epoch: int
    work_id: bytes | None
    part: int | None
    asset: bytes | None
    amount: int | None
    settled: int
    event_op_id: bytes
    attempt: int | None
    manifest_digest: bytes | None
    calldata: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """What became, finally, of the operation or of one of its nonces."""

    fate: str
    refusal: int | None
    sender: bytes | None
    nonce: int | None
    tx_hash: bytes | None
    block_number: int
    block_hash: bytes


_OPERATION = """
    SELECT kind, epoch, work_id, part, asset, amount, settled, event_op_id, attempt,
           manifest_digest, call AS calldata
    FROM payout_operation
    WHERE op_id = %(op_id)s AND chain_id = %(chain_id)s AND contract = %(payouts)s
"""

_TRANSACTIONS = """
    SELECT t.tx_hash, t.sender, t.nonce, t.ordinal, t.gas, t.max_fee_wei, t.tip_wei
    FROM payout_inclusion i
    JOIN payout_transaction t USING (chain_id, sender, nonce)
    WHERE i.op_id = %(op_id)s
    ORDER BY t.sender, t.nonce, t.ordinal
"""

_OUTCOMES = """
    SELECT fate, refusal, sender, nonce, tx_hash, block_number, block_hash
    FROM payout_outcome
    WHERE op_id = %(op_id)s AND version = (
        SELECT coalesce(max(version), 0) FROM payout_retraction WHERE op_id = %(op_id)s)
    ORDER BY block_number, recorded_at, nonce
"""

_REMAINDERS = """
    SELECT op_id FROM payout_operation
    WHERE event_op_id = %(op_id)s AND op_id <> %(op_id)s
      AND chain_id = %(chain_id)s AND contract = %(payouts)s
    ORDER BY settled
"""

_COMMITTED = """
    SELECT block_number FROM fact_epoch_committed
    WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND epoch = %(epoch)s
      AND attempt = %(attempt)s
"""


@dataclass(frozen=True, slots=True)
class _OpId:
    op_id: bytes


@dataclass(frozen=True, slots=True)
class _Committed:
    block_number: int


async def read_operation(reads: Snapshot, at: Standpoint, op_id: Hash32) -> OperationRow | None:
    """A planned operation of this settlement."""
    return await reads.row(OperationRow, _OPERATION, at.scope | {"op_id": bytes(op_id)})


async def read_transactions(reads: Snapshot, op_id: Hash32) -> list[PayoutTransaction]:
    """Every version of every nonce that carries an operation, oldest first."""
    return await reads.rows(PayoutTransaction, _TRANSACTIONS, {"op_id": bytes(op_id)})


async def read_outcomes(reads: Snapshot, op_id: Hash32) -> list[OutcomeRow]:
    """Final outcomes of an operation that were not taken back, oldest first."""
    return await reads.rows(OutcomeRow, _OUTCOMES, {"op_id": bytes(op_id)})


async def read_remainders(reads: Snapshot, at: Standpoint, op_id: Hash32) -> list[Hash32]:
    """Operations that were planned for what held lines left open of a leaf, oldest first."""
    rows = await reads.rows(_OpId, _REMAINDERS, at.scope | {"op_id": bytes(op_id)})
    return [Hash32(row.op_id) for row in rows]


async def is_committed(reads: Snapshot, at: Standpoint, epoch: int, attempt: int) -> bool:
    """Whether an indexed block, final or not, commits an attempt."""
    values = at.scope | {"epoch": epoch, "attempt": attempt}
    return await reads.row(_Committed, _COMMITTED, values) is not None
