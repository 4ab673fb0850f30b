"""Recording many entries: what is stored is verified, what is new is copied in, in bulk.

The writer holds the book's lock, so what was looked up stays true until it commits. Every entry is
given what only its recording decides: the chain time at which the books learned it, which never
goes back; the month it counts for; and whether balances were drawn at a later block before.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from contracts.evm import Hash32
from settlement.errors import BadEntry, EntryConflict
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.bulk import copied_bytes, copy_in
from settlement.ledger.adapters.period_tables import PERIOD_CLOSE
from settlement.ledger.adapters.queries import is_of
from settlement.ledger.adapters.seal_tables import CHECKPOINT_MARK
from settlement.ledger.adapters.tables import CURSOR, JOURNAL_ENTRY
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

_IDS = "SELECT substring(:ids FROM n * 32 + 1 FOR 32) FROM generate_series(0, :count - 1) n"
"""Many ids from one value: an array of them costs the driver more than Postgres's whole answer."""

_DIGESTS = f"SELECT id, content_digest FROM journal_entry WHERE id IN ({_IDS})"  # noqa: S608
_KNOWN = f"SELECT id FROM ledger_account WHERE id IN ({_IDS})"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """Where the books are when something is recorded."""

    time: int
    closed: int | None
    drawn_at: int


class Recorder:
    """Records entries of one book in one transaction; accounts it has seen it knows by heart."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection, self._book = connection, book
        self._ids: dict[Account, Hash32] = {}
        self._stored: set[Hash32] = set()

    def account_id(self, account: Account) -> Hash32:
        """Permanent id of an account."""
        found = self._ids.get(account)
        if found is None:
            found = self._ids[account] = self._book.account_id(account)
        return found

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones.

        Raises:
            EntryConflict: an entry of this id has other content.
        """
        if not entries:
            return 0
        heads: dict[Hash32, tuple[JournalEntry, Hash32]] = {}
        for entry in entries:
            entry_id = entry.id
            digest = entry.digest_under(entry_id)
            if heads.setdefault(entry_id, (entry, digest))[1] != digest:
                raise EntryConflict("journal entry", entry_id)
        for entry_id, digest in self._digests(heads):
            if heads.pop(entry_id)[1] != digest:
                raise EntryConflict("journal entry", entry_id)
        if heads:
            self._insert(heads)
        return len(heads)

    def _insert(self, heads: dict[Hash32, tuple[JournalEntry, Hash32]]) -> None:
        clock = self._clock({entry.source.version for entry, _ in heads.values()})
        self._add_accounts(
            {
                account
                for entry, _ in heads.values()
                for posting in entry.postings
                for account in (posting.debit, posting.credit)
            }
        )
        copy_in(self._connection, _POSTINGS, self._posting_rows(heads, clock))
        copy_in(self._connection, _ENTRIES, self._entry_rows(heads, clock))

    def _digests(self, ids: Collection[Hash32]) -> Iterable[tuple[Hash32, Hash32]]:
        """Ids and digests of those entries that are stored."""
        found = self._connection.execute(text(_DIGESTS), {"ids": b"".join(ids), "count": len(ids)})
        for row in found:
            yield Hash32(row[0]), Hash32(row[1])

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
        unseen = {self.account_id(account): account for account in accounts}
        for known in self._stored & unseen.keys():
            del unseen[known]
        values = {"ids": b"".join(unseen), "count": len(unseen)}
        for found in map(Hash32, self._connection.execute(text(_KNOWN), values).scalars()):
            self._stored.add(found)
            del unseen[found]
        if unseen:
            copy_in(self._connection, _ACCOUNTS, self._account_rows(unseen))
            self._stored |= unseen.keys()

    def _account_rows(self, accounts: dict[Hash32, Account]) -> Iterable[str]:
        place = f"{self._book.chain_id}\t{copied_bytes(self._book.contract)}"
        for account_id, account in accounts.items():
            values = (
                _NULL if account.epoch is None else str(account.epoch),
                _NULL if account.work_id is None else copied_bytes(account.work_id),
                _NULL if account.part is None else str(account.part),
                _NULL if account.payee is None else copied_bytes(account.payee),
            )
            yield "\t".join((copied_bytes(account_id), place, account.kind.value, *values))

    def _entry_rows(
        self, heads: dict[Hash32, tuple[JournalEntry, Hash32]], clock: _Clock
    ) -> Iterable[str]:
        place = f"{self._book.chain_id}\t{copied_bytes(self._book.contract)}"
        booked_at = clock.time
        for entry_id, (entry, digest) in heads.items():
            source, evidence = entry.source, entry.evidence
            booked_at = max(booked_at, entry.effective_at)
            proof = f"{_NULL}\t{_NULL}"
            if evidence is not None:
                proof = f"{evidence.block_number}\t{copied_bytes(evidence.block_hash)}"
            yield (
                f"{copied_bytes(entry_id)}\t{place}\t{source.kind.value}\t{copied_bytes(source.id)}"
                f"\t{entry.leg}\t{source.version}\t{entry.status.value}\t{entry.effective_at}"
                f"\t{proof}\t{len(entry.postings)}\t{copied_bytes(digest)}\t{entry.effective_block}"
                f"\t{booked_at}"
                f"\t{assigned_period(entry.effective_at, clock.closed)}"
            )

    def _posting_rows(
        self, heads: dict[Hash32, tuple[JournalEntry, Hash32]], clock: _Clock
    ) -> Iterable[str]:
        ids = self._ids
        for entry_id, (entry, _) in heads.items():
            count = len(entry.postings)
            head = f"{entry.source.version}\t{entry.status.value}\t{count}"
            is_late = "t" if entry.effective_block <= clock.drawn_at else "f"
            tail = f"{entry.effective_block}\t{is_late}"
            spelled = copied_bytes(entry_id)
            for ordinal, posting in enumerate(entry.postings):
                yield (
                    f"{spelled}\t{ordinal}\t{head}\t{copied_bytes(posting.asset)}\t{posting.amount}"
                    f"\t{copied_bytes(ids[posting.debit])}\t{copied_bytes(ids[posting.credit])}\t{tail}"
                )
