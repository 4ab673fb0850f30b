"""The state of an epoch, derived: nobody stores it, so it cannot disagree with its causes.

    chain time     start         end          grace end
      upcoming       |    open    |    grace    |  ended ─► computable
                                                   (finality passes the grace end)
    our intents    computed ─► approved (k of n)
    the contract   pending ─► active ─► settled
                      └─► vetoed ─► computed (next attempt) …

Before an attempt stands, the newest block says what the contract still takes (upcoming, open,
grace, ended): that part can be undone by a reorg, and nothing is decided by it. Everything else is
at the finalized block.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Epoch, Timestamp
from settlement.royalties.epoch import Timeline


class EpochState(StrEnum):
    """Where an epoch stands."""

    UPCOMING = "upcoming"
    OPEN = "open"
    GRACE = "grace"
    ENDED = "ended"
    COMPUTABLE = "computable"
    COMPUTED = "computed"
    APPROVED = "approved"
    PENDING = "pending"
    ACTIVE = "active"
    VETOED = "vetoed"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts:
    """What decides the state of one epoch, about the attempt after its last veto.

    `is_computed` says that we hold a computation of it, `approvals` how many guardians signed that.
    `active_at` is None while it is not committed. `is_paid_out` says that nothing of what it
    allocates is left to withdraw.
    """

    is_computed: bool
    approvals: int
    active_at: Timestamp | None
    vetoes: int
    is_paid_out: bool


def epoch_state(
    epoch: Epoch,
    facts: EpochFacts,
    timeline: Timeline,
    *,
    head: Timestamp,
    finalized: Timestamp,
) -> EpochState:
    """Derive the state; `head` and `finalized` are the timestamps of those blocks."""
    if facts.active_at is not None:
        if finalized < facts.active_at:
            return EpochState.PENDING
        return EpochState.SETTLED if facts.is_paid_out else EpochState.ACTIVE
    if facts.is_computed:
        return EpochState.APPROVED if facts.approvals else EpochState.COMPUTED
    if facts.vetoes:
        return EpochState.VETOED
    if finalized >= timeline.grace_end_of(epoch):
        return EpochState.COMPUTABLE
    return _phase(epoch, timeline, head)


def _phase(epoch: Epoch, timeline: Timeline, head: Timestamp) -> EpochState:
    if head >= timeline.grace_end_of(epoch):
        return EpochState.ENDED
    if head >= timeline.end_of(epoch):
        return EpochState.GRACE
    return EpochState.OPEN if head >= timeline.start_of(epoch) else EpochState.UPCOMING
