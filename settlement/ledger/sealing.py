"""Seal the epochs of a book that are over, and number what has no place in the chain yet.

Entries are numbered and chained by whoever records them, in the transaction that does. Those that
an older release left without a link are read back, checked and numbered here, and those recorded
behind them by then. Numbering follows the order of recording, in which the writers of a book and
its sealer take turns: it is the same in whatever portions it happens. An epoch is sealed once the
books' own clock, the time of their cursor, is past its end: nothing that is recorded later is
booked in it.

A month that was closed is under the seal of the epoch in which it was, which may have no entry.
Closing takes turns with posting, which moves the clock: so a close is there when its epoch is
sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple, Protocol

from contracts.evm import Epoch, Hash32, Timestamp
from settlement.ledger.accounts import Book
from settlement.ledger.errors import JournalDiffers
from settlement.ledger.seal import (
    FIRST_LINK,
    Link,
    PeriodClose,
    Seal,
    SpelledEntry,
    chained,
    sealed,
)


class SealClock(Protocol):
    """How epochs lie in time, in seconds."""

    @property
    def genesis(self) -> int:
        """When epoch 0 begins."""
        ...

    @property
    def length(self) -> int:
        """How long an epoch is."""
        ...


class SealLeaf(NamedTuple):
    """A numbered entry as a seal needs it."""

    sequence: int
    leaf: Hash32
    booked_at: Timestamp


class SealBooks(Protocol):
    """What the sealer needs of one book, in one database transaction."""

    @property
    def book(self) -> Book:
        """Whose books they are."""
        ...

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        ...

    def last_link(self) -> Link | None:
        """The last entry that is numbered."""
        ...

    def unnumbered(self, *, entries_max: int) -> list[SpelledEntry]:
        """The next entries in the order of arrival, each checked against its digest."""
        ...

    def add_links(self, links: Sequence[Link]) -> None:
        """Insert links."""
        ...

    def time(self) -> Timestamp | None:
        """The highest time that any cursor of this book reached; ask before `unnumbered`."""
        ...

    def last_seal(self) -> Seal | None:
        """The newest seal."""
        ...

    def leaves_after(self, sequence: int, *, entries_max: int | None) -> list[SealLeaf]:
        """Numbered entries from the next one on; all of them where there is no limit."""
        ...

    def unsealed_closes(self) -> list[PeriodClose]:
        """Closed months that no seal is over, oldest first."""
        ...

    def add_seal(self, seal: Seal) -> None:
        """Insert a seal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SealStep:
    """What one step did; it is caught up when nothing recorded is left to number."""

    numbered: int
    seals: tuple[Seal, ...]
    is_caught_up: bool


def seal_step(books: SealBooks, clock: SealClock, *, entries_max: int) -> SealStep:
    """Number at most so many entries; once all are numbered, seal the epochs that are over.

    Call it, each time in a new transaction, until it is caught up. Again, it changes nothing.

    Raises:
        EntryConflict: an entry does not have the content that was recorded.
        JournalDiffers: entries are not in the order in which the books learned of them.
    """
    books.lock()
    time = books.time()
    entries = books.unnumbered(entries_max=entries_max)
    links = chained(entries, books.book, after=books.last_link())
    books.add_links(links)
    is_caught_up = len(entries) < entries_max
    seals = _seal_epochs(books, clock, time) if is_caught_up and time is not None else ()
    return SealStep(numbered=len(links), seals=tuple(seals), is_caught_up=is_caught_up)


def epoch_at(timestamp: Timestamp, clock: SealClock) -> Epoch:
    """The epoch of a time; what was before the first counts as in it."""
    return Epoch(max(0, (timestamp - clock.genesis) // clock.length))


def _seal_epochs(books: SealBooks, clock: SealClock, time: Timestamp) -> list[Seal]:
    """Seal every epoch with entries or closes that ended by the books' time, oldest first."""
    last, now = books.last_seal(), epoch_at(time, clock)
    sealed_to = last.last_sequence if last else 0
    closes = books.unsealed_closes()
    booked = [leaf.booked_at for leaf in books.leaves_after(sealed_to, entries_max=1)]
    booked += [close.booked_at for close in closes]
    if not any(epoch_at(at, clock) < now for at in booked):
        return []
    seals: list[Seal] = []
    leaves = books.leaves_after(sealed_to, entries_max=None)
    for one in _epochs(leaves, closes, clock, last):
        if one.epoch < now:
            seal = _seal(books, clock, one, closes, seals[-1] if seals else last)
            closes = closes[seal.closes :]
            seals.append(seal)
    return seals


class _Epoch(NamedTuple):
    """An epoch to seal, with its entries."""

    epoch: Epoch
    leaves: Sequence[SealLeaf]


def _epochs(
    leaves: Sequence[SealLeaf], closes: Sequence[PeriodClose], clock: SealClock, last: Seal | None
) -> list[_Epoch]:
    """The epochs after the last seal with their entries; in some, months were closed and no more.

    A close that an older release left unsealed is in the first of them.
    """
    found = [
        _Epoch(epoch, list(group))
        for epoch, group in groupby(leaves, key=lambda leaf: epoch_at(leaf.booked_at, clock))
    ]
    sealed_to = last.epoch if last else -1
    known = [one.epoch for one in found]
    for before, epoch in pairwise([sealed_to, *known]):
        if epoch <= before:
            raise JournalDiffers("epoch to seal", expected=f"above {before}", actual=epoch)
    closed = {max(sealed_to + 1, epoch_at(close.booked_at, clock)) for close in closes}
    alone = [_Epoch(Epoch(epoch), []) for epoch in closed.difference(known)]
    return sorted((*found, *alone), key=attrgetter("epoch"))


def _seal(
    books: SealBooks,
    clock: SealClock,
    over: _Epoch,
    closes: Sequence[PeriodClose],
    last: Seal | None,
) -> Seal:
    """Seal the epoch of these entries, with the closes that were made before its end."""
    ends_at = Timestamp(clock.genesis + (over.epoch + 1) * clock.length)
    seal = sealed(
        [leaf.leaf for leaf in over.leaves],
        [close.leaf(books.book) for close in closes if close.booked_at < ends_at],
        epoch=over.epoch,
        first_sequence=last.last_sequence + 1 if last else 1,
        ends_at=ends_at,
        after=last.root if last else FIRST_LINK,
    )
    books.add_seal(seal)
    return seal
