"""Recording many entries: what is stored is verified, what is new is copied in, in bulk.

The writer holds the book's lock, so what was looked up stays true until it commits. Every entry is
given what only its recording decides: the chain time at which the books learned it, which never
goes back; the month it counts for; and whether balances were drawn at a later block before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from contracts.evm import Hash32
from settlement.errors import BadEntry, EntryConflict
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.bulk import copied_bytes, copy_in, is_one_of
from settlement.ledger.adapters.period_tables import PERIOD_CLOSE
from settlement.ledger.adapters.queries import is_of
from settlement.ledger.adapters.seal_tables import CHECKPOINT_MARK
from settlement.ledger.adapters.tables import ACCOUNT, CURSOR, JOURNAL_ENTRY
from settlement.ledger.journal import JournalEntry
from settlement.ledger.periods import assigned_period

_NULL = "\\N"
_ACCOUNTS = (
    "COPY ledger_account (id, chain_id, contract, kind, epoch, work_id, part, payee) FROM STDIN"
)
_ENTRIES = (
    "COPY journal_entry (id, chain_id, contract, source_kind, source_id, leg, version, status,"
    " effective_at, block_number, block_hash, posting_count, content_digest, effective_block,"
    " booked_at, period) FROM STDIN"
)
_POSTINGS = (
    "COPY posting (entry_id, ordinal, version, status, posting_count, asset, amount,"
    " debit_account, credit_account, effective_block, is_late) FROM STDIN"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """Where the books are when something is recorded."""

    time: int
    closed: int | None
    drawn_at: int


@dataclass(slots=True)
class _Known:
    """An account's id, as it is and as COPY reads it; and whether its row is there."""

    id: Hash32
    spelled: str
    is_stored: bool = False


class Recorder:
    """Records entries of one book in one transaction; accounts it has seen it knows by heart."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection, self._book = connection, book
        self._place = f"{book.chain_id}\t{copied_bytes(book.contract)}"
        self._known: dict[Account, _Known] = {}

    def account_id(self, account: Account) -> Hash32:
        """Permanent id of an account."""
        return self._of(account).id

    def spelled_id(self, account: Account) -> str:
        """The id of an account, as COPY reads it."""
        return self._of(account).spelled

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones.

        Raises:
            EntryConflict: an entry of this id has other content.
        """
        heads: dict[Hash32, tuple[JournalEntry, Hash32]] = {}
        for entry in entries:
            digest = entry.content_digest
            if heads.setdefault(entry.id, (entry, digest))[1] != digest:
                raise EntryConflict("journal entry", entry.id)
        stored = select(JOURNAL_ENTRY.c.id, JOURNAL_ENTRY.c.content_digest)
        for row in self._connection.execute(stored.where(is_one_of(JOURNAL_ENTRY.c.id, heads))):
            if heads.pop(row.id)[1] != row.content_digest:
                raise EntryConflict("journal entry", row.id)
        if heads:
            self._insert(heads.values())
        return len(heads)

    def _insert(self, heads: Collection[tuple[JournalEntry, Hash32]]) -> None:
        clock = self._clock({entry.source.version for entry, _ in heads})
        self._add_accounts(
            {
                account
                for entry, _ in heads
                for posting in entry.postings
                for account in (posting.debit, posting.credit)
            }
        )
        copy_in(self._connection, _POSTINGS, self._posting_rows(heads, clock))
        copy_in(self._connection, _ENTRIES, self._entry_rows(heads, clock))

    def _of(self, account: Account) -> _Known:
        found = self._known.get(account)
        if found is None:
            account_id = self._book.account_id(account)
            found = self._known[account] = _Known(account_id, copied_bytes(account_id))
        return found

    def _clock(self, versions: set[int]) -> _Clock:
        (version,) = versions if len(versions) == 1 else (None,)
        if version is None:
            raise BadEntry(f"entries of versions {sorted(versions)} recorded at once")
        time, booked_at, closed, drawn_at = self._connection.execute(
            select(
                select(func.max(CURSOR.c.timestamp))
                .where(*is_of(CURSOR, self._book))
                .scalar_subquery(),
                select(JOURNAL_ENTRY.c.booked_at)
                .where(*is_of(JOURNAL_ENTRY, self._book))
                .order_by(JOURNAL_ENTRY.c.arrival.desc())
                .limit(1)
                .scalar_subquery(),
                select(func.max(PERIOD_CLOSE.c.period))
                .where(*is_of(PERIOD_CLOSE, self._book))
                .scalar_subquery(),
                select(func.max(CHECKPOINT_MARK.c.block_number))
                .where(*is_of(CHECKPOINT_MARK, self._book), CHECKPOINT_MARK.c.version == version)
                .scalar_subquery(),
            )
        ).one()
        return _Clock(
            time=max(time or 0, booked_at or 0),
            closed=closed,
            drawn_at=-1 if drawn_at is None else drawn_at,
        )

    def _add_accounts(self, accounts: Collection[Account]) -> None:
        unseen = {account: self._of(account) for account in accounts}
        unseen = {account: one for account, one in unseen.items() if not one.is_stored}
        ids = [one.id for one in unseen.values()]
        found = select(ACCOUNT.c.id).where(is_one_of(ACCOUNT.c.id, ids))
        stored = set(self._connection.execute(found).scalars())
        new = {account: one for account, one in unseen.items() if one.id not in stored}
        if new:
            copy_in(self._connection, _ACCOUNTS, self._account_rows(new))
        for one in unseen.values():
            one.is_stored = True

    def _account_rows(self, accounts: Mapping[Account, _Known]) -> Iterable[str]:
        for account, one in accounts.items():
            epoch = _NULL if account.epoch is None else account.epoch
            work_id = _NULL if account.work_id is None else copied_bytes(account.work_id)
            part = _NULL if account.part is None else account.part
            payee = _NULL if account.payee is None else copied_bytes(account.payee)
            yield (
                f"{one.spelled}\t{self._place}\t{account.kind}\t{epoch}\t{work_id}\t{part}\t{payee}"
            )

    def _entry_rows(
        self, heads: Iterable[tuple[JournalEntry, Hash32]], clock: _Clock
    ) -> Iterable[str]:
        place, booked_at, closed = self._place, clock.time, clock.closed
        for entry, digest in heads:
            source, evidence, at = entry.source, entry.evidence, entry.effective_at
            booked_at = max(booked_at, at)
            proof = f"{_NULL}\t{_NULL}"
            if evidence is not None:
                proof = f"{evidence.block_number}\t{copied_bytes(evidence.block_hash)}"
            yield (
                f"{copied_bytes(entry.id)}\t{place}\t{source.kind}\t{copied_bytes(source.id)}"
                f"\t{entry.leg}\t{source.version}\t{entry.status}\t{at}"
                f"\t{proof}\t{len(entry.postings)}\t{copied_bytes(digest)}"
                f"\t{entry.effective_block}\t{booked_at}\t{assigned_period(at, closed)}"
            )

    def _posting_rows(
        self, heads: Iterable[tuple[JournalEntry, Hash32]], clock: _Clock
    ) -> Iterable[str]:
        known = self._known
        for entry, _ in heads:
            spelled, block = copied_bytes(entry.id), entry.effective_block
            head = f"{entry.source.version}\t{entry.status}\t{len(entry.postings)}"
            tail = f"{block}\t{'t' if block <= clock.drawn_at else 'f'}"
            for ordinal, posting in enumerate(entry.postings):
                yield (
                    f"{spelled}\t{ordinal}\t{head}\t{copied_bytes(posting.asset)}"
                    f"\t{posting.amount}\t{known[posting.debit].spelled}"
                    f"\t{known[posting.credit].spelled}\t{tail}"
                )
