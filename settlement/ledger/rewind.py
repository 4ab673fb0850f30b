"""Take the books back, because blocks that they were posted from are not on the chain any more.

    version 0   posted ──────────── block 90 │ 91 … 97   ← replaced, though they were final
                every entry reversed, effective at block 90: version 0 sums to nothing
    version 1   posted again from the start block, by the ordinary step

Books are taken back whole, not from the block on: which entries stand on a replaced one cannot be
told from the entries alone (a leaf is made payable by time, a payout planned from a balance), and
posting is fast and always comes to the same. Nothing is changed or deleted: every entry of the
version has its reversing entry, ended reservations too, so the version sums to nothing by account,
asset and status, and any report from before can still be drawn from the journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import BlockRef
from settlement.ledger.accounts import Book
from settlement.ledger.balances import JournalKey
from settlement.ledger.journal import Evidence, JournalEntry, reversal, rewind_source

_ENTRIES_PER_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRewind:
    """What began a version of a book: its end came with block `to`, the last one that stands."""

    version: int
    to: BlockRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRewound:
    """A book that was taken back: `entries` were reversed, `version` is to be posted now."""

    book: Book
    version: int
    entries: int


class RewindBooks(Protocol):
    """What a rewind needs of the books of one settlement, in one database transaction."""

    @property
    def book(self) -> Book:
        """Whose books they are."""
        ...

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        ...

    def version(self) -> int:
        """How often the books were taken back and begun again."""
        ...

    def cursor(self) -> BlockRef | None:
        """The block up to which events are posted in this version."""
        ...

    def standing(self, *, after: JournalKey | None, entries_max: int) -> list[JournalEntry]:
        """Entries of this version, without reversing ones of a rewind, in the journal's order."""
        ...

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones."""
        ...

    def begin_version(self, rewind: BookRewind) -> None:
        """Begin the next version, in which nothing is posted."""
        ...


def is_above(cursor: BlockRef | None, to: BlockRef) -> bool:
    """Whether books at this cursor were posted from blocks above `to`."""
    return cursor is not None and cursor.number > to.number


def taken_back(entry: JournalEntry, to: BlockRef) -> JournalEntry:
    """The reversing entry of a rewind to a block, which is its evidence."""
    return reversal(
        entry,
        source=rewind_source(entry),
        effective_at=to.timestamp,
        evidence=Evidence(block_number=to.number, block_hash=to.hash),
    )


def rewind(books: RewindBooks, to: BlockRef, *, reason: str) -> BookRewound | None:
    """Reverse all that stands and begin the next version; None if nothing is above the block.

    Raises:
        EntryConflict: an entry does not have the content that was recorded.
    """
    books.lock()
    if not is_above(books.cursor(), to):
        return None
    count = 0
    place: JournalKey | None = None
    while entries := books.standing(after=place, entries_max=_ENTRIES_PER_PAGE):
        count += books.record([taken_back(entry, to) for entry in entries])
        place = JournalKey(entries[-1].effective_at, entries[-1].id)
    version = books.version() + 1
    books.begin_version(BookRewind(version=version, to=to, reason=reason))
    return BookRewound(book=books.book, version=version, entries=count)
