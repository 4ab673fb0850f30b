"""Rows of payouts become domain records here, and records rows; nowhere else."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from contracts.calls import Refusal, SkipReason
from contracts.evm import BlockNumber
from settlement.payouts.operation import (
    EpochSubject,
    Fate,
    Kind,
    LeafSubject,
    LineSubject,
    Operation,
    Outcome,
    SignedTransaction,
    Subject,
)

_LEAF = ("epoch", "work_id", "part", "asset", "amount", "settled", "lines", "proof_nodes")
_EPOCH = ("epoch", "attempt", "manifest_digest")
_LINE = ("payee", "asset", "amount")


def operation_row(operation: Operation) -> dict[str, object]:
    """The columns of an operation."""
    subject = operation.subject
    names: Iterable[str] = _LINE
    if isinstance(subject, LeafSubject):
        names = _LEAF
    elif isinstance(subject, EpochSubject):
        names = _EPOCH
    row: dict[str, object] = {
        "op_id": operation.op_id,
        "kind": operation.kind.value,
        "chain_id": operation.chain_id,
        "contract": operation.contract,
        "list_id": operation.list_id,
        "list_index": operation.index,
        "content_digest": operation.content_digest,
        "call": operation.call,
        "settled": 0,
    }
    return row | {name: getattr(subject, name) for name in names}


def operation_of(row: Row[Any]) -> Operation:
    """Read an operation."""
    return Operation(
        op_id=row.op_id,
        chain_id=row.chain_id,
        contract=row.contract,
        list_id=row.list_id,
        index=row.list_index,
        content_digest=row.content_digest,
        call=bytes(row.call),
        subject=_subject_of(row),
    )


def _subject_of(row: Row[Any]) -> Subject:
    kind = Kind(row.kind)
    if kind is Kind.WITHDRAW:
        return LeafSubject(**{name: getattr(row, name) for name in _LEAF})
    if kind is Kind.COMMIT:
        return EpochSubject(**{name: getattr(row, name) for name in _EPOCH})
    values = {name: getattr(row, name) for name in _LINE}
    return LineSubject(kind=kind, list_id=row.list_id, index=row.list_index, **values)


def transaction_row(
    transaction: SignedTransaction, *, head: BlockNumber, ordinal: int
) -> dict[str, object]:
    """The columns of one version of a nonce."""
    return {
        "tx_hash": transaction.tx_hash,
        "chain_id": transaction.chain_id,
        "sender": transaction.sender,
        "nonce": transaction.nonce,
        "ordinal": ordinal,
        "raw": transaction.raw,
        "recipient": transaction.to,
        "gas": transaction.gas,
        "max_fee_wei": transaction.max_fee_wei,
        "tip_wei": transaction.tip_wei,
        "signed_at": head,
    }


def transaction_of(row: Row[Any]) -> SignedTransaction:
    """Read a signed transaction."""
    return SignedTransaction(
        chain_id=row.chain_id,
        sender=row.sender,
        nonce=row.nonce,
        tx_hash=row.tx_hash,
        raw=bytes(row.raw),
        to=row.recipient,
        gas=row.gas,
        max_fee_wei=row.max_fee_wei,
        tip_wei=row.tip_wei,
    )


def outcome_of(row: Row[Any], kind: Kind) -> Outcome:
    """Read an outcome of an operation of this kind, which says whose reasons its refusal names."""
    reasons = SkipReason if kind in (Kind.TIP, Kind.PAYOUT) else Refusal
    return Outcome(
        op_id=row.op_id,
        fate=Fate(row.fate),
        refusal=None if row.refusal is None else reasons(row.refusal),
        sender=row.sender,
        nonce=row.nonce,
        tx_hash=row.tx_hash,
        block_number=row.block_number,
        block_hash=row.block_hash,
    )
