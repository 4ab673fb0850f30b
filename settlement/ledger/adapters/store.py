"""The books of one settlement in Postgres, inside a transaction of the caller.

Implements `post.Books`, `reserve.ReservationBooks` and `rewind.RewindBooks`. The transaction must
be READ COMMITTED (the default): what is read after `lock` is then what the writer before has
committed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    keccak,
)
from contracts.leaves import Leaf, SplitLine
from settlement.errors import EntryConflict
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.bulk import chunks, insert_new
from settlement.ledger.adapters.queries import (
    current_version,
    is_current,
    is_of,
    select_balances,
    select_open_reservations,
)
from settlement.ledger.adapters.rows import (
    account_row,
    entries_from_rows,
    entry_row,
    posting_rows,
    select_entries,
    select_page,
)
from settlement.ledger.adapters.tables import (
    ACCOUNT,
    COMMITMENT,
    COMMITMENT_OUTCOME,
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
from settlement.ledger.journal import JournalEntry, SourceKind
from settlement.ledger.reserve import Reservation, ReservationOutcome
from settlement.ledger.rewind import BookRewind


class LedgerStore:
    """One book in one transaction."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection = connection
        self.book = book
        self._key = {"chain_id": book.chain_id, "contract": book.contract}

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        name = f"ledger {self.book.chain_id}/{self.book.contract}"
        key = int.from_bytes(keccak(name.encode())[:8], "big", signed=True)
        self._connection.execute(select(func.pg_advisory_xact_lock(key)))

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
        """Move the cursor; Postgres refuses to move it back."""
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

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones.

        Raises:
            EntryConflict: an entry of this id has other content.
        """
        accounts = {
            account
            for entry in entries
            for posting in entry.postings
            for account in (posting.debit, posting.credit)
        }
        account_rows = [account_row(account, self.book) for account in accounts]
        insert_new(self._connection, ACCOUNT, account_rows, returning=ACCOUNT.c.id)
        heads: dict[Hash32, dict[str, Any]] = {}
        for entry in entries:
            row = entry_row(entry, self.book)
            stored = heads.setdefault(row["id"], row)
            if stored["content_digest"] != row["content_digest"]:
                raise EntryConflict("journal entry", row["id"])
        new = insert_new(
            self._connection,
            JOURNAL_ENTRY,
            list(heads.values()),
            returning=JOURNAL_ENTRY.c.id,
        )
        self._verify_stored([row for entry_id, row in heads.items() if entry_id not in new])
        fresh = {entry_id: entry for entry in entries if (entry_id := entry.id) in new}
        rows = [row for entry in fresh.values() for row in posting_rows(entry, self.book)]
        insert_new(self._connection, POSTING, rows, returning=POSTING.c.entry_id)
        return len(fresh)

    def posted_balances(self, accounts: Collection[Account]) -> dict[tuple[Account, Address], int]:
        """Posted balances on the accounts' normal sides."""
        names = {self.book.account_id(account): account for account in accounts}
        balances: dict[tuple[Account, Address], int] = {}
        for chunk in chunks(list(names)):
            query = select_balances(self.book, ACCOUNT.c.id.in_(chunk))
            for row in self._connection.execute(query):
                account = names[row.id]
                balances[account, row.asset] = account.balance(
                    debits=int(row.debits), credits=int(row.credits)
                )
        return balances

    def add_commitment(self, commitment: Commitment) -> None:
        """Insert or verify; its entry must be recorded."""
        row = self._versioned() | {
            "epoch": commitment.epoch,
            "attempt": commitment.attempt,
            "block_number": commitment.ref.block_number,
            "log_index": commitment.ref.log_index,
            "manifest_digest": commitment.manifest_digest,
            "root": commitment.root,
            "active_at": commitment.active_at,
            "entry_id": commitment.entry.id if commitment.entry else None,
        }
        self._insert(COMMITMENT, [row])
        if self.commitment(commitment.epoch, commitment.attempt) != commitment:
            raise EntryConflict("commitment", (commitment.epoch, commitment.attempt))

    def commitment(self, epoch: Epoch, attempt: int) -> Commitment | None:
        """A commitment, open or not."""
        found = self._commitments(COMMITMENT.c.epoch == epoch, COMMITMENT.c.attempt == attempt)
        return found[0] if found else None

    def open_commitment(self) -> Commitment | None:
        """The commitment that is neither activated nor vetoed.

        Raises:
            EntryConflict: there are several, which the contract rules out.
        """
        keys = ("chain_id", "contract", "version", "epoch", "attempt")
        is_closed = (
            select(COMMITMENT_OUTCOME.c.epoch)
            .where(and_(*(COMMITMENT_OUTCOME.c[key] == COMMITMENT.c[key] for key in keys)))
            .exists()
        )
        found = self._commitments(~is_closed)
        if len(found) > 1:
            raise EntryConflict("open commitment", [each.epoch for each in found])
        return found[0] if found else None

    def close_commitment(self, commitment: Commitment, outcome: CommitmentOutcome) -> None:
        """Insert or verify how a commitment ended."""
        key = self._versioned() | {"epoch": commitment.epoch, "attempt": commitment.attempt}
        self._insert(COMMITMENT_OUTCOME, [key | {"outcome": outcome.value}])
        stored = self._connection.execute(
            select(COMMITMENT_OUTCOME.c.outcome).where(
                *self._is_current(COMMITMENT_OUTCOME),
                COMMITMENT_OUTCOME.c.epoch == commitment.epoch,
                COMMITMENT_OUTCOME.c.attempt == commitment.attempt,
            )
        ).scalar_one()
        if stored != outcome.value:
            raise EntryConflict("commitment outcome", (commitment.epoch, commitment.attempt))

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
        for chunk in chunks(list(op_ids)):
            query = (
                select(LEAF, ACCOUNT.c.payee, POSTING.c.amount)
                .join(POSTING, POSTING.c.entry_id == LEAF.c.entry_id)
                .join(ACCOUNT, ACCOUNT.c.id == POSTING.c.credit_account)
                .where(*self._is_current(LEAF), LEAF.c.op_id.in_(chunk))
                .order_by(LEAF.c.op_id, POSTING.c.ordinal)
            )
            for row in self._connection.execute(query):
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
        version = entry.source.version
        row = {"op_id": op_id, "version": version, "attempt": attempt, "entry_id": entry.id}
        self._connection.execute(insert(RESERVATION), [row])

    def void_reservation(self, op_id: Hash32, attempt: int) -> None:
        """End an open reservation as voided."""
        outcome = ReservationOutcome.VOIDED.value
        version = self.version()
        row = {"op_id": op_id, "version": version, "attempt": attempt, "outcome": outcome}
        self._connection.execute(insert(RESERVATION_OUTCOME), [row])

    def post_reservations(self, settled: Mapping[Hash32, LogRef]) -> None:
        """End the open reservations of these op-ids as posted."""
        rows: list[dict[str, Any]] = []
        for chunk in chunks(list(settled)):
            query = select_open_reservations(
                RESERVATION.c.op_id, RESERVATION.c.version, RESERVATION.c.attempt
            ).where(RESERVATION.c.op_id.in_(chunk), self._is_current_reservation())
            found = self._connection.execute(query)
            rows.extend(
                {
                    "op_id": row.op_id,
                    "version": row.version,
                    "attempt": row.attempt,
                    "outcome": ReservationOutcome.POSTED.value,
                    "block_number": settled[row.op_id].block_number,
                    "log_index": settled[row.op_id].log_index,
                }
                for row in found
            )
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

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(insert(table).on_conflict_do_nothing(), rows)

    def _verify_stored(self, rows: Sequence[dict[str, Any]]) -> None:
        """Entries that were there before have the same content."""
        for chunk in chunks(rows):
            query = select(JOURNAL_ENTRY.c.id, JOURNAL_ENTRY.c.content_digest).where(
                *is_of(JOURNAL_ENTRY, self.book),
                JOURNAL_ENTRY.c.id.in_([row["id"] for row in chunk]),
            )
            stored = {row.id: row.content_digest for row in self._connection.execute(query)}
            for row in chunk:
                if stored.get(row["id"]) != row["content_digest"]:
                    raise EntryConflict("journal entry", row["id"])

    def _commitments(self, *conditions: Any) -> list[Commitment]:  # noqa: ANN401
        query = select(COMMITMENT).where(*self._is_current(COMMITMENT), *conditions)
        return [
            Commitment(
                ref=LogRef(
                    self.book.chain_id, BlockNumber(row.block_number), LogIndex(row.log_index)
                ),
                epoch=row.epoch,
                attempt=row.attempt,
                manifest_digest=row.manifest_digest,
                root=row.root,
                active_at=row.active_at,
                entry=self._entry(row.entry_id) if row.entry_id else None,
            )
            for row in self._connection.execute(query).all()
        ]

    def _entry(self, entry_id: Hash32) -> JournalEntry:
        query = select_entries().where(JOURNAL_ENTRY.c.id == entry_id)
        rows = self._connection.execute(query.order_by(POSTING.c.ordinal))
        return entries_from_rows(rows)[0]
