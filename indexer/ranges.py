"""Which blocks to ask for next.

A range is `[start, end)`. `start` is always the block above the cursor: whatever a node answers,
no block is skipped and none is asked for twice once it is stored. Only `end` moves: it halves when
a fetch fails, for whatever reason (also a timeout, which carries no words), and grows back by a
quarter on every success, so that one dense stretch does not slow the rest for ever.

Provider hints ("limited to 1000 blocks") are not read: halving needs none of them, and finds the
same limit in a few requests.
"""

from dataclasses import dataclass

from contracts.evm import BlockNumber


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Blocks from `start` up to and without `end`; never empty."""

    start: BlockNumber
    end: BlockNumber

    def __len__(self) -> int:
        return self.end - self.start


def next_range(
    start: BlockNumber, *, final_end: BlockNumber, end: BlockNumber, window: int
) -> BlockRange | None:
    """The next blocks to fetch, at most `window`; None if `start` has reached `end`.

    A range lies on one side of `final_end` (the first block that can still change), because the
    two sides are asked for differently.
    """
    if start >= end:
        return None
    limit = min(final_end, end) if start < final_end else end
    return BlockRange(start, BlockNumber(min(start + window, limit)))


def narrowed(failed: BlockRange) -> int | None:
    """The window after a failed fetch: half of what was asked for; None if that was one block."""
    return len(failed) >> 1 or None


def widened(window: int, *, limit: int) -> int:
    """The window after a success: a quarter more, at least one block, at most `limit`."""
    return min(limit, window + (window >> 2) + 1)
