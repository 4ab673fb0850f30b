"""The chain and the seals of one book in Postgres: for the sealer, and for everybody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Epoch, Hash32, Timestamp
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.bulk import copied_bytes, copy_in, rows_of
from settlement.ledger.adapters.period_reads import closes_of
from settlement.ledger.adapters.queries import is_of, lock_book
from settlement.ledger.adapters.recorded import recorded_entry, spelled_after
from settlement.ledger.adapters.rows import checked_entry, select_entries
from settlement.ledger.adapters.seal_tables import LINK, SEAL
from settlement.ledger.adapters.tables import CURSOR, JOURNAL_ENTRY, POSTING
from settlement.ledger.errors import JournalDiffers
from settlement.ledger.seal import (
    InclusionProof,
    Link,
    PeriodClose,
    RecordedEntry,
    Seal,
    SpelledEntry,
    prove,
)
from settlement.ledger.sealing import SealLeaf

_LINKS = "COPY ledger_link (chain_id, contract, sequence, entry_id, leaf, link) FROM STDIN"
_LEAVES = """
    SELECT l.sequence, l.leaf, e.booked_at
    FROM ledger_link l JOIN journal_entry e ON e.id = l.entry_id
    WHERE l.chain_id = %(chain_id)s AND l.contract = %(contract)s AND l.sequence > %(after)s
    ORDER BY l.sequence LIMIT %(count)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRow:
    """A row of `ledger_seal`, as a driver alone reads it."""

    epoch: int
    first_sequence: int
    last_sequence: int
    closes: int
    ends_at: int
    previous: bytes
    root: bytes


def seal_of(row: Row[Any] | SealRow) -> Seal:
    """The seal that a row holds."""
    return Seal(
        epoch=Epoch(row.epoch),
        first_sequence=row.first_sequence,
        last_sequence=row.last_sequence,
        closes=row.closes,
        ends_at=Timestamp(row.ends_at),
        previous=Hash32(row.previous),
        root=Hash32(row.root),
    )


class SealStore:
    """One book for its sealer, in one READ COMMITTED transaction; serves `sealing.SealBooks`."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection = connection
        self.book = book

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        lock_book(self._connection, self.book)

    def last_link(self) -> Link | None:
        """The last entry that is numbered."""
        query = select(LINK).where(*is_of(LINK, self.book))
        row = self._connection.execute(query.order_by(LINK.c.sequence.desc()).limit(1)).first()
        return None if row is None else _link(row)

    def unnumbered(self, *, entries_max: int) -> list[SpelledEntry]:
        """The next entries in the order of arrival, each checked against its digest."""
        last = self.last_link()
        query = select(JOURNAL_ENTRY.c.arrival).where(
            JOURNAL_ENTRY.c.id == (last.entry_id if last else None)
        )
        after = self._connection.execute(query).scalar()
        return spelled_after(
            self._connection, self.book, arrival=after or 0, entries_max=entries_max
        )

    def add_links(self, links: Sequence[Link]) -> None:
        """Insert links.

        Raises:
            JournalDiffers: an entry, or a place, has a link already.
        """
        if not links:
            return
        place = f"{self.book.chain_id}\t{copied_bytes(self.book.contract)}"
        rows = (
            f"{place}\t{link.sequence}\t\\\\x{link.entry_id.hex()}"
            f"\t\\\\x{link.leaf.hex()}\t\\\\x{link.link.hex()}"
            for link in links
        )
        try:
            copy_in(self._connection, _LINKS, rows)
        except UniqueViolation as error:
            raise JournalDiffers("place of a new link", expected="free", actual=error) from error

    def time(self) -> Timestamp | None:
        """The highest time that any cursor of this book reached."""
        query = select(func.max(CURSOR.c.timestamp)).where(*is_of(CURSOR, self.book))
        return self._connection.execute(query).scalar()

    def last_seal(self) -> Seal | None:
        """The newest seal."""
        query = select(SEAL).where(*is_of(SEAL, self.book)).order_by(SEAL.c.epoch.desc()).limit(1)
        row = self._connection.execute(query).first()
        return None if row is None else seal_of(row)

    def leaves_after(self, sequence: int, *, entries_max: int | None) -> list[SealLeaf]:
        """Numbered entries from the next one on; all of them where there is no limit."""
        values = {
            "chain_id": self.book.chain_id,
            "contract": bytes(self.book.contract),
            "after": sequence,
            "count": entries_max,
        }
        rows = rows_of(self._connection, _LEAVES, values)
        return [SealLeaf(number, Hash32(leaf), booked_at) for number, leaf, booked_at in rows]

    def unsealed_closes(self) -> list[PeriodClose]:
        """Closed months that no seal is over, oldest first."""
        query = select(func.coalesce(func.sum(SEAL.c.closes), 0)).where(*is_of(SEAL, self.book))
        return closes_of(self._connection, self.book)[
            self._connection.execute(query).scalar_one() :
        ]

    def add_seal(self, seal: Seal) -> None:
        """Insert a seal."""
        row = {
            "chain_id": self.book.chain_id,
            "contract": self.book.contract,
            "epoch": seal.epoch,
            "first_sequence": seal.first_sequence,
            "last_sequence": seal.last_sequence,
            "closes": seal.closes,
            "ends_at": seal.ends_at,
            "previous": seal.previous,
            "root": seal.root,
        }
        self._connection.execute(insert(SEAL), [row])


class SealReads:
    """What anybody may ask about the seals of one book."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection, self._book = connection, book

    def seals(self) -> list[Seal]:
        """All seals, oldest first."""
        query = select(SEAL).where(*is_of(SEAL, self._book)).order_by(SEAL.c.epoch)
        return [seal_of(row) for row in self._connection.execute(query)]

    def seal(self, epoch: Epoch) -> Seal | None:
        """The seal of an epoch; None if it has none."""
        query = select(SEAL).where(*is_of(SEAL, self._book), SEAL.c.epoch == epoch)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else seal_of(row)

    def recorded(self, entry_id: Hash32) -> tuple[RecordedEntry, int] | None:
        """An entry as it was recorded, with its number in the chain; None without either."""
        query = select(LINK.c.sequence).where(*is_of(LINK, self._book), LINK.c.entry_id == entry_id)
        sequence = self._connection.execute(query).scalar_one_or_none()
        if sequence is None:
            return None
        rows = self._connection.execute(
            select_entries()
            .where(*is_of(JOURNAL_ENTRY, self._book), JOURNAL_ENTRY.c.id == entry_id)
            .order_by(POSTING.c.ordinal)
        ).all()
        return recorded_entry(rows[0], checked_entry(entry_id, list(rows))), sequence

    def proof(self, entry_id: Hash32) -> InclusionProof | None:
        """That an entry is under the seal of its epoch; None while it is not sealed."""
        query = select(LINK).where(*is_of(LINK, self._book), LINK.c.entry_id == entry_id)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        is_over_it = (SEAL.c.first_sequence <= row.sequence, SEAL.c.last_sequence >= row.sequence)
        found = select(SEAL).where(*is_of(SEAL, self._book), *is_over_it)
        sealed = self._connection.execute(found).one_or_none()
        if sealed is None:
            return None
        seal = seal_of(sealed)
        return prove(_link(row), seal, self.leaves(seal))

    def leaves(self, seal: Seal) -> list[Hash32]:
        """The leaves under a seal, in order: of entries, then of closed months."""
        query = (
            select(LINK.c.leaf)
            .where(*is_of(LINK, self._book), LINK.c.sequence >= seal.first_sequence)
            .where(LINK.c.sequence <= seal.last_sequence)
            .order_by(LINK.c.sequence)
        )
        before = select(func.coalesce(func.sum(SEAL.c.closes), 0)).where(
            *is_of(SEAL, self._book), SEAL.c.epoch < seal.epoch
        )
        first = int(self._connection.execute(before).scalar_one()) if seal.closes else 0
        closes = closes_of(self._connection, self._book) if seal.closes else []
        return [
            *self._connection.execute(query).scalars(),
            *(close.leaf(self._book) for close in closes[first : first + seal.closes]),
        ]


def _link(row: Row[Any]) -> Link:
    return Link(sequence=row.sequence, entry_id=row.entry_id, leaf=row.leaf, link=row.link)
