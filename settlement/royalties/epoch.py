"""The timeline: which seconds and which blocks belong to an epoch.

Epoch e covers [start, end) by header timestamp. `#` is a block; `B` the boundary block, the highest
with timestamp < end; `R` the reference block, the highest with timestamp < end + grace.

    an ordinary epoch             start               end        grace end
                                    |#   #   #   #  B  |  #   #  R |   #
                                     payments for e ---+           |
                                     usage of e -------------------+

    a block exactly at the border   |#   #   #   B     #     R     |     the block at `end` is of
                                                      end                e + 1: it is not B

    an epoch without blocks        B|                  |     R     |     B lies before the start,
                                                                         R may be B itself

    finality lag                    |#   #   #   B     |  #  R     |  #  #  F      head
                                    computable once a FINALIZED block F stands at or after the
                                    grace end: before that, a block between R and the grace end
                                    could still come or go

Payments count up to B (the contract refuses later ones), usage up to R (the contract checks that
the epoch named is the current one, or the former one within grace). Several blocks may share one
timestamp; "highest" means by number. Mirrors `src/settlement/EpochClock.sol`.
"""

from dataclasses import dataclass

from contracts.evm import BlockRef, Epoch, Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The immutable clock of a settlement; all in seconds."""

    genesis: Timestamp
    length: int
    grace: int

    def epoch_at(self, timestamp: Timestamp) -> Epoch:
        """The epoch that a second belongs to; not before genesis."""
        return Epoch((timestamp - self.genesis) // self.length)

    def start_of(self, epoch: Epoch) -> Timestamp:
        """First second of the epoch."""
        return Timestamp(self.genesis + epoch * self.length)

    def end_of(self, epoch: Epoch) -> Timestamp:
        """First second after the epoch."""
        return Timestamp(self.start_of(epoch) + self.length)

    def grace_end_of(self, epoch: Epoch) -> Timestamp:
        """First second at which usage of the epoch is refused, and its commit accepted."""
        return Timestamp(self.end_of(epoch) + self.grace)

    def is_computable(self, epoch: Epoch, finalized: BlockRef) -> bool:
        """Whether nothing that counts for the epoch can change any more."""
        return finalized.timestamp >= self.grace_end_of(epoch)
