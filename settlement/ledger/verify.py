"""Verification of a book: what can be computed again, is, and the first difference named.

    entries    id from the source, digest from the content, postings whole; no posting is unbalanced
               in any asset, because it is one amount with two accounts
    chain      numbered without gaps in the order of recording; leaf and link from the bytes
    seals      from the leaves, each over the one before, with entries of their epoch, and with the
               months that were closed since
    balances   no account below zero, nothing in transit, a version that was taken back sums to zero
    cursor     no entry of this version takes effect after it; evidence is on the finalized chain

What stands beside the journal is checked against it by `adapters.record_checks`: leaves, lines,
documents, commitments, reservations, closed months, entries by hand.

Rows are given as they are stored, not as objects that refuse to be wrong. Whoever can write the
whole database can write a whole new journal; a seal that was published before tells (`expected`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.evm import Address, BlockRef, Epoch, Hash32
from settlement.ledger.accounts import IN_TRANSIT, MAY_BE_NEGATIVE, Account, AssetAccount, Book
from settlement.ledger.journal import EntryStatus, JournalEntry, SourceKind
from settlement.ledger.periods import period_of
from settlement.ledger.seal import (
    FIRST_LINK,
    Link,
    PeriodClose,
    RecordedEntry,
    Seal,
    linked,
    sealed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a book is not what it must be."""

    what: str
    where: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as its rows say; `problem` is what keeps them from being one.

    `link` is its place in the chain, None while it has none.
    """

    entry_id: Hash32
    content_digest: Hash32
    recorded: RecordedEntry | None
    problem: str | None
    link: Link | None


@dataclass(slots=True)
class BookCheck:
    """The running state of one verification; feed it every entry in the order of arrival."""

    book: Book
    cursor: BlockRef | None
    version: int
    seals: Sequence[Seal]
    closes: Sequence[PeriodClose]
    entries: int = 0
    last: Link | None = None
    _leaves: list[Hash32] = field(default_factory=list)
    _sealed: int = 0
    _sealed_closes: int = 0
    _is_tail: bool = False
    _booked_at: int = 0
    _net: dict[tuple[int, EntryStatus], dict[AssetAccount, int]] = field(default_factory=dict)

    def entry(self, stored: StoredEntry) -> Difference | None:
        """Check the next entry."""
        self.entries += 1
        recorded = stored.recorded
        where = f"entry {stored.entry_id}"
        if recorded is None:
            return _differs("entry", where, "whole", stored.problem)
        entry = recorded.entry
        if entry.id != stored.entry_id:
            return _differs("id of an entry", where, entry.id, stored.entry_id)
        if entry.content_digest != stored.content_digest:
            digest = entry.content_digest
            return _differs("content digest of an entry", where, digest, stored.content_digest)
        return (
            self._time(recorded, where)
            or self._chain(stored, recorded, where)
            or self._add(entry, where)
        )

    def finish(self, links: int) -> Difference | None:
        """Check what only the whole book says; `links` is how many the database holds."""
        numbered = self.last.sequence if self.last else 0
        if links != numbered:
            return _differs("number of links", "chain", numbered, links)
        if found := self._seals_of_closes():
            return found
        if self._sealed != len(self.seals):
            seal = self.seals[self._sealed]
            where = f"seal of epoch {seal.epoch}"
            return _differs("last entry of a seal", where, f"up to {numbered}", seal.last_sequence)
        return self._balances()

    @property
    def unsealed_closes(self) -> int:
        """The newest closes, which no seal is over yet; ask at the end."""
        return len(self.closes) - self._sealed_closes

    def expected(self, roots: Mapping[Epoch, Hash32]) -> Difference | None:
        """Check seals that were published before."""
        stored = {seal.epoch: seal.root for seal in self.seals}
        for epoch, root in roots.items():
            if stored.get(epoch) != root:
                return _differs("seal", f"seal of epoch {epoch}", root, stored.get(epoch))
        return None

    def _time(self, recorded: RecordedEntry, where: str) -> Difference | None:
        entry = recorded.entry
        if recorded.booked_at < max(entry.effective_at, self._booked_at):
            wanted = f"at least {max(entry.effective_at, self._booked_at)}"
            return _differs("time of booking", where, wanted, recorded.booked_at)
        self._booked_at = recorded.booked_at
        if recorded.period < period_of(entry.effective_at):
            wanted = f"at least {period_of(entry.effective_at)}"
            return _differs("accounting period", where, wanted, recorded.period)
        is_current = entry.source.version == self.version
        if is_current and entry.source.kind is not SourceKind.REWIND:
            height = self.cursor.number if self.cursor else -1
            if entry.effective_block > height:
                return _differs(
                    "block of effect",
                    where,
                    f"at most the cursor's, {height}",
                    entry.effective_block,
                )
        return None

    def _chain(self, stored: StoredEntry, recorded: RecordedEntry, where: str) -> Difference | None:
        if stored.link is None:
            self._is_tail = True
            return None
        if self._is_tail:
            return _differs(
                "number of an entry", where, "none after one without", stored.link.sequence
            )
        wanted = linked(recorded.spelled, self.book, after=self.last)
        if stored.link != wanted:
            return _differs("link of an entry", where, _spelled(wanted), _spelled(stored.link))
        if found := self._seals_of_closes():
            return found
        self.last = wanted
        self._leaves.append(wanted.leaf)
        return self._seal(recorded, wanted)

    def _seal(self, recorded: RecordedEntry, link: Link) -> Difference | None:
        """A seal is checked when its last entry is; entries after it are of a later epoch."""
        before = self.seals[self._sealed - 1] if self._sealed else None
        where = f"entry {link.entry_id}"
        if before is not None and recorded.booked_at < before.ends_at:
            wanted = f"from {before.ends_at}, the end of sealed epoch {before.epoch}"
            return _differs("time of booking", where, wanted, recorded.booked_at)
        if self._sealed == len(self.seals):
            return None
        seal = self.seals[self._sealed]
        if link.sequence <= seal.last_sequence and recorded.booked_at >= seal.ends_at:
            wanted = f"before {seal.ends_at}, the end of epoch {seal.epoch} that seals it"
            return _differs("time of booking", where, wanted, recorded.booked_at)
        if link.sequence < seal.last_sequence:
            return None
        return self._complete(seal, link, before)

    def _seals_of_closes(self) -> Difference | None:
        """Check the seals that come next and are over closes alone."""
        found = None
        while found is None and not self._leaves and self._sealed < len(self.seals):
            seal = self.seals[self._sealed]
            if seal.last_sequence >= seal.first_sequence:
                break
            found = self._complete(
                seal, self.last, self.seals[self._sealed - 1] if self._sealed else None
            )
        return found

    def _complete(self, seal: Seal, link: Link | None, before: Seal | None) -> Difference | None:
        """Make a seal again from all that it is over; `link` is of the last entry up to it."""
        where = f"seal of epoch {seal.epoch}"
        closes = self.closes[self._sealed_closes : self._sealed_closes + seal.closes]
        if len(closes) != seal.closes:
            return _differs("closed months under a seal", where, seal.closes, len(closes))
        wanted = sealed(
            self._leaves,
            [close.leaf(self.book) for close in closes],
            epoch=seal.epoch,
            first_sequence=(link.sequence if link else 0) - len(self._leaves) + 1,
            ends_at=seal.ends_at,
            after=before.root if before else FIRST_LINK,
        )
        self._leaves = []
        self._sealed += 1
        self._sealed_closes += seal.closes
        if seal != wanted:
            return _differs("seal", where, _seal_spelled(wanted), _seal_spelled(seal))
        return None

    def _add(self, entry: JournalEntry, where: str) -> Difference | None:
        net = self._net.setdefault((entry.source.version, entry.status), {})
        for posting in entry.postings:
            for account, units in (
                (posting.debit, posting.amount),
                (posting.credit, -posting.amount),
            ):
                key = (account, posting.asset)
                net[key] = net.get(key, 0) + units
            if entry.status is EntryStatus.POSTED and IN_TRANSIT in (posting.debit, posting.credit):
                return _differs("posted entry", where, "nothing in transit", "in transit")
        return None

    def _balances(self) -> Difference | None:
        for (version, status), net in self._net.items():
            for (account, asset), units in net.items():
                where = f"account {account.path} in {asset}, version {version}"
                if version != self.version and units:
                    return _differs(f"{status} net of a version taken back", where, 0, units)
                balance = units if account.kind.is_debit_normal else -units
                is_below = balance < 0 and account.kind not in MAY_BE_NEGATIVE
                if status is EntryStatus.POSTED and is_below:
                    return _differs("balance", where, "not below zero", balance)
        return None


def account_differences(
    book: Book, accounts: Iterable[tuple[Hash32, Account | None]]
) -> Iterable[Difference]:
    """Accounts whose id is not that of what they are; None is one that the chart does not have."""
    for account_id, account in accounts:
        if account is None or book.account_id(account) != account_id:
            wanted = book.account_id(account) if account else "an account of the chart"
            yield _differs("id of an account", f"account {account_id}", wanted, account_id)


def evidence_difference(
    entry_id: Hash32, *, number: int, recorded: Hash32, finalized: Hash32 | None
) -> Difference | None:
    """Whether an entry's evidence is on the finalized chain."""
    if recorded == finalized:
        return None
    where = f"entry {entry_id}, block {number}"
    return _differs("evidence of an entry", where, finalized, recorded)


def totals_difference(
    key: tuple[Hash32, Address], block: int, *, wanted: tuple[int, int], stored: tuple[int, int]
) -> Difference | None:
    """Whether drawn totals are the sums of their postings."""
    if wanted == stored:
        return None
    where = f"account {key[0]} in {key[1]} at block {block}"
    return _differs("drawn totals", where, wanted, stored)


def _differs(what: str, where: str, expected: object, actual: object) -> Difference:
    return Difference(what=what, where=where, expected=str(expected), actual=str(actual))


def _spelled(link: Link) -> str:
    return f"{link.sequence} {link.link}"


def _seal_spelled(seal: Seal) -> str:
    return f"{seal.first_sequence} to {seal.last_sequence} after {seal.previous}: {seal.root}"
