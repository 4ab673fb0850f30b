"""Where the index of one chain stands, and what its indexer has done since it started.

`seen` folds what steps did into a `Tally`; `standing` reads the tally at a moment, because an
indexer that hangs has no outcome to tell of. Times are whole milliseconds of one monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from contracts.evm import BlockNumber, ChainId
from indexer.blocks import Proof
from indexer.endpoint_health import EndpointHealth
from indexer.levels import Level
from indexer.outcomes import (
    Advanced,
    Backfilled,
    Disputed,
    Finalized,
    Folded,
    Idle,
    Lagging,
    Narrowed,
    Outcome,
    Proved,
    Rewound,
    SourcesAdded,
    Waiting,
)


class State(StrEnum):
    """What the indexer of a chain is doing."""

    SYNCING = "syncing"
    SYNCED = "synced"
    WAITING = "waiting"
    """A provider did not answer, or asked for a pause."""
    LAGGING = "lagging"
    """The node is behind what we hold as final."""
    DISPUTED = "disputed"
    """Endpoints contradict each other."""
    STALLED = "stalled"
    """Nothing has moved for too long."""
    HALTED = "halted"
    """It ended by itself, and will not go on before a person has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What an indexer has done since it started at `began_ms`, and the last that it said.

    `range_blocks` is the size of its last range, or what the next one may have after a failure.
    `moved_at_ms` is when it last got on, or found that there is nothing left to do.
    """

    began_ms: int
    moved_at_ms: int
    height: BlockNumber | None
    finalized: BlockNumber | None
    head: BlockNumber | None = None
    state: State = State.SYNCING
    reason: str | None = None
    disputed: tuple[BlockNumber, ...] = ()
    blocks: int = 0
    events: int = 0
    proved: int = 0
    range_blocks: int = 0
    fetch_stalled_ms: int = 0
    storage_stalled_ms: int = 0

    @property
    def bottleneck(self) -> str:
        """What the indexer has waited for longer."""
        return "fetch" if self.fetch_stalled_ms >= self.storage_stalled_ms else "storage"

    def still_ms(self, at_ms: int) -> int:
        """How long nothing has moved."""
        return at_ms - self.moved_at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How the finalized blocks below `end_block` are proved: blocks by proof."""

    end_block: BlockNumber
    blocks: Mapping[Proof, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexerStatus:
    """What the indexer of one chain tells the outside."""

    chain_id: ChainId
    level: Level
    state: State
    reason: str | None
    tally: Tally
    coverage: Coverage
    endpoints: tuple[EndpointHealth, ...]


def seen(tally: Tally, outcome: Outcome, *, at_ms: int) -> Tally:
    """The tally after one more step."""
    match outcome:
        case Narrowed():
            return replace(tally, range_blocks=outcome.window_blocks, reason=outcome.cause)
        case Waiting():
            return failed(tally, outcome.cause)
        case Disputed(number=number, cause=cause):
            return replace(tally, state=State.DISPUTED, reason=cause, disputed=(number,))
        case Lagging(head=head, finalized=finalized):
            reason = f"the node is at block {head}, below block {finalized} that we hold as final"
            return replace(tally, state=State.LAGGING, reason=reason, head=head)
        case Backfilled(blocks=blocks, head=head):
            known = f"contracts are being added: known up to block {blocks.end - 1} of {head}"
            return replace(tally, moved_at_ms=at_ms, reason=known, disputed=())
        case _:
            got_on = replace(tally, moved_at_ms=at_ms, reason=None, disputed=())
            return _got_on(got_on, outcome)


def failed(tally: Tally, reason: str) -> Tally:
    """The tally after a step that something outside kept from being done."""
    return replace(tally, state=State.WAITING, reason=reason)


def halted(tally: Tally, reason: str) -> Tally:
    """The tally of an indexer that ends because of this."""
    return replace(tally, state=State.HALTED, reason=reason)


def standing(tally: Tally, *, at_ms: int, stalled_after_ms: int) -> tuple[State, str | None]:
    """The state at a moment, with its reason: stalled if nothing has moved for too long."""
    still_ms = tally.still_ms(at_ms)
    if tally.state in {State.DISPUTED, State.HALTED} or still_ms <= stalled_after_ms:
        return tally.state, tally.reason
    reason = f"nothing has moved for {still_ms // 1000} seconds"
    return State.STALLED, reason if tally.reason is None else f"{reason}: {tally.reason}"


def _got_on(
    tally: Tally,
    outcome: Advanced | Rewound | Finalized | Folded | Proved | SourcesAdded | Idle,
) -> Tally:
    match outcome:
        case Advanced():
            return _advanced(tally, outcome)
        case Rewound(ancestor=ancestor, new_head=new_head):
            height = None if ancestor is None else ancestor.number
            return replace(tally, height=height, head=new_head.number, state=State.SYNCING)
        case Finalized(block=block):
            return replace(tally, finalized=block.number)
        case Folded() | SourcesAdded():
            return tally
        case Proved(blocks=blocks):
            return replace(tally, proved=tally.proved + len(blocks))
        case Idle(head=head):
            return replace(tally, head=head, state=State.SYNCED)
        case _:
            assert_never(outcome)


def _advanced(tally: Tally, outcome: Advanced) -> Tally:
    is_at_head = outcome.blocks.end > outcome.head
    return replace(
        tally,
        state=State.SYNCED if is_at_head else State.SYNCING,
        head=outcome.head,
        height=BlockNumber(outcome.blocks.end - 1),
        finalized=tally.finalized if outcome.finalized is None else outcome.finalized,
        blocks=tally.blocks + len(outcome.blocks),
        events=tally.events + outcome.facts,
        range_blocks=len(outcome.blocks),
        fetch_stalled_ms=tally.fetch_stalled_ms + outcome.fetch_stall_ms,
        storage_stalled_ms=tally.storage_stalled_ms + outcome.store_ms,
    )
