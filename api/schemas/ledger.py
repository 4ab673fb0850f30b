"""Answers about the journal: entries, seals and proofs, whole enough to be checked without us.

How an entry becomes a leaf, and leaves a seal. Every field of the list below is written behind its
length in 4 bytes, numbers big-endian in the width that is named:

    "quittance.journal.v1", chain id (8), book (20), sequence (8), id (32), source kind, source id,
    leg (4), version (4), status, effective_at (8), effective_block (8), evidence (32, or nothing),
    booked_at (8), period (4), recorded_at_us (8),
    then for each posting: asset (20), amount (32), path debited, path credited

    leaf = SHA-256(0x00 || those bytes)
    seal = root over SHA-256(0x00 || previous seal), leaf, leaf, … ; a parent is the SHA-256 of its
           two children, a node without a sibling moves up (merkletools makes the same tree)
    link = SHA-256(link before behind its length || those bytes behind their length); the first is 0
"""

from typing import Literal

from pydantic import BaseModel, Field

from api.fields import AddressOut, AmountOut, BytesOut, DeltaOut, HashOut
from api.schemas.envelope import Block, OfSettlement, Page


class BookOut(BaseModel):
    """One book: `block` is the last one whose events it has; `sealed_to` is an entry's sequence."""

    book: AddressOut
    block: Block
    version: int = Field(description="how often it was taken back by a rewind and begun again")
    numbered: int = Field(description="entries that have their place in the chain")
    sealed_to: int


class BookList(OfSettlement):
    """The books of the settlement's chain."""

    items: list[BookOut]


class PostingOut(BaseModel):
    """One amount, moved from the account that is credited to the one that is debited."""

    asset: AddressOut
    amount: AmountOut
    debit: str
    credit: str


class EntryOut(BaseModel):
    """An entry with everything that its leaf is made of.

    `evidence` is the hash of the block that causes it, null where none does. `sequence`, `leaf` and
    `link` are null while it has no place in the chain, `seal` until the epoch of its booking is
    over.
    """

    id: HashOut
    sequence: int | None
    source_kind: str
    source_id: BytesOut
    leg: int
    version: int
    status: Literal["pending", "posted"]
    effective_at: int
    effective_block: int
    evidence: HashOut | None
    booked_at: int
    period: int
    recorded_at_us: int = Field(description="microseconds since 1970, by the database's clock")
    postings: list[PostingOut]
    leaf: HashOut | None
    link: HashOut | None
    seal: int | None = Field(description="the epoch whose seal is over it")


class JournalPage(Page):
    """Entries of one book in the order of their recording."""

    book: AddressOut
    items: list[EntryOut]


class AccountBalance(BaseModel):
    """What is posted on an account in one asset; `posted` is on its normal side."""

    asset: AddressOut
    debits: DeltaOut
    credits: DeltaOut
    posted: DeltaOut


class AccountAnswer(OfSettlement):
    """The posted balances of one account at the end of `block`."""

    book: AddressOut
    account: str
    is_debit_normal: bool = Field(description="whether debits raise its balances")
    balances: list[AccountBalance]


class ClosedMonth(BaseModel):
    """A closed month of the book under a seal: `month` is YYYY-MM, `leaf` stands for it there."""

    month: str
    leaf: HashOut


class SealOut(BaseModel):
    """The seal of one epoch, over entries `first_sequence` to `last_sequence`, both in it.

    The leaves of `closes`, months of the book that were closed since the seal before, follow those
    of the entries. Where it is over them alone, `last_sequence` is the one before `first_sequence`.
    """

    epoch: int
    first_sequence: int
    last_sequence: int
    closes: list[ClosedMonth]
    ends_at: int
    previous: HashOut
    root: HashOut


class SealPage(Page):
    """Seals of one book, oldest first; each begins with the root of the one before."""

    book: AddressOut
    items: list[SealOut]


class EntryAnswer(OfSettlement):
    """One entry."""

    book: AddressOut
    entry: EntryOut


class StepOut(BaseModel):
    """A sibling on the way up, and on which side of the node it stands."""

    side: Literal["left", "right"]
    hash: HashOut


class EntryProof(OfSettlement):
    """That an entry is under a seal: its leaf, and the siblings from there up to the root."""

    book: AddressOut
    entry: EntryOut
    canonical: BytesOut = Field(description="what the leaf is the hash of, behind a zero byte")
    leaf: HashOut
    path: list[StepOut]
    seal: SealOut
