"""The books of one settlement in Postgres, inside a transaction of the caller.

Implements `books.Books`, `post_payments.LineBooks`, `reserve.ReservationBooks`,
`rewind.RewindBooks`, `manual.ManualBooks` and `periods.PeriodBooks`. The transaction must be READ
COMMITTED (the default): what is read after `lock` is then what the writer before has committed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import (
    BlockRef,
    Epoch,
    Hash32,
    LogRef,
    Timestamp,
)
from contracts.leaves import Leaf, SplitLine
from settlement.ledger.accounts import AccountKind, AssetAccount, Book
from settlement.ledger.adapters import commitment_rows, line_rows, manual_rows
from settlement.ledger.adapters.bulk import insert_new, is_one_of
from settlement.ledger.adapters.checkpoints import Drawing, draw_totals, totals_at
from settlement.ledger.adapters.period_tables import PERIOD_CLOSE
from settlement.ledger.adapters.queries import (
    current_version,
    is_current,
    is_of,
    lock_book,
    select_open_reservations,
)
from settlement.ledger.adapters.record import Recorder
from settlement.ledger.adapters.rows import entries_from_rows, select_page
from settlement.ledger.adapters.tables import (
    ACCOUNT,
    CURSOR,
    JOURNAL_ENTRY,
    LEAF,
    POSTING,
    RESERVATION,
    RESERVATION_OUTCOME,
    REWIND,
)
from settlement.ledger.balances import JournalKey
from settlement.ledger.commitments import Commitment, CommitmentOutcome
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.journal import JournalEntry, SourceKind
from settlement.ledger.lines import OwedLine
from settlement.ledger.manual import Decided, ManualEntry
from settlement.ledger.reserve import Reservation, ReservationOutcome
from settlement.ledger.rewind import BookRewind

_DRAWING = Drawing()


class LedgerStore:
    """One book in one transaction."""

    def __init__(self, connection: Connection, book: Book, *, drawing: Drawing = _DRAWING) -> None:
        self._connection, self._drawing = connection, drawing
        self.book = book
        self._key = {"chain_id": book.chain_id, "contract": book.contract}
        self._recorder = Recorder(connection, book)

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        lock_book(self._connection, self.book)

    def version(self) -> int:
        """How often the books were taken back and begun again; ask after `lock`."""
        return self._connection.execute(select(current_version(self.book))).scalar_one()

    def cursor(self) -> BlockRef | None:
        """The block up to which events are posted."""
        query = select(CURSOR).where(*self._is_current(CURSOR))
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return BlockRef(
            number=row.block_number,
            hash=row.block_hash,
            parent_hash=row.parent_hash,
            timestamp=row.timestamp,
        )

    def advance(self, to: BlockRef) -> None:
        """Move the cursor, which Postgres refuses to move back, and draw balances that are due."""
        values = {
            "block_number": to.number,
            "block_hash": to.hash,
            "parent_hash": to.parent_hash,
            "timestamp": to.timestamp,
        }
        statement = insert(CURSOR).values(**self._versioned(), **values)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=list(CURSOR.primary_key), set_=values)
        )
        draw_totals(
            self._connection, self.book, self._drawing, version=self.version(), upto=to.number
        )

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones.

        Raises:
            EntryConflict: an entry of this id has other content.
        """
        return self._recorder.record(entries)

    def posted_balances(self, accounts: Collection[AssetAccount]) -> dict[AssetAccount, int]:
        """Posted balances on the accounts' normal sides, where anything was posted."""
        names = {(self._recorder.account_id(pair[0]), pair[1]): pair for pair in accounts}
        totals = totals_at(self._connection, names, version=self.version(), block=None)
        return {
            names[key]: names[key][0].balance(debits=debits, credits=credits)
            for key, (debits, credits) in totals.items()
        }

    def add_commitment(self, commitment: Commitment) -> None:
        """Insert or verify; its entry must be recorded."""
        commitment_rows.add(self._connection, self.book, self.version(), commitment)

    def commitment(self, epoch: Epoch, attempt: int) -> Commitment | None:
        """A commitment, open or not."""
        return commitment_rows.find(self._connection, self.book, epoch, attempt)

    def open_commitment(self) -> Commitment | None:
        """The commitment that is neither activated nor vetoed.

        Raises:
            EntryConflict: there are several, which the contract rules out.
        """
        return commitment_rows.find_open(self._connection, self.book)

    def close_commitment(self, commitment: Commitment, outcome: CommitmentOutcome) -> None:
        """Insert or verify how a commitment ended."""
        commitment_rows.close(self._connection, self.book, self.version(), commitment, outcome)

    def add_leaves(self, leaves: Mapping[Hash32, tuple[Leaf, JournalEntry]]) -> None:
        """Insert payable leaves; their entries, which hold all they say, are verified already."""
        key = self._versioned()
        rows = [
            key
            | {
                "op_id": op_id,
                "epoch": leaf.epoch,
                "work_id": leaf.work_id,
                "part": leaf.part,
                "asset": leaf.asset,
                "entry_id": entry.id,
            }
            for op_id, (leaf, entry) in leaves.items()
        ]
        insert_new(self._connection, LEAF, rows, returning=LEAF.c.op_id)

    def leaves(self, op_ids: Collection[Hash32]) -> dict[Hash32, Leaf]:
        """Leaves of active epochs by op-id, as far as they are known."""
        lines: dict[Hash32, list[SplitLine]] = {}
        heads: dict[Hash32, Any] = {}
        query = (
            select(LEAF, ACCOUNT.c.payee, POSTING.c.amount)
            .join(POSTING, POSTING.c.entry_id == LEAF.c.entry_id)
            .join(ACCOUNT, ACCOUNT.c.id == POSTING.c.credit_account)
            .where(*self._is_current(LEAF), is_one_of(LEAF.c.op_id, op_ids))
            .order_by(LEAF.c.op_id, POSTING.c.ordinal)
        )
        for row in self._connection.execute(query) if op_ids else ():
            heads[row.op_id] = row
            lines.setdefault(row.op_id, []).append(
                SplitLine(payee=row.payee or self.book.contract, amount=row.amount)
            )
        return {
            op_id: Leaf(
                epoch=head.epoch,
                work_id=head.work_id,
                part=head.part,
                asset=head.asset,
                lines=tuple(lines[op_id]),
            )
            for op_id, head in heads.items()
        }

    def last_reservation(self, op_id: Hash32) -> Reservation | None:
        """The latest attempt at an op-id."""
        row = self._connection.execute(
            select(RESERVATION.c.attempt, RESERVATION_OUTCOME.c.outcome)
            .outerjoin(
                RESERVATION_OUTCOME,
                and_(
                    RESERVATION_OUTCOME.c.op_id == RESERVATION.c.op_id,
                    RESERVATION_OUTCOME.c.version == RESERVATION.c.version,
                    RESERVATION_OUTCOME.c.attempt == RESERVATION.c.attempt,
                ),
            )
            .where(RESERVATION.c.op_id == op_id, self._is_current_reservation())
            .order_by(RESERVATION.c.attempt.desc())
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        outcome = ReservationOutcome(row.outcome) if row.outcome else None
        return Reservation(op_id=op_id, attempt=row.attempt, outcome=outcome)

    def add_reservation(self, op_id: Hash32, attempt: int, entry: JournalEntry) -> None:
        """Insert a reservation with its pending entry."""
        self.record([entry])
        version, is_line = entry.source.version, entry.postings[0].debit.kind is AccountKind.OWED
        row = {"op_id": op_id, "version": version, "attempt": attempt, "entry_id": entry.id}
        self._connection.execute(insert(RESERVATION), [row | {"is_line": is_line}])

    def void_reservation(self, op_id: Hash32, attempt: int) -> None:
        """End an open reservation as voided."""
        outcome = ReservationOutcome.VOIDED.value
        version = self.version()
        row = {"op_id": op_id, "version": version, "attempt": attempt, "outcome": outcome}
        self._connection.execute(insert(RESERVATION_OUTCOME), [row])

    def post_reservations(self, settled: Mapping[Hash32, LogRef]) -> None:
        """End the open reservations of these op-ids as posted."""
        query = select_open_reservations(
            RESERVATION.c.op_id, RESERVATION.c.version, RESERVATION.c.attempt
        ).where(is_one_of(RESERVATION.c.op_id, settled), self._is_current_reservation())
        rows = [
            {
                "op_id": row.op_id,
                "version": row.version,
                "attempt": row.attempt,
                "outcome": ReservationOutcome.POSTED.value,
                "block_number": settled[row.op_id].block_number,
                "log_index": settled[row.op_id].log_index,
            }
            for row in (self._connection.execute(query) if settled else ())
        ]
        if rows:
            self._connection.execute(insert(RESERVATION_OUTCOME), rows)

    def standing(self, *, after: JournalKey | None, entries_max: int) -> list[JournalEntry]:
        """Entries of this version, without reversing ones of a rewind, in the journal's order."""
        query = select_page(
            *self._is_current(JOURNAL_ENTRY),
            JOURNAL_ENTRY.c.source_kind != SourceKind.REWIND.value,
            after=after,
            entries_max=entries_max,
        )
        return entries_from_rows(self._connection.execute(query))

    def begin_version(self, rewind: BookRewind) -> None:
        """Begin the next version, in which nothing is posted."""
        row = self._key | {
            "version": rewind.version,
            "block_number": rewind.to.number,
            "block_hash": rewind.to.hash,
            "reason": rewind.reason,
        }
        self._connection.execute(insert(REWIND), [row])

    def _versioned(self) -> dict[str, Any]:
        return self._key | {"version": self.version()}

    def _is_current(self, table: Table) -> list[Any]:
        return is_current(table, self.book)

    def _is_current_reservation(self) -> ColumnElement[bool]:
        return RESERVATION.c.version == current_version(self.book)

    def booked_lists(self) -> set[Hash32]:
        """Lists of documents that are booked in this version."""
        return line_rows.booked_lists(self._connection, self.book)

    def add_document(self, document: AcceptedDocument) -> None:
        """Say that a document is booked."""
        line_rows.add_document(self._connection, self.book, self.version(), document)

    def add_lines(self, lines: Sequence[tuple[OwedLine, JournalEntry]]) -> None:
        """Insert lines, or verify them, with the entries that owe them."""
        line_rows.add_lines(self._connection, self.book, lines, self._recorder.spelled_id)

    def lines(self, op_ids: Sequence[Hash32]) -> dict[Hash32, OwedLine]:
        """Lines by op-id, as far as they are known in this version."""
        return line_rows.lines(self._connection, self.book, op_ids)

    def unbooked_manuals(self, upto: BlockRef) -> list[ManualEntry]:
        """Approved manual entries that are not booked in this version; by id."""
        return manual_rows.unbooked(self._connection, self.book, self.version(), upto)

    def add_manual(self, manual: ManualEntry) -> None:
        """Insert a proposal; the same one again is harmless."""
        manual_rows.add(self._connection, manual)

    def manual(self, manual_id: Hash32) -> tuple[ManualEntry, Decided | None] | None:
        """A proposal and what was decided."""
        return manual_rows.find(self._connection, manual_id)

    def decide_manual(self, manual: ManualEntry, decided: Decided) -> None:
        """Insert the decision; Postgres refuses one by the maker."""
        manual_rows.decide(self._connection, manual, decided)

    def closed_period(self) -> int | None:
        """The last month that is closed."""
        query = select(func.max(PERIOD_CLOSE.c.period)).where(*is_of(PERIOD_CLOSE, self.book))
        return self._connection.execute(query).scalar()

    def first_period(self) -> int | None:
        """The month of the first entry; None while there is none."""
        query = (
            select(JOURNAL_ENTRY.c.period)
            .where(*is_of(JOURNAL_ENTRY, self.book))
            .order_by(JOURNAL_ENTRY.c.arrival)
            .limit(1)
        )
        return self._connection.execute(query).scalar()

    def close_period(self, period: int, closed_by: str, booked_at: Timestamp) -> None:
        """Close a month, in which nothing can be recorded from then on, at a time of the books.

        The clock is asked now, under the lock: what was recorded before began before.
        """
        row = self._key | {"period": period, "closed_by": closed_by, "booked_at": booked_at}
        statement = insert(PERIOD_CLOSE).values(**row, recorded_at=func.clock_timestamp())
        self._connection.execute(statement)
