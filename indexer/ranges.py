"""Which blocks to ask for next, and what a failed request teaches.

A range is `[start, end)`. `start` is always the block above the cursor: whatever a node answers,
no block is skipped and none is asked for twice once it is stored. Only `end` moves.

`advice_from` is the one entry point for what a provider says about a failure. It takes the words
as they came and returns one of seven values:

    >>> asked = BlockRange(BlockNumber(100), BlockNumber(5_100))
    >>> advice_from("eth_getLogs is limited to a 1,000 block range", code=-32005, asked=asked)
    CapBlocks(blocks=1000)
    >>> advice_from("Try with this block range [0x64, 0xC7]", code=-32005, asked=asked)
    SuggestedRange(end=200)
    >>> advice_from("no words that we know", code=-32000, asked=asked)
    Halve()

A hint is followed only if it keeps `start` and asks for strictly less; a cap of N is N blocks. All
else that may be tried again halves the range, also a timeout, which has no words at all. So words
that are read wrongly cost time, and never a log: advice moves `end` and nothing else, and whoever
only ever waits asks for less in the end (`sync`).

A `Window` is what was learnt. It grows by a quarter on each success, up to the learnt cap; after
`CAP_HELD_SUCCESSES` successes the cap is forgotten, so that neither one dense stretch nor one hint
slows the rest for ever, and a cap that is real costs one refused request in so many.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.evm import BlockNumber
from indexer.provider_messages import (
    Complaint,
    address_cap,
    block_cap,
    complaint,
    plain,
    suggested_ranges,
    wait_s,
)

CAP_HELD_SUCCESSES = 32
WAIT_DEFAULT_S, WAIT_MAX_S = 5, 60


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Blocks from `start` up to and without `end`; never empty."""

    start: BlockNumber
    end: BlockNumber

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class CapBlocks:
    """One request may span this many blocks; fewer than were asked for, at least one."""

    blocks: int


@dataclass(frozen=True, slots=True)
class SuggestedRange:
    """The same start up to and without `end` should work; below the end that was asked for."""

    end: BlockNumber


@dataclass(frozen=True, slots=True)
class Halve:
    """Ask for half: too many results, too many bytes, a timeout, or words that we do not know."""


@dataclass(frozen=True, slots=True)
class SplitAddresses:
    """The request names too many addresses, more than `addresses_max` if that was said."""

    addresses_max: int | None


@dataclass(frozen=True, slots=True)
class OtherProvider:
    """This node lacks the blocks, or will not serve them to us; another, or later this one, may.

    It never means that there are no logs.
    """


@dataclass(frozen=True, slots=True)
class WaitAndRetry:
    """We ask too often; the same request may be sent again after `after_s`, if that was said."""

    after_s: int | None


@dataclass(frozen=True, slots=True)
class Permanent:
    """Our request is wrong or not permitted; no smaller one will be better."""


Advice = (
    CapBlocks | SuggestedRange | Halve | SplitAddresses | OtherProvider | WaitAndRetry | Permanent
)


def advice_from(
    message: str, *, code: int | None = None, data: object = None, asked: BlockRange
) -> Advice:
    """What to do after a request for the logs of `asked` was refused.

    Args:
        message: the provider's words; empty if there are none (a timeout, a truncated body).
        code: the code of the JSON-RPC error, or the HTTP status; it decides only without words.
        data: the `data` of the JSON-RPC error, as it was parsed.
        asked: the blocks that were asked for.
    """
    text = plain(message, data)
    for first, last in suggested_ranges(text, data):
        if asked.start == first <= last < asked.end - 1:
            return SuggestedRange(BlockNumber(last + 1))
    return _advice_about(complaint(text, code), text, data, asked)


def pause_s(advice: WaitAndRetry) -> int:
    """How long to wait: as was said, within 1 to `WAIT_MAX_S` seconds."""
    return min(max(WAIT_DEFAULT_S if advice.after_s is None else advice.after_s, 1), WAIT_MAX_S)


def _advice_about(about: Complaint | None, text: str, data: object, asked: BlockRange) -> Advice:
    match about:
        case Complaint.ADDRESSES:
            return SplitAddresses(address_cap(text))
        case Complaint.RATE:
            return WaitAndRetry(wait_s(text, data))
        case Complaint.DATA:
            return OtherProvider()
        case Complaint.REQUEST:
            return Permanent()
        case Complaint.RESULTS | None:
            cap = None if about else block_cap(text)
            return CapBlocks(cap) if cap is not None and cap < len(asked) else Halve()
        case _:
            assert_never(about)


@dataclass(frozen=True, slots=True)
class Window:
    """How many blocks to ask for: at most `blocks`, which is at most `limit`, our own.

    `cap` is the most that is worth asking for as far as we learnt, until `successes` without a
    failure have reached `CAP_HELD_SUCCESSES`.
    """

    blocks: int
    limit: int
    cap: int | None = None
    successes: int = 0

    def succeeded(self) -> "Window":
        """After a success: a quarter more, at least one block."""
        successes = self.successes + 1
        cap = self.cap if successes < CAP_HELD_SUCCESSES else None
        most = self.limit if cap is None else min(cap, self.limit)
        return replace(
            self,
            blocks=min(most, self.blocks + (self.blocks >> 2) + 1),
            cap=cap,
            successes=0 if cap is None else successes,
        )

    def failed(self, asked: BlockRange, advice: CapBlocks | SuggestedRange | Halve) -> "Window":
        """After a failure: less than was asked for, or one block if that was what was asked."""
        most = max(len(asked) - 1, 1)
        match advice:
            case CapBlocks():
                blocks = most = min(advice.blocks, most)
            case SuggestedRange():
                blocks = min(advice.end - asked.start, most)
            case Halve():
                blocks = len(asked) >> 1
            case _:
                assert_never(advice)
        return replace(self, blocks=max(blocks, 1), cap=max(most, 1), successes=0)


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
