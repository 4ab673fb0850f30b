"""Manual entries: what no event causes, said by one person and approved by another.

    proposed (by its maker) ──► approved (by its checker) ──► booked, in every version of the books
                           └──► rejected

A manual entry explains: money that came or left without a cause we know, the funding of a payout
wallet. It names a document by digest. Its id is the digest of all it says, maker included, so the
same proposal is one row, and what the checker approved cannot change. It takes effect at a block
that the books have reached, and is booked again where books are taken back and begun anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contracts.evm import BlockNumber, BlockRef, Hash32, Timestamp, keccak
from settlement.ledger.accounts import AccountKind, Book, length_prefixed
from settlement.ledger.errors import AlreadyDecided, ManualRefused, UnknownManual
from settlement.ledger.journal import (
    EntryStatus,
    JournalEntry,
    Posting,
    manual_source,
)
from settlement.ledger.overdrafts import PostedBalances, overdrawn

_NEVER_DEBITED = (
    AccountKind.COMMITTED,
    AccountKind.FEES,
    AccountKind.ESCROWED,
    AccountKind.EARNED,
    AccountKind.REFUNDED,
    AccountKind.IN_TRANSIT,
)
_CREDITED = (
    AccountKind.CASH,
    AccountKind.UNALLOCATED,
    AccountKind.UNCLAIMED,
    AccountKind.PLATFORM_FEES,
    AccountKind.FLOAT,
    AccountKind.DOCUMENTS,
    AccountKind.UNEXPLAINED,
    AccountKind.WALLET,
    AccountKind.GAS,
    AccountKind.SURPLUS,
)
"""Nothing else: what is owed on a leaf or a line is said by a manifest, an event or a document."""


class Decision(StrEnum):
    """What the checker said; terminal."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualEntry:
    """A proposal; `effective_at` is the timestamp of block `effective_block`."""

    book: Book
    maker: str
    reason: str
    document_digest: Hash32
    effective_at: Timestamp
    effective_block: BlockNumber
    postings: tuple[Posting, ...]

    @property
    def id(self) -> Hash32:
        """Digest of everything that it says."""
        head = (
            self.book.chain_id.to_bytes(8, "big"),
            bytes(self.book.contract),
            self.maker.encode(),
            self.reason.encode(),
            bytes(self.document_digest),
            self.effective_at.to_bytes(8, "big"),
            self.effective_block.to_bytes(8, "big"),
        )
        lines = (
            field
            for posting in self.postings
            for field in (
                bytes(posting.asset),
                posting.amount.to_bytes(32, "big"),
                posting.debit.path.encode(),
                posting.credit.path.encode(),
            )
        )
        return keccak(length_prefixed(*head, *lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided about a manual entry, and by whom."""

    decision: Decision
    checker: str
    reason: str


class StandingManuals(Protocol):
    """Approved manual entries of one book."""

    def unbooked_manuals(self, upto: BlockRef) -> list[ManualEntry]:
        """Those approved and not booked in this version, effective up to a block; by id."""
        ...


class ManualBooks(StandingManuals, PostedBalances, Protocol):
    """What proposing and deciding need of one book, in one database transaction."""

    @property
    def book(self) -> Book:
        """Whose books they are."""
        ...

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        ...

    def version(self) -> int:
        """How often the books were taken back and begun again; ask after `lock`."""
        ...

    def cursor(self) -> BlockRef | None:
        """The block up to which events are posted."""
        ...

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones."""
        ...

    def add_manual(self, manual: ManualEntry) -> None:
        """Insert a proposal; the same one again is harmless."""
        ...

    def manual(self, manual_id: Hash32) -> tuple[ManualEntry, Decided | None] | None:
        """A proposal and what was decided."""
        ...

    def decide_manual(self, manual: ManualEntry, decided: Decided) -> None:
        """Insert the decision."""
        ...


class RecordingBooks(StandingManuals, Protocol):
    """What booking needs."""

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones."""
        ...


def propose(books: ManualBooks, manual: ManualEntry) -> Hash32:
    """Store a proposal; its id.

    Raises:
        ManualRefused: it says what a manual entry must not, or is ahead of the books.
    """
    books.lock()
    cursor = books.cursor()
    for problem in _problems(manual, cursor):
        raise ManualRefused(problem)
    books.add_manual(manual)
    return manual.id


def decide(books: ManualBooks, manual_id: Hash32, decided: Decided) -> int:
    """Approve or reject a proposal; the number of entries that were booked.

    Raises:
        UnknownManual: this book has no such proposal.
        ManualRefused: maker and checker are one person, or it would overdraw an account: the
            caller's transaction is to be given up.
        AlreadyDecided: it was decided otherwise, or by somebody else.
    """
    books.lock()
    found = books.manual(manual_id)
    if found is None or found[0].book != books.book:
        raise UnknownManual(manual_id)
    manual, before = found
    if not decided.checker or is_same_person(manual.maker, decided.checker):
        raise ManualRefused(f"{decided.checker!r} cannot check what {manual.maker!r} made")
    if before is not None and before != decided:
        raise AlreadyDecided(manual_id, before.decision.value, before.checker)
    if before is None:
        books.decide_manual(manual, decided)
    cursor = books.cursor()
    if cursor is None:
        return 0
    count = book_manuals(books, cursor, books.version())
    if decided.decision is Decision.APPROVED:
        for (account, asset), balance in overdrawn([manual_entry(manual, 0)], books).items():
            raise ManualRefused(f"it would leave {balance} of {asset} in {account.path}")
    return count


def book_manuals(books: RecordingBooks, upto: BlockRef, version: int) -> int:
    """Book what is approved, takes effect up to a block, and is not booked in this version."""
    entries = [manual_entry(manual, version) for manual in books.unbooked_manuals(upto)]
    return books.record(entries) if entries else 0


def manual_entry(manual: ManualEntry, version: int) -> JournalEntry:
    """The entry of an approved proposal."""
    return JournalEntry(
        source=manual_source(manual.id, version),
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=manual.effective_at,
        effective_block=manual.effective_block,
        evidence=None,
        postings=manual.postings,
    )


def _problems(manual: ManualEntry, cursor: BlockRef | None) -> list[str]:
    problems: list[str] = []
    if not manual.maker.strip() or not manual.reason.strip():
        problems.append("a manual entry needs a maker and a reason")
    if not manual.postings:
        problems.append("a manual entry needs a posting")
    if cursor is None or manual.effective_block > cursor.number:
        reached = "nothing" if cursor is None else f"block {cursor.number}"
        problems.append(f"block {manual.effective_block} is ahead of the books, at {reached}")
    for posting in manual.postings:
        if posting.debit.kind in _NEVER_DEBITED:
            problems.append(f"{posting.debit.path} cannot be debited by hand")
        if posting.credit.kind not in _CREDITED:
            problems.append(f"{posting.credit.path} cannot be credited by hand")
    return problems


def is_same_person(maker: str, checker: str) -> bool:
    """Whether two names are of one person: spaces around and the case of letters do not count."""
    return maker.strip().casefold() == checker.strip().casefold()
