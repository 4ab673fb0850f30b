"""Recording many entries: what is stored is verified, what is new is copied in, in bulk.

The writer holds the book's lock, so what was looked up stays true until it commits. Every entry is
given what only its recording decides: the chain time at which the books learned it, which never
goes back; the month it counts for; whether balances were drawn at a later block before; and its
number and link in the chain of the book, which are committed with it. So nobody can alter an entry
before it is in the chain.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from contracts.evm import Hash32
from settlement.errors import BadEntry, EntryConflict
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.bulk import copied_bytes, copy_in, is_one_of
from settlement.ledger.adapters.period_tables import PERIOD_CLOSE
from settlement.ledger.adapters.queries import is_of
from settlement.ledger.adapters.recorded import microseconds
from settlement.ledger.adapters.seal_tables import CHECKPOINT_MARK
from settlement.ledger.adapters.seals import SealStore
from settlement.ledger.adapters.tables import ACCOUNT, CURSOR, JOURNAL_ENTRY
from settlement.ledger.journal import JournalEntry, SpelledPosting
from settlement.ledger.periods import assigned_period
from settlement.ledger.seal import SpelledEntry, chained

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
    """Where the books are when something is recorded; `newest` is their last entry."""

    now_us: int
    newest: Hash32 | None
    time: int
    closed: int | None
    drawn_at: int


@dataclass(slots=True)
class _Known:
    """An account's id, as it is and as COPY reads it; and whether its row is there."""

    id: Hash32
    spelled: str
    is_stored: bool = False


class _Said(NamedTuple):
    """An entry, its postings as digests contain them, and its digest."""

    entry: JournalEntry
    postings: Sequence[SpelledPosting]
    digest: Hash32


class _Booked(NamedTuple):
    """An entry with what its recording adds."""

    said: _Said
    booked_at: int
    period: int


class Recorder:
    """Records entries of one book in one transaction; accounts it has seen it knows by heart."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection, self._book = connection, book
        self._seals = SealStore(connection, book)
        self._place = f"{book.chain_id}\t{copied_bytes(book.contract)}"
        self._known: dict[str, _Known] = {}  # by path, which is hashed faster than its account

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
        heads: dict[Hash32, _Said] = {}
        for entry in entries:
            postings = [posting.spelled for posting in entry.postings]
            said = _Said(entry, postings, entry.digest_of(postings))
            if heads.setdefault(entry.id, said).digest != said.digest:
                raise EntryConflict("journal entry", entry.id)
        stored = select(JOURNAL_ENTRY.c.id, JOURNAL_ENTRY.c.content_digest)
        for row in self._connection.execute(stored.where(is_one_of(JOURNAL_ENTRY.c.id, heads))):
            if heads.pop(row.id).digest != row.content_digest:
                raise EntryConflict("journal entry", row.id)
        if heads:
            self._insert(heads.values())
        return len(heads)

    def _insert(self, heads: Collection[_Said]) -> None:
        clock = self._clock({said.entry.source.version for said in heads})
        self._add_accounts(
            {
                account.path: account
                for said in heads
                for posting in said.entry.postings
                for account in (posting.debit, posting.credit)
            }
        )
        booked = _booked(heads, clock)
        copy_in(self._connection, _POSTINGS, self._posting_rows(heads, clock))
        copy_in(self._connection, _ENTRIES, self._entry_rows(booked))
        self._chain(booked, clock)

    def _chain(self, entries: Iterable[_Booked], clock: _Clock) -> None:
        """Number and chain the entries, unless some before them are not: the sealer does it then.

        They are what `adapters.recorded` will read back, at the time that the database gives all
        rows of a transaction.
        """
        last = self._seals.last_link()
        if (last.entry_id if last else None) == clock.newest:
            spelled = (_spelled(each, clock.now_us) for each in entries)
            self._seals.add_links(chained(spelled, self._book, after=last))

    def _of(self, account: Account) -> _Known:
        found = self._known.get(account.path)
        if found is None:
            account_id = self._book.account_id(account)
            found = self._known[account.path] = _Known(account_id, copied_bytes(account_id))
        return found

    def _clock(self, versions: set[int]) -> _Clock:
        (version,) = versions if len(versions) == 1 else (None,)
        if version is None:
            raise BadEntry(f"entries of versions {sorted(versions)} recorded at once")
        newest = func.ledger_newest_entry(self._book.chain_id, self._book.contract)
        last = newest.table_valued("id", "booked_at")
        now, time, last_id, booked_at, closed, drawn_at = self._connection.execute(
            select(
                func.now(),
                select(func.max(CURSOR.c.timestamp))
                .where(*is_of(CURSOR, self._book))
                .scalar_subquery(),
                select(last.c.id).scalar_subquery(),
                select(last.c.booked_at).scalar_subquery(),
                select(func.max(PERIOD_CLOSE.c.period))
                .where(*is_of(PERIOD_CLOSE, self._book))
                .scalar_subquery(),
                select(func.max(CHECKPOINT_MARK.c.block_number))
                .where(*is_of(CHECKPOINT_MARK, self._book), CHECKPOINT_MARK.c.version == version)
                .scalar_subquery(),
            )
        ).one()
        return _Clock(
            now_us=microseconds(now),
            newest=last_id,
            time=max(time or 0, booked_at or 0),
            closed=closed,
            drawn_at=-1 if drawn_at is None else drawn_at,
        )

    def _add_accounts(self, accounts: Mapping[str, Account]) -> None:
        named = [(account, self._of(account)) for account in accounts.values()]
        unseen = [(account, one) for account, one in named if not one.is_stored]
        found = select(ACCOUNT.c.id).where(is_one_of(ACCOUNT.c.id, [one.id for _, one in unseen]))
        stored = set(self._connection.execute(found).scalars())
        new = [(account, one) for account, one in unseen if one.id not in stored]
        if new:
            copy_in(self._connection, _ACCOUNTS, self._account_rows(new))
        for _, one in unseen:
            one.is_stored = True

    def _account_rows(self, accounts: Iterable[tuple[Account, _Known]]) -> Iterable[str]:
        for account, one in accounts:
            epoch = _NULL if account.epoch is None else account.epoch
            work_id = _NULL if account.work_id is None else copied_bytes(account.work_id)
            part = _NULL if account.part is None else account.part
            payee = _NULL if account.payee is None else copied_bytes(account.payee)
            yield (
                f"{one.spelled}\t{self._place}\t{account.kind}\t{epoch}\t{work_id}\t{part}\t{payee}"
            )

    def _entry_rows(self, entries: Iterable[_Booked]) -> Iterable[str]:
        place = self._place
        for (entry, postings, digest), booked_at, period in entries:
            source, evidence = entry.source, entry.evidence
            proof = f"{_NULL}\t{_NULL}"
            if evidence is not None:
                proof = f"{evidence.block_number}\t\\\\x{evidence.block_hash.hex()}"
            yield (
                f"\\\\x{entry.id.hex()}\t{place}\t{source.kind}\t\\\\x{source.id.hex()}"
                f"\t{entry.leg}\t{source.version}\t{entry.status}\t{entry.effective_at}"
                f"\t{proof}\t{len(postings)}\t\\\\x{digest.hex()}"
                f"\t{entry.effective_block}\t{booked_at}\t{period}"
            )

    def _posting_rows(self, heads: Iterable[_Said], clock: _Clock) -> Iterable[str]:
        known = self._known
        for entry, _, _ in heads:
            spelled, block = entry.id.hex(), entry.effective_block
            head = f"{entry.source.version}\t{entry.status}\t{len(entry.postings)}"
            tail = f"{block}\t{'t' if block <= clock.drawn_at else 'f'}"
            for ordinal, posting in enumerate(entry.postings):
                yield (
                    f"\\\\x{spelled}\t{ordinal}\t{head}\t\\\\x{posting.asset.hex()}"
                    f"\t{posting.amount}\t{known[posting.debit.path].spelled}"
                    f"\t{known[posting.credit.path].spelled}\t{tail}"
                )


def _booked(heads: Iterable[_Said], clock: _Clock) -> list[_Booked]:
    """The time and month that each entry is booked in; the time never goes back."""
    booked: list[_Booked] = []
    time = clock.time
    for said in heads:
        at = said.entry.effective_at
        time = max(time, at)
        booked.append(_Booked(said, time, assigned_period(at, clock.closed)))
    return booked


def _spelled(booked: _Booked, recorded_at_us: int) -> SpelledEntry:
    """An entry as the chain contains it."""
    (entry, postings, _), booked_at, period = booked
    source, evidence = entry.source, entry.evidence
    return SpelledEntry(
        entry.id,
        source.kind,
        source.id,
        entry.leg,
        source.version,
        entry.status,
        entry.effective_at,
        entry.effective_block,
        b"" if evidence is None else evidence.block_hash,
        postings,
        booked_at,
        period,
        recorded_at_us,
    )
