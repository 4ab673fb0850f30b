"""Range planning: nothing is skipped, nothing is asked for twice, and it always ends.

What providers say is read from their words; `provider_messages.json` holds wordings of our own.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import BlockNumber
from indexer.completeness import LogFilter
from indexer.errors import RequestRefused, RPCFailed, Transient
from indexer.levels import Level
from indexer.logs import LogBatch
from indexer.outcomes import Idle, Outcome, Waiting
from indexer.ports import Extension
from indexer.provider_messages import plain
from indexer.ranges import (
    CAP_HELD_SUCCESSES,
    WAIT_MAX_S,
    Advice,
    BlockRange,
    CapBlocks,
    Halve,
    OtherProvider,
    Permanent,
    SplitAddresses,
    SuggestedRange,
    WaitAndRetry,
    Window,
    advice_from,
    next_range,
    pause_s,
)
from indexer.sync import is_synced, run_until
from tests.builders_chain import eventful_chain
from tests.fakes_chain import FakeChain, Snapshot, plan
from tests.fakes_facts import MemoryFacts, indexer_of

ROOT = Path(__file__).resolve().parents[3]
OWN = json.loads((ROOT / "tests" / "vectors" / "provider_messages.json").read_text())
KNOWN_FILE = ROOT.parent / "shared" / "vectors" / "provider_errors.json"
KNOWN = json.loads(KNOWN_FILE.read_text()) if KNOWN_FILE.exists() else []


WORDS = [
    *("block", "range", "limit", "exceeded", "max", "0", "1", "7", "1,000", "10k", "1.5k", "5-9"),
    *("[0x1,", "0x5]", "try", "retry", "in", "3s", "results", "address", "rate", "not", "found"),
    *("invalid", "from", "to", ">", "99999999999999999999", ".", ";", "("),
]


def blocks(start: int, end: int) -> BlockRange:
    return BlockRange(BlockNumber(start), BlockNumber(end))


def planned(start: int, final_end: int, end: int, window: int) -> BlockRange | None:
    return next_range(
        BlockNumber(start), final_end=BlockNumber(final_end), end=BlockNumber(end), window=window
    )


@pytest.mark.parametrize(
    ("start", "final_end", "end", "window", "expected"),
    [
        (0, 100, 120, 50, blocks(0, 50)),
        (80, 100, 120, 50, blocks(80, 100)),  # does not cross the finalized block
        (100, 100, 120, 50, blocks(100, 120)),
        (100, 100, 120, 7, blocks(100, 107)),
        (119, 100, 120, 7, blocks(119, 120)),
        (120, 100, 120, 7, None),
        (130, 100, 120, 7, None),  # the head moved back
        (0, 100, 10, 50, blocks(0, 10)),  # the end is below the finalized block
        (0, 0, 10, 50, blocks(0, 10)),  # nothing is final
    ],
)
def test_next_range__case__value(
    start: int, final_end: int, end: int, window: int, expected: BlockRange | None
) -> None:
    assert planned(start, final_end, end, window) == expected


def unpacked(advice: dict[str, Any]) -> Advice:
    """The advice that a vector expects."""
    ((kind, value),) = advice.items()
    by_kind: dict[str, Advice] = {
        "halve": Halve(),
        "other_provider": OtherProvider(),
        "permanent": Permanent(),
        "cap_blocks": CapBlocks(value),
        "suggested_end": SuggestedRange(value),
        "wait_s": WaitAndRetry(value),
        "split_addresses": SplitAddresses(value),
    }
    return by_kind[kind]


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: str(vector["message"])[:50])
def test_advice_from__wording__what_it_means(vector: dict[str, Any]) -> None:
    asked = blocks(vector["start"], vector["start"] + vector["blocks"])

    advice = advice_from(vector["message"], code=vector["code"], data=vector["data"], asked=asked)

    assert advice == unpacked(vector["advice"])


KINDS: dict[str, type[Advice] | tuple[type[Advice], ...]] = {
    "range_cap": CapBlocks,
    "range_cap_unknown": Halve,
    "range_suggestion": SuggestedRange,
    "result_cap": Halve,
    "size_cap": Halve,
    "address_cap": SplitAddresses,
    "rate_limit": WaitAndRetry,
    "billing": OtherProvider,
    "missing_data": OtherProvider,
    "client_error": Permanent,
    "transport": Halve,
    "timeout": Halve,
    "overload": (Halve, WaitAndRetry),
}
"""What a published kind of message asks of us; a kind that is not here must only be survived."""


def asked_of(vector: dict[str, Any]) -> BlockRange:
    """The request that a published message answers; a "result cap" repeats it as its suggestion."""
    first, last = [int(place, 0) for place in vector["suggested"] or ("0", "0")]
    is_repeated = vector["kind"] == "result_cap" and last
    return blocks(first, last + 1 if is_repeated else first + 50_000_000)


def advice_of(vector: dict[str, Any]) -> Advice:
    return advice_from(vector["message"], code=vector["code"], asked=asked_of(vector))


def is_as_published(vector: dict[str, Any], advice: Advice) -> bool:
    """Whether the advice is of the published kind, with the published numbers."""
    if not isinstance(advice, KINDS.get(vector["kind"], Advice)):
        return False
    match advice:
        case CapBlocks(cap):
            return bool(cap == vector["cap_blocks"])
        case SuggestedRange(end):
            return bool(end == int(vector["suggested"][1], 0) + 1)
        case _:
            return True


@pytest.mark.skipif(not KNOWN, reason="../shared/vectors is absent")
def test_advice_from__every_published_provider_error__its_kind() -> None:
    advices = [(one, advice_of(one)) for one in KNOWN]

    assert not [
        (one["message"], advice) for one, advice in advices if not is_as_published(one, advice)
    ]


def test_advice_from__both_ends_in_any_case_of_hexadecimal__end_is_inclusive() -> None:
    asked = blocks(0xBDE5F8, 0xFFFFFFFF)
    message = "Try with this block range [0xBDE5F8, 0xbde5ff]."

    assert advice_from(message, asked=asked) == SuggestedRange(BlockNumber(0xBDE600))


@given(
    words=st.text(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    data=st.recursive(
        st.none() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["from", "to", "retry_after", "toBlock", "fromBlock"]), inner
            )
        ),
        max_leaves=6,
    ),
    code=st.none() | st.sampled_from([429, 401, 402, -32005, -32602, -32601, 0]),
    start=st.integers(0, 10),
    count=st.integers(1, 1_000),
)
def test_advice_from__any_words_and_data__hints_shrink_and_keep_the_start(
    words: str, data: object, code: int | None, start: int, count: int
) -> None:
    asked = blocks(start, start + count)
    advice = advice_from(words, code=code, data=data, asked=asked)

    match advice:
        case CapBlocks(cap):
            assert 1 <= cap < count
        case SuggestedRange(end):
            assert start < end < asked.end
        case SplitAddresses(addresses_max):
            assert addresses_max is None or addresses_max >= 1
        case WaitAndRetry():
            assert 1 <= pause_s(advice) <= WAIT_MAX_S


def test_plain__bottomless_data__read_to_some_depth() -> None:
    data: object = "block range is limited to 10 blocks"
    for _ in range(5_000):
        data = [data]

    assert plain("Too Many   Requests", data) == "too many requests"


@pytest.mark.parametrize(
    ("after_s", "expected"), [(None, 5), (0, 1), (1, 1), (59, 59), (60, 60), (86_400, 60)]
)
def test_pause_s__said_seconds__bounded(after_s: int | None, expected: int) -> None:
    assert pause_s(WaitAndRetry(after_s)) == expected


narrowing = st.one_of(
    st.just(Halve()),
    st.builds(CapBlocks, st.integers(-2, 200)),
    st.builds(SuggestedRange, st.integers(-2, 400).map(BlockNumber)),
)


@given(
    limit=st.integers(1, 64),
    end=st.integers(1, 300),
    final_end=st.integers(0, 300),
    script=st.lists(st.none() | narrowing, max_size=60),
    cap=st.integers(1, 80),
)
def test_planning__any_advices_then_a_real_cap__each_block_once_in_order(
    limit: int, end: int, final_end: int, script: list[Any], cap: int
) -> None:
    window, cursor, asked = Window(limit, limit), 0, 0
    covered: list[int] = []
    advices = iter(script)
    while (span := planned(cursor, final_end, end, window.blocks)) is not None:
        assert span.start == cursor
        asked += 1
        advice = next(advices, Halve() if len(span) > cap else None)
        if advice is not None:
            before, window = window, window.failed(span, advice)
            assert 1 <= window.blocks <= max(len(span) - 1, 1)
            assert window.blocks <= before.blocks
            continue
        covered += range(span.start, span.end)
        cursor = span.end
        window = window.succeeded()
        assert 1 <= window.blocks <= limit

    assert covered == list(range(end))
    assert asked <= len(script) + 8 * end


@pytest.mark.parametrize(
    ("asked", "advice", "expected"),
    [
        (1_000, Halve(), (500, 999)),
        (2, Halve(), (1, 1)),
        (1, Halve(), (1, 1)),
        (1_000, CapBlocks(100), (100, 100)),
        (1_000, CapBlocks(0), (1, 1)),
        (1_000, CapBlocks(1_000), (999, 999)),  # a cap that is none still asks for less
        (1_000, SuggestedRange(BlockNumber(5 + 20)), (20, 999)),
        (1_000, SuggestedRange(BlockNumber(3)), (1, 999)),
    ],
)
def test_failed__advice__asks_for_less(
    asked: int, advice: CapBlocks | SuggestedRange | Halve, expected: tuple[int, int]
) -> None:
    window = Window(2_000, 2_000).failed(blocks(5, 5 + asked), advice)

    assert (window.blocks, window.cap, window.successes) == (*expected, 0)


def test_succeeded__learnt_cap__held_and_then_forgotten() -> None:
    window = Window(2_000, 2_000).failed(blocks(0, 2_000), CapBlocks(100))
    held = []
    for _ in range(CAP_HELD_SUCCESSES):
        held.append(window.blocks)
        window = window.succeeded()

    assert held == [100] * CAP_HELD_SUCCESSES
    assert (window.blocks, window.cap) == (126, None)
    for _ in range(20):
        window = window.succeeded()
    assert window.blocks == 2_000


def test_succeeded__after_halving__grows_up_to_what_failed_until_it_is_forgotten() -> None:
    window = Window(500, 500).failed(blocks(0, 8), Halve())
    asked = []
    for _ in range(CAP_HELD_SUCCESSES):
        asked.append(window.blocks)
        window = window.succeeded()

    assert asked[:5] == [4, 6, 7, 7, 7]
    assert max(asked) == 7
    assert window.blocks > 7


SERVED_MAX = 3
"""What the provider really serves at once, whatever its words say."""

STORY = eventful_chain(24)


class ComplainingProvider(FakeChain):
    """Serves few blocks at once, or nothing for a while, and says so in a provider's words.

    The words are `message`, and if they suggest a range, then the one that it would serve.
    """

    def __init__(self, vector: dict[str, Any], advice: Advice) -> None:
        super().__init__()
        self.switch_to(STORY.canonical)
        self._vector = vector
        self._narrows = isinstance(advice, CapBlocks | SuggestedRange | Halve | SplitAddresses)
        self.asked: list[BlockRange] = []

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        self.asked.append(blocks)
        is_refused = len(blocks) > SERVED_MAX if self._narrows else len(self.asked) % 3
        if is_refused:
            message = self._vector["message"]
            for place, said in enumerate(self._vector.get("suggested") or ()):
                bound = blocks.start + place * (SERVED_MAX - 1)
                message = message.replace(said, hex(bound) if "x" in said else str(bound))
            raise RPCFailed(
                *("fake", "eth_getLogs"),
                code=self._vector["code"] or -32000,
                message=message,
                data=self._vector.get("data"),
            )
        return super().logs_in_range(blocks, wanted)


@dataclass
class RecordedFacts(MemoryFacts):
    """A store that knows in which order blocks came."""

    came: list[int] = field(default_factory=list)

    def extend(self, extension: Extension) -> None:
        super().extend(extension)
        self.came += [one.number for one in extension.blocks.refs()]


def replayed(provider: ComplainingProvider, store: RecordedFacts) -> list[Outcome | Exception]:
    """What the steps of an indexer are, until nothing is left to do."""
    of = plan(depth_blocks=0, window_blocks_max=16, level=Level.NONE)
    indexer = indexer_of(of, provider, store)
    steps: list[Outcome | Exception] = []
    while not (steps and isinstance(steps[-1], Idle)):
        assert len(steps) < 300
        try:
            steps.append(indexer.step())
        except (Transient, RequestRefused) as error:
            steps.append(error)
    return steps


ONE_OF_A_KIND = {next(iter(one["advice"])): one for one in OWN}
REPLAYED = [
    *((one, unpacked(one["advice"])) for one in ONE_OF_A_KIND.values()),
    *((one, advice_of(one)) for one in KNOWN),
]
"""The loop sees no more of a message than its advice, which all of our own are tested for above."""


@pytest.mark.parametrize(
    ("vector", "advice"), REPLAYED, ids=[str(one["message"])[:50] for one, _ in REPLAYED]
)
def test_index__provider_complains__each_block_once_in_order(
    vector: dict[str, Any], advice: Advice
) -> None:
    provider, store = ComplainingProvider(vector, advice), RecordedFacts()

    steps = replayed(provider, store)

    assert store.came == list(range(24))
    assert len(provider.asked) < 40
    match advice:
        case WaitAndRetry():
            assert [type(one) for one in steps[:2]] == [Waiting, Waiting]
        case OtherProvider():
            assert [type(one) for one in steps[:2]] == [RPCFailed, RPCFailed]
        case Permanent():
            assert [type(one) for one in steps[:2]] == [RequestRefused, RequestRefused]
        case _:
            assert not any(isinstance(one, Exception) for one in steps)
    assert store.snapshot() == indexed_at_once()


def test_index__limit_on_size_that_sounds_like_one_on_requests__ends() -> None:
    words = {"message": "rate limit exceeded", "code": -32005}
    provider, store = ComplainingProvider(words, Halve()), RecordedFacts()

    steps = replayed(provider, store)

    assert store.came == list(range(24))
    assert [type(one) for one in steps[:2]] == [Waiting, Waiting]


@cache
def indexed_at_once() -> Snapshot:
    """The facts of the same chain, from a provider that never complains."""
    store = MemoryFacts()
    indexer = indexer_of(plan(depth_blocks=0, window_blocks_max=100), STORY, store)
    run_until(indexer, is_synced, wait=lambda: None)
    return store.snapshot()
