"""Usage of an epoch that tells how far its reading is: what takes the time in every large epoch.

A large epoch is read several times, once for each thing that is made of it: every reading has a
progress of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from rich.console import Console

from contracts.batches import ConsumptionColumns, SubscribedColumns
from contracts.evm import Address, Epoch
from contracts.packed_usage import PackedPseudonyms, PackedSubscriptions, PackedUsage
from scripts.progress import Progress, shown_bars
from settlement.royalties.allocate_shards import ShardFacts

Told: TypeAlias = Callable[[int, int], None]
"""Hears how many submissions of how many are read."""

Readings: TypeAlias = Callable[[str], Told]
"""Begins the progress of one reading, by what it is for."""


@dataclass(slots=True)
class CountedUsage:
    """`ShardFacts` whose submissions are counted as they are read; `total` is all of them."""

    facts: ShardFacts
    total: int
    told: Told
    _done: int = field(init=False, default=0)

    def usage(self, low: bytes, high: bytes | None) -> Iterator[PackedUsage]:
        """Usage submitted for the epoch, counted."""
        self.told(self._done, self.total)
        for batch in self.facts.usage(low, high):
            yield batch
            self._done += len(batch)
            self.told(self._done, self.total)

    def subscriptions(self, low: bytes, high: bytes | None) -> PackedSubscriptions:
        """Subscriptions paid for the epoch."""
        return self.facts.subscriptions(low, high)

    def pseudonyms(self) -> Iterator[PackedPseudonyms]:
        """All pseudonyms of the epoch."""
        return self.facts.pseudonyms()

    def subscribed_by(self, subscribers: Sequence[Address]) -> SubscribedColumns:
        """Subscriptions of these subscribers, in chain order."""
        return self.facts.subscribed_by(subscribers)

    def submitted_by(self, submitters: Sequence[Address]) -> ConsumptionColumns:
        """Usage that these submitted, in chain order."""
        return self.facts.submitted_by(submitters)


@contextmanager
def shown_readings(epoch: Epoch) -> Iterator[Readings]:
    """Bars for the readings of an epoch on standard error, or lines in the log."""
    with shown_bars(Console(stderr=True)) as bars:

        def reading(purpose: str) -> Told:
            progress = Progress(f"epoch {epoch}: {purpose}", "submissions", bars)
            return lambda done, total: progress.moved(done=done, total=total)

        yield reading
