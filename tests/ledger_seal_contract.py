"""Fakes of the sealer's world, and stories of journals that are sealed in portions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.evm import Epoch, Timestamp
from settlement.ledger.accounts import Book
from settlement.ledger.journal import JournalEntry
from settlement.ledger.periods import period_of
from settlement.ledger.seal import Link, PeriodClose, RecordedEntry, Seal, SpelledEntry
from settlement.ledger.sealing import SealLeaf
from tests.ledger_builders import BOOK


@dataclass(frozen=True)
class Clock:
    """Epochs of 100 seconds from 1,000,000 on."""

    genesis: int = 1_000_000
    length: int = 100


@dataclass
class MemorySeals:
    """A journal in memory for its sealer; serves `sealing.SealBooks`."""

    book: Book = BOOK
    recorded: list[RecordedEntry] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    seals: list[Seal] = field(default_factory=list)
    closes: list[PeriodClose] = field(default_factory=list)
    clock: int = 0

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Record entries at the time that the books are at."""
        for entry in entries:
            self.recorded.append(
                RecordedEntry(
                    entry=entry,
                    arrival=len(self.recorded) + 1,
                    booked_at=Timestamp(max(entry.effective_at, self.clock)),
                    period=period_of(entry.effective_at),
                    recorded_at_us=0,
                )
            )

    def lock(self) -> None:
        pass

    def last_link(self) -> Link | None:
        return self.links[-1] if self.links else None

    def unnumbered(self, *, entries_max: int) -> list[SpelledEntry]:
        waiting = self.recorded[len(self.links) :][:entries_max]
        return [recorded.spelled for recorded in waiting]

    def add_links(self, links: Sequence[Link]) -> None:
        self.links.extend(links)

    def time(self) -> Timestamp | None:
        return Timestamp(self.clock) if self.clock else None

    def last_seal(self) -> Seal | None:
        return self.seals[-1] if self.seals else None

    def leaves_after(self, sequence: int, *, entries_max: int | None) -> list[SealLeaf]:
        found = [
            SealLeaf(link.sequence, link.leaf, recorded.booked_at)
            for link, recorded in zip(self.links, self.recorded, strict=False)
            if link.sequence > sequence
        ]
        return found[:entries_max]

    def unsealed_closes(self) -> list[PeriodClose]:
        return self.closes[sum(seal.closes for seal in self.seals) :]

    def add_seal(self, seal: Seal) -> None:
        self.seals.append(seal)

    def leaves(self, epoch: Epoch) -> list[Link]:
        """The links under a seal."""
        (seal,) = [each for each in self.seals if each.epoch == epoch]
        return self.links[seal.first_sequence - 1 : seal.last_sequence]
