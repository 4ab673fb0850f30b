"""Where a payment stands, derived from what the chain shows now.

    awaited ──► received ──► safe ──► final               the end
       │           │           │
       │           └───────────┴────► gone ──► received   a reorg took it; it may come back
       └──► expired                    └──► gone          the end, once no block can pay in time

    refused: mined, and a check failed; the end of it where its block is final
    awaited again: an event names the order after the end, so that what is due back is told

`final` needs the index, and so does every end: what one node says about finality is worth `safe`,
and what it alone says of a block ends nothing until the index is past that block for good.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from contracts.evm import BlockNumber, Timestamp
from settlement.payments.evidence import Heights, Source


class Level(IntEnum):
    """How sure it is that a block stays."""

    RECEIVED = 1
    SAFE = 2
    FINAL = 3


class State(StrEnum):
    """Where a payment stands."""

    AWAITED = "awaited"
    RECEIVED = "received"
    SAFE = "safe"
    FINAL = "final"
    GONE = "gone"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Standing:
    """A state, and whether it is the last one."""

    state: State
    is_terminal: bool


_STATE_OF_LEVEL = {
    Level.RECEIVED: State.RECEIVED,
    Level.SAFE: State.SAFE,
    Level.FINAL: State.FINAL,
}
LIVE = frozenset(_STATE_OF_LEVEL.values())
"""States in which the payment counts."""


def level_of(block: BlockNumber, heights: Heights) -> Level:
    """How sure a block of this height is."""
    if heights.finalized is not None and block <= heights.finalized.number:
        return Level.FINAL
    if heights.safe is not None and block <= heights.safe.number:
        return Level.SAFE
    return Level.RECEIVED


def confirmations(block: BlockNumber, heights: Heights) -> int:
    """Blocks from this one to the head, both counted."""
    return max(0, heights.head.number - block + 1)


def standing_of_mined(
    level: Level, *, is_verified: bool, is_canonical: bool, source: Source, is_ruled_out: bool
) -> Standing:
    """Where a mined transaction stands.

    `is_ruled_out` says that by the index, which is final there, neither the block that was shown
    nor a later one can pay in time.
    """
    if not is_canonical:
        return Standing(State.GONE, is_terminal=is_ruled_out)
    known = level if source is Source.FACTS else min(level, Level.SAFE)
    is_final = known is Level.FINAL
    if not is_verified:
        return Standing(State.REFUSED, is_terminal=is_final or is_ruled_out)
    return Standing(_STATE_OF_LEVEL[known], is_terminal=is_final)


def standing_of_absent(*, was_mined: bool, is_over: bool) -> Standing:
    """Where a transaction stands that no block has."""
    if was_mined:
        return Standing(State.GONE, is_terminal=is_over)
    return Standing(State.EXPIRED if is_over else State.AWAITED, is_terminal=is_over)


def is_over(until: Timestamp, indexed: Heights) -> bool:
    """Whether a finalized block of the index is at or after the end of an intent's time."""
    return indexed.finalized is not None and indexed.finalized.timestamp >= until
