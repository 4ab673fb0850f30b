"""Answers about payout operations."""

from typing import Literal

from pydantic import BaseModel

from api.fields import AddressOut, AmountOut, BytesOut, HashOut
from api.schemas.envelope import Block, OfSettlement
from settlement.payouts.decision import State


class PayoutTransaction(BaseModel):
    """One signed version of a nonce that carries the operation."""

    tx_hash: HashOut
    sender: AddressOut
    nonce: int
    ordinal: int
    gas: int
    max_fee_wei: AmountOut
    tip_wei: AmountOut


class PayoutOutcome(BaseModel):
    """What became, finally, of the operation or of one of its nonces."""

    fate: str
    refusal: str | None
    sender: AddressOut | None
    nonce: int | None
    tx_hash: HashOut | None
    block_number: int
    block_hash: HashOut


class LineOnChain(BaseModel):
    """A line of the leaf, or the line of a list, that the chain says is settled."""

    line: int
    payee: AddressOut
    amount: AmountOut
    outcome: Literal["paid", "unclaimed", "released", "expired"]
    block_number: int
    tx_hash: HashOut
    is_final: bool


class PayoutOperation(BaseModel):
    """What we planned to do.

    `settled` is the bitmap of the leaf's lines that were settled when it was planned: 0 unless it
    pays what held lines had left open. `event_op_id` is what the contract's events call it. A tip,
    or a line of a document, has a list, its place in it and a payee, and no epoch.
    """

    kind: str
    contract: AddressOut
    epoch: int | None
    work_id: HashOut | None
    part: int | None
    asset: AddressOut | None
    amount: AmountOut | None
    settled: int
    event_op_id: HashOut
    attempt: int | None
    manifest_digest: HashOut | None
    list_id: HashOut | None
    list_index: AmountOut | None
    payee: AddressOut | None
    calldata: BytesOut


class PayoutAnswer(OfSettlement):
    """One operation: what we planned and signed, and what the chain says.

    `operation` is null for a leaf that somebody else withdrew and we never planned to. `lines` are
    all settled lines of its leaf. `remainders` are the op-ids under which we went on with the leaf,
    after a withdrawal that left held lines open.
    """

    op_id: HashOut
    state: State
    head: Block
    operation: PayoutOperation | None
    transactions: list[PayoutTransaction]
    outcomes: list[PayoutOutcome]
    lines: list[LineOnChain]
    remainders: list[HashOut]
