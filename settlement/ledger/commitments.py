"""A committed epoch on its way to payable leaves.

    EpochCommitted ──► open ──► activated   (a finalized block with timestamp ≥ active_at exists)
                         └────► vetoed      (EpochVetoed, always before active_at)

At most one commitment of a book is open: the contract commits in sequence, and the one before must
be active.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, Epoch, Hash32, LogRef, Timestamp
from contracts.leaves import Leaf
from settlement.ledger.accounts import AccountKind
from settlement.ledger.journal import JournalEntry


class CommitmentOutcome(StrEnum):
    """How a commitment stopped being open; terminal."""

    ACTIVATED = "activated"
    VETOED = "vetoed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """What the chain committed to in one attempt at one epoch.

    `entry` is what it booked; None if no asset was paid in for the epoch.
    """

    ref: LogRef
    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32
    active_at: Timestamp
    entry: JournalEntry | None

    def divided(self) -> dict[tuple[AccountKind, Address], int]:
        """Units that the leaves must sum to, by the account that they come from, and asset.

        What no leaf is made of is left out, and so are terms of zero.
        """
        postings = self.entry.postings if self.entry else ()
        return {
            (posting.credit.kind, posting.asset): posting.amount
            for posting in postings
            if posting.credit.kind is not AccountKind.UNALLOCATED
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A computed epoch as the ledger needs it: what its manifest commits to, leaf by leaf."""

    manifest_digest: Hash32
    root: Hash32
    leaves: Sequence[Leaf]
