"""Rows of payouts become domain records here, and records rows; nowhere else."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from contracts.calls import Refusal
from contracts.evm import BlockNumber
from settlement.payouts.operation import (
    EpochSubject,
    Fate,
    Kind,
    LeafSubject,
    Operation,
    Outcome,
    SignedTransaction,
)


def operation_row(operation: Operation) -> dict[str, object]:
    """The columns of an operation."""
    subject = operation.subject
    row: dict[str, object] = {
        "op_id": operation.op_id,
        "kind": operation.kind.value,
        "chain_id": operation.chain_id,
        "contract": operation.contract,
        "list_id": operation.list_id,
        "list_index": operation.index,
        "content_digest": operation.content_digest,
        "call": operation.call,
        "epoch": subject.epoch,
        "settled": 0,
    }
    names: Iterable[str] = ("attempt", "manifest_digest")
    if isinstance(subject, LeafSubject):
        names = ("work_id", "part", "asset", "amount", "settled", "lines", "proof_nodes")
    return row | {name: getattr(subject, name) for name in names}


def operation_of(row: Row[Any]) -> Operation:
    """Read an operation."""
    subject: LeafSubject | EpochSubject
    if row.kind == Kind.WITHDRAW.value:
        subject = LeafSubject(
            epoch=row.epoch,
            work_id=row.work_id,
            part=row.part,
            asset=row.asset,
            amount=row.amount,
            settled=row.settled,
            lines=row.lines,
            proof_nodes=row.proof_nodes,
        )
    else:
        subject = EpochSubject(
            epoch=row.epoch, attempt=row.attempt, manifest_digest=row.manifest_digest
        )
    return Operation(
        op_id=row.op_id,
        chain_id=row.chain_id,
        contract=row.contract,
        list_id=row.list_id,
        index=row.list_index,
        content_digest=row.content_digest,
        call=bytes(row.call),
        subject=subject,
    )


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


def outcome_of(row: Row[Any]) -> Outcome:
    """Read an outcome."""
    return Outcome(
        op_id=row.op_id,
        fate=Fate(row.fate),
        refusal=None if row.refusal is None else Refusal(row.refusal),
        sender=row.sender,
        nonce=row.nonce,
        tx_hash=row.tx_hash,
        block_number=row.block_number,
        block_hash=row.block_hash,
    )
