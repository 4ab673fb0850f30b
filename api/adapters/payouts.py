"""Reads of payout operations: what we planned, signed and saw end."""

from dataclasses import dataclass

from api.adapters.leaves import SettledLine
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.schemas.payouts import PayoutTransaction
from contracts.event_spec import ContractName
from contracts.evm import Hash32

_LISTING = (ContractName.TIP_RELAY, ContractName.PAYOUT_BATCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    """A planned operation; its subject is a leaf, an attempt at an epoch, or a line of a list."""

    kind: str
    contract: bytes
    epoch: int | None
    work_id: bytes | None
    part: int | None
    asset: bytes | None
    amount: int | None
    settled: int
    event_op_id: bytes
    attempt: int | None
    manifest_digest: bytes | None
    list_id: bytes | None
    list_index: int | None
    payee: bytes | None
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
    SELECT kind, contract, epoch, work_id, part, asset, amount, settled, event_op_id, attempt,
           manifest_digest, payee, call AS calldata,
           CASE WHEN payee IS NOT NULL THEN list_id END AS list_id,
           CASE WHEN payee IS NOT NULL THEN list_index END AS list_index
    FROM payout_operation
    WHERE op_id = %(op_id)s AND chain_id = %(chain_id)s AND contract = ANY(%(paying)s)
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

_LISTED_LINES = """
    WITH settled AS (
        SELECT 'paid' AS outcome, op_id, index, payee, amount, block_number, log_index
        FROM fact_relay_line_paid
        WHERE chain_id = %(chain_id)s AND address = ANY(%(paying)s) AND op_id = %(op_id)s
          AND block_number <= %(upto)s
        UNION ALL
        SELECT 'unclaimed' AS outcome, op_id, index, payee, amount, block_number, log_index
        FROM fact_relay_line_unclaimed
        WHERE chain_id = %(chain_id)s AND address = ANY(%(paying)s) AND op_id = %(op_id)s
          AND block_number <= %(upto)s
        UNION ALL
        SELECT 'paid' AS outcome, op_id, index, payee, amount, block_number, log_index
        FROM fact_batch_line_paid
        WHERE chain_id = %(chain_id)s AND address = ANY(%(paying)s) AND op_id = %(op_id)s
          AND block_number <= %(upto)s
        UNION ALL
        SELECT 'unclaimed' AS outcome, op_id, index, payee, amount, block_number, log_index
        FROM fact_batch_line_unclaimed
        WHERE chain_id = %(chain_id)s AND address = ANY(%(paying)s) AND op_id = %(op_id)s
          AND block_number <= %(upto)s
    )
    SELECT s.index AS line, s.payee, s.amount, s.outcome, s.block_number,
           g.transaction_hash AS tx_hash, s.op_id
    FROM settled s
    JOIN log g ON g.chain_id = %(chain_id)s AND g.block_number = s.block_number
              AND g.log_index = s.log_index
"""
"""At most one row: a line is settled once."""

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
    return await reads.row(OperationRow, _OPERATION, _of(at, op_id))


async def read_listed_line(reads: Snapshot, at: Standpoint, op_id: Hash32) -> list[SettledLine]:
    """The tip or line of a document with this op-id, if a block up to the head settles it."""
    values = _of(at, op_id) | {"upto": at.head.number}
    return await reads.rows(SettledLine, _LISTED_LINES, values)


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


def _of(at: Standpoint, op_id: Hash32) -> dict[str, object]:
    """One op-id of the contracts that the settlement's payout key pays from."""
    payments = at.settlement.payments
    paying = [at.settlement.payouts, *(payments[name] for name in _LISTING if name in payments)]
    return at.scope | {"op_id": bytes(op_id), "paying": [bytes(one) for one in paying]}
