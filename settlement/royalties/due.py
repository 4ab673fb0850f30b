"""Which epoch to compute next: a question that facts and stored attempts answer."""

from typing import Protocol

from contracts.addresses import Settlement
from contracts.evm import Epoch, Timestamp
from contracts.money_events import EpochVetoed
from settlement.royalties.compute_epoch import EpochSource
from settlement.royalties.epoch import Timeline


class Attempt(Protocol):
    """A stored computation."""

    @property
    def epoch(self) -> Epoch:
        """Of this epoch."""

    @property
    def attempt(self) -> int:
        """Counted from 1."""


def due_epoch(
    latest: Attempt | None, *, settlement: Settlement, source: EpochSource
) -> Epoch | None:
    """The epoch whose current attempt is not stored; None before anything is final.

    The first one is the epoch of the start block. After a veto that is final, the same epoch is due
    again; otherwise the next. Whether it is computable is for `compute_epoch` to say.
    """
    reading, finalized = source.clock(), source.finalized()
    start = source.block(settlement.start_block)
    if reading is None or finalized is None or start is None:
        return None
    if latest is None:
        clock = Timeline(
            genesis=Timestamp(reading.genesis), length=reading.length, grace=reading.grace
        )
        return clock.epoch_at(start.timestamp)
    events = source.commitments(latest.epoch, finalized)
    vetoes = sum(isinstance(event, EpochVetoed) for event in events)
    return latest.epoch if vetoes >= latest.attempt else Epoch(latest.epoch + 1)
