"""The law of the indexer: whatever the chain went through, the index is that of its final form.

A script mines, reorganises, cuts the head back and flips between forks, on one side; on the other
the indexer takes steps, fails, and is killed before or after it commits. All of it may happen in
the middle of a step. No block at or below the finalized one is ever replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import BlockRef
from indexer.errors import AnswerMalformed, RPCUnreachable, Transient
from indexer.levels import Level
from indexer.outcomes import Idle
from indexer.plan import IndexedChain
from indexer.ports import Extension, Replacement
from indexer.sync import is_synced, run_until
from tests.builders_chain import contents
from tests.fakes_chain import FakeBlock, FakeChain, plan
from tests.fakes_facts import MemoryFacts, indexer_of

DEPTH = 6


@dataclass(frozen=True)
class Mine:
    kinds: tuple[int, ...]
    seconds: int


@dataclass(frozen=True)
class Reorg:
    depth: int
    kinds: tuple[int, ...]


@dataclass(frozen=True)
class FlipBack:
    """The chain becomes what it was before the last reorg."""


Event = Mine | Reorg | FlipBack

kinds = st.lists(st.integers(0, 11), max_size=5).map(tuple)
events = st.one_of(
    st.builds(Mine, kinds, st.integers(0, 2)),
    st.builds(Reorg, st.integers(1, DEPTH), kinds),  # also without new blocks: the head moves back
    st.just(FlipBack()),
)


class History:
    """A chain that never replaces what any observer may call final."""

    def __init__(self) -> None:
        self.chain = FakeChain()
        self.highest = 0
        self._before: list[FakeBlock] | None = None

    def apply(self, event: Event) -> None:
        chain = self.chain
        match event:
            case Mine():
                chain.mine(*map(contents, event.kinds), seconds=event.seconds)
            case Reorg():
                floor = max(self.highest - DEPTH, 0)
                depth = min(event.depth, chain.head_number - floor)
                self._before = list(chain.canonical)
                chain.reorg(max(depth, 0), *map(contents, event.kinds), seconds=0)
            case FlipBack():
                self._flip_back()
        self.highest = max(self.highest, chain.head_number)

    def _flip_back(self) -> None:
        """Only if the two forks part above what may be final by now."""
        former, now = self._before, list(self.chain.canonical)
        if former is None:
            return
        shared = sum(ours == theirs for ours, theirs in zip(former, now, strict=False))
        highest = max(self.highest, former[-1].header.number)
        if shared - 1 >= highest - DEPTH:
            self.chain.switch_to(former)
            self._before = now


class Crash(Exception):
    """The process is killed."""


class MortalFacts(MemoryFacts):
    """A store whose process can be killed just before, or just after, a commit."""

    deaths: list[str] = []  # noqa: RUF012 - set per instance

    def extend(self, extension: Extension) -> None:
        self._die("before")
        super().extend(extension)
        self._die("after")

    def replace(self, replacement: Replacement) -> dict[str, int]:
        self._die("before")
        removed = dict(super().replace(replacement))
        self._die("after")
        return removed

    def finalize(self, block: BlockRef) -> None:
        self._die("before")
        super().finalize(block)
        self._die("after")

    def _die(self, moment: str) -> None:
        if self.deaths and self.deaths[0] == moment:
            self.deaths.pop(0)
            raise Crash


def fresh(chain: FakeChain, of: IndexedChain) -> MemoryFacts:
    """The index of a chain that was never anything else."""
    store = MemoryFacts()
    chain.before_call = lambda method: None
    run_until(indexer_of(of, chain, store), is_synced, wait=lambda: None)
    return store


def assert_same(store: MemoryFacts, other: MemoryFacts) -> None:
    assert store.snapshot() == other.snapshot()
    assert store.digest() == other.digest()
    if store.finalized == other.finalized:
        assert store.balances == other.balances


def settle(of: IndexedChain, chain: FakeChain, store: MemoryFacts) -> None:
    """Restart after every failure, until nothing is left to do."""
    for _ in range(500):
        try:
            run_until(indexer_of(of, chain, store), is_synced, wait=lambda: None)
        except (Transient, Crash):
            continue
        return
    raise AssertionError("the indexer never came to rest")


@settings(deadline=None, max_examples=80)
@given(
    script=st.lists(st.tuples(events, st.integers(0, 3)), max_size=25),
    window=st.integers(1, 20),
    start_block=st.integers(0, 4),
    level=st.sampled_from(Level),
)
def test_index__reorg_laden_history__equals_index_of_final_chain(
    script: list[tuple[Event, int]], window: int, start_block: int, level: Level
) -> None:
    of = plan(depth_blocks=DEPTH, window_blocks_max=window, start_block=start_block, level=level)
    history, store = History(), MemoryFacts()
    indexer = indexer_of(of, history.chain, store)

    for event, steps in script:
        history.apply(event)
        for _ in range(steps):
            indexer.step()
    settle(of, history.chain, store)

    assert_same(store, fresh(history.chain, of))


@settings(deadline=None, max_examples=80)
@given(
    script=st.lists(events, max_size=20),
    moments=st.lists(st.integers(1, 12), max_size=20),
    window=st.integers(1, 20),
    level=st.sampled_from(Level),
)
def test_index__chain_moves_inside_steps__equals_index_of_final_chain(
    script: list[Event], moments: list[int], window: int, level: Level
) -> None:
    """The next event of the script happens at the n-th call to the node, wherever that is."""
    of = plan(depth_blocks=DEPTH, window_blocks_max=window, level=level)
    history, store = History(), MemoryFacts()
    history.apply(Mine((1, 2, 3, 1, 2, 3, 1, 2), 1))
    waits, pending = list(moments), list(script)
    left = [waits.pop(0) if waits else 1]

    def tick(method: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            left[0] = waits.pop(0) if waits else 1
            if pending:
                history.apply(pending.pop(0))

    history.chain.before_call = tick
    for _ in range(200):
        try:
            outcome = indexer_of(of, history.chain, store).step()
        except Transient:
            continue
        if isinstance(outcome, Idle) and not pending:
            break
    history.chain.before_call = lambda method: None
    settle(of, history.chain, store)

    assert_same(store, fresh(history.chain, of))


@settings(deadline=None, max_examples=80)
@given(
    script=st.lists(st.tuples(events, st.integers(0, 3)), max_size=20),
    deaths=st.lists(st.sampled_from(("before", "after")), max_size=12),
    failures=st.lists(st.booleans(), max_size=40),
    window=st.integers(1, 20),
)
def test_index__killed_around_commits_and_node_failing__nothing_lost_or_doubled(
    script: list[tuple[Event, int]], deaths: list[str], failures: list[bool], window: int
) -> None:
    of = plan(depth_blocks=DEPTH, window_blocks_max=window)
    history, store = History(), MortalFacts()
    store.deaths = list(deaths)
    pending = iter(failures)

    def fail(method: str) -> None:
        if next(pending, False):
            raise AnswerMalformed("fake", f"answer to {method} is no JSON")

    history.chain.before_call = fail
    for event, steps in script:
        history.apply(event)
        for _ in range(steps):
            attempt(of, history.chain, store)
    settle(of, history.chain, store)

    assert_same(store, fresh(history.chain, of))


def attempt(of: IndexedChain, chain: FakeChain, store: MemoryFacts) -> None:
    """One step of a new process."""
    try:
        indexer_of(of, chain, store).step()
    except (RPCUnreachable, Transient, Crash):
        return


@settings(deadline=None, max_examples=30)
@given(
    lengths=kinds,
    windows=st.lists(st.integers(1, 40), min_size=2, max_size=4),
    depth=st.integers(0, 30),
    cap=st.integers(1, 40),
)
def test_index__any_chunking_and_level__same_facts(
    lengths: Sequence[int], windows: list[int], depth: int, cap: int
) -> None:
    chain = FakeChain()
    chain.mine(*(contents(kind) for kind in (*lengths, *range(20))))
    chain.range_blocks_max = cap

    stores = [
        fresh(chain, plan(window_blocks_max=window, depth_blocks=depth, level=level))
        for window in windows
        for level in Level
    ]

    for store in stores:
        assert_same(store, stores[0])
    assert len(stores[0].blocks) == len(chain.canonical)
