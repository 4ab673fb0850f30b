"""Answers with creator statements."""

from typing import Literal

from pydantic import BaseModel, Field

from api.fields import AddressOut, AmountOut, DeltaOut, HashOut
from api.schemas.envelope import OfSettlement
from reconciliation.creator_statements import MoveKind


class PeriodOut(BaseModel):
    """The period as it was asked for: `start` is its first second, `end` the first after it."""

    name: str
    start: int
    end: int


class UnitOut(BaseModel):
    """How people write an asset, as its token says: a help to readers, base units are what counts.

    One `symbol` is 10 to the power of `decimals` base units.
    """

    symbol: str
    decimals: int


class WrittenOut(BaseModel):
    """The amounts of an account with a decimal point, every digit of them, in its `unit`.

    `opening`, `earned`, `paid`, `closing`, `outstanding`, `unclaimed`, `held`, `refunded` and
    `fees` are those of the same name in base units, which are the amounts of record.
    """

    opening: str
    earned: str
    paid: str
    closing: str
    outstanding: str
    unclaimed: str
    held: str
    refunded: str
    fees: str


_WRITTEN = Field(description="the amount with a decimal point, null where the token has no unit")


class StatementLineOut(BaseModel):
    """All that moved for one reason: a work, a content, an event; from one contract.

    `amount` is negative where an earlier earning was taken back.
    """

    kind: MoveKind
    contract: AddressOut
    epoch: int | None
    subject: HashOut | None
    amount: DeltaOut
    written: str | None = _WRITTEN
    postings: int


class AssetStatementOut(BaseModel):
    """opening + earned - paid = closing = outstanding + unclaimed; all in one asset.

    `held` is the part of `outstanding` that a hold or a verdict stops. `refunded` went back to
    payers, and `fees` were paid by them on top: neither is part of the account. `unit` and
    `written` are null where the token does not say how people write it.
    """

    asset: AddressOut
    unit: UnitOut | None
    opening: AmountOut
    earned: DeltaOut
    paid: DeltaOut
    closing: AmountOut
    outstanding: AmountOut
    unclaimed: AmountOut
    held: AmountOut
    refunded: DeltaOut
    fees: DeltaOut
    written: WrittenOut | None
    lines: list[StatementLineOut]


class EventRef(BaseModel):
    """The log that caused an entry."""

    block_number: int
    block_hash: HashOut
    log_index: int
    transaction_hash: HashOut | None


class SealRef(BaseModel):
    """Where an entry stands in the sealed journal: its number, and the seal of its epoch.

    The proof is answered under `/v1/ledger`, and printed by `quittance statement show --proofs`.
    """

    sequence: int
    epoch: int
    root: HashOut


class MoveOut(BaseModel):
    """One posting of the statement: the entry that it stands in, and what caused that.

    `amount` is negative where a rewind took the posting back.

    `source` is the entry's cause as the journal names it; `event` the log, where it was one. `seal`
    is null until the epoch in which the books learned of the entry is sealed.
    """

    kind: MoveKind
    entry_id: HashOut
    posting: int
    source_kind: str
    source: str
    effective_at: int
    contract: AddressOut
    asset: AddressOut
    epoch: int | None
    subject: HashOut | None
    part: int | None
    amount: DeltaOut
    written: str | None = _WRITTEN
    debit: str
    credit: str
    event: EventRef | None
    seal: SealRef | None


class StatementAnswer(OfSettlement):
    """A statement of one account; `block` is the last that every book contains.

    A statement is `final` once the books are past its period, and until then `interim`. `moves` is
    a page of the postings behind the lines, in the journal's order.
    """

    account: AddressOut
    period: PeriodOut
    state: Literal["final", "interim"]
    assets: list[AssetStatementOut]
    moves: list[MoveOut]
    next_cursor: str | None = Field(description="of the next page of moves, null at their end")
