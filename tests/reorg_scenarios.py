"""What a chain can do to its newest blocks, as a table; run in memory and against Postgres.

After each scenario the index is that of the chain as it is then, as if it had never been anything
else, and there is one record for each time that blocks were taken back, with what it took.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp, keccak
from indexer.errors import ReorgTooDeep, Transient
from indexer.levels import Level
from indexer.outcomes import Advanced, Idle, Outcome, Rewound
from indexer.plan import IndexedChain, SyncLimits
from indexer.ports import FactStore
from indexer.sync import Indexer, is_synced, run_until
from tests.builders_chain import contents, subscribed, transfer
from tests.fakes_chain import FakeBlock, FakeChain, FakeLog, Snapshot, plan
from tests.fakes_facts import MemoryFacts, opened

DEPTH = 8
LENGTH = 20
"""Blocks 0 to 19, of which 11 is finalized."""

WINDOW = 8
CALLS_MAX = 200

Place = tuple[int, Hash32]
Balances = dict[tuple[Address, Address], int]


class ReorgRow(NamedTuple):
    """What is recorded of one reorg."""

    ancestor: Place | None
    old_head: Place
    new_head: Place
    depth_blocks: int
    removed: dict[str, int]


class HeldFacts(Protocol):
    """A store, and all that it holds."""

    @property
    def store(self) -> FactStore: ...

    def reopened(self) -> FactStore:
        """The same facts for a new process."""

    def snapshot(self) -> Snapshot: ...

    def digest(self) -> Hash32: ...

    def balances(self) -> Balances: ...

    def reorgs(self) -> list[ReorgRow]: ...

    def everything(self) -> object:
        """Every row of every table."""

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None: ...


class World:
    """A chain, its index, and the records that its reorgs should have left."""

    def __init__(self, facts: HeldFacts, of: IndexedChain, length: int = LENGTH) -> None:
        self.facts, self.of = facts, of
        self.chain = FakeChain()
        self.chain.mine(*map(contents, range(1, length)))
        self.expected: list[ReorgRow] = []
        self.indexer: Indexer = opened(of, self.chain, facts.store)

    def sync(self) -> None:
        """Index to the head; what we hold and the chain does not, is one reorg."""
        self.foresee()
        run_until(self.indexer, is_synced, wait=never)
        self.check()

    def restart(self) -> None:
        """A new process goes on where the last one stopped."""
        self.indexer = opened(self.of, self.chain, self.facts.reopened())

    def foresee(self) -> None:
        """Add the record of the reorg that the next look at the chain must find, if any."""
        held = self.facts.snapshot()
        blocks = [(row[0], row[1]) for row in held["block"]]
        kept = [place for place in blocks if place in self._places()]
        if kept == blocks:
            return
        above = kept[-1][0] if kept else -1
        counts = {table: sum(row[0] > above for row in rows) for table, rows in held.items()}
        self.expected.append(
            ReorgRow(
                ancestor=kept[-1] if kept else None,
                old_head=blocks[-1],
                new_head=self._places()[-1],
                depth_blocks=len(blocks) - len(kept),
                removed={table: count for table, count in counts.items() if count},
            )
        )

    def check(self) -> None:
        """The index is that of the chain as it is, and the records are those foreseen."""
        assert self.facts.reorgs() == self.expected
        anew = self.indexed_anew()
        assert self.facts.snapshot() == anew.snapshot()
        assert self.facts.digest() == anew.digest()
        finalized = self.facts.store.local_chain().finalized
        if finalized == anew.finalized:
            assert self.facts.balances() == anew.balances
        else:  # the head is lower than it was; what is final stays so
            assert anew.finalized is None or finalized is not None

    def finish(self) -> None:
        """Let all of it become final."""
        self._check_times()
        self.chain.mine(*[()] * (DEPTH + 1))
        self.sync()
        assert self.facts.store.local_chain().finalized == self.indexed_anew().finalized

    def indexed_anew(self) -> MemoryFacts:
        """The index of a chain that never was anything else, in one go and without proofs."""
        anew = MemoryFacts()
        limits = SyncLimits(window_blocks_max=100, range_logs_max=1_000)
        of = replace(self.of, level=Level.NONE, limits=limits)
        run_until(opened(of, self.chain, anew), is_synced, wait=never)
        return anew

    def steps_until(self, is_reached: Callable[[Outcome], bool], most: int = 40) -> list[Outcome]:
        """What the indexer does until then; a failure of the moment is met by another step."""
        outcomes: list[Outcome] = []
        for _ in range(most):
            try:
                outcomes.append(self.indexer.step())
            except Transient:
                continue
            if is_reached(outcomes[-1]):
                return outcomes
        raise AssertionError(f"never reached: {outcomes}")

    def held(self) -> int:
        """The number of the highest block that we hold."""
        head = self.facts.store.local_chain().head
        assert head is not None
        return head.number

    def _places(self) -> list[Place]:
        return [(one.header.number, one.header.hash) for one in self.chain.canonical]

    def _check_times(self) -> None:
        """Times of blocks are those of this chain, also where several blocks share one."""
        blocks = [one.header.ref for one in self.chain.canonical[self.of.start_block :]]
        for second in range(blocks[0].timestamp, blocks[-1].timestamp + 2):
            earlier = [block for block in blocks if block.timestamp < second]
            found = self.facts.highest_block_before(Timestamp(second), blocks[-1])
            assert found == (earlier[-1] if earlier else None)


def never() -> None:
    raise AssertionError("waited")


def other(count: int, seed: int = 101) -> list[list[FakeLog]]:
    """The contents of so many blocks of another fork."""
    return [contents(seed + place) for place in range(count)]


def replaced(world: World, *, depth: int, more: int) -> None:
    world.sync()
    world.chain.reorg(depth, *other(depth + more))
    world.sync()


def head_moves_back(world: World, *, depth: int) -> None:
    """To a parent, as geth allows; then the same blocks come again."""
    world.sync()
    before = list(world.chain.canonical)
    world.chain.rewind(depth)
    world.sync()
    world.chain.switch_to(before)
    world.sync()


def head_moves_back_and_on(world: World) -> None:
    world.sync()
    world.chain.rewind(1)
    world.sync()
    world.chain.mine(*other(2))
    world.sync()


def flip_and_back(world: World) -> None:
    world.sync()
    first, facts = list(world.chain.canonical), world.facts.snapshot()
    world.chain.reorg(5, *other(6))
    world.sync()
    assert world.facts.snapshot() != facts
    world.chain.switch_to(first)
    world.sync()
    assert world.facts.snapshot() == facts
    assert len(world.expected) == 2


def flip_and_back_unseen(world: World) -> None:
    world.sync()
    first = list(world.chain.canonical)
    world.chain.reorg(5, *other(6))
    world.chain.switch_to(first)
    world.sync()
    assert world.expected == []


def reorg_upon_reorg(world: World) -> None:
    """Each deeper than the last, and the last as deep as can be."""
    world.sync()
    for depth in (2, 4, 7):
        world.chain.reorg(depth, *other(depth, seed=100 * depth))
        world.sync()
    assert [one.depth_blocks for one in world.expected] == [2, 4, 7]


def named(log: FakeLog, name: str) -> FakeLog:
    return replace(log, transaction=keccak(name.encode()))


def transactions_of(facts: HeldFacts) -> list[tuple[str, int, int]]:
    """Where the named transactions are: name, block and log index."""
    names = {keccak(name.encode()): name for name in ("pay", "join")}
    return sorted(
        (names[value], row[0], row[1])
        for rows in facts.snapshot().values()
        for row in rows
        for value in row
        if isinstance(value, Hash32) and value in names
    )


def same_transactions_in_other_blocks(world: World) -> None:
    pay, join = named(transfer(5), "pay"), named(subscribed(1, 7), "join")
    world.chain.mine([transfer(1)], [pay], [transfer(2), join], [])
    world.sync()
    assert transactions_of(world.facts) == [("join", 22, 1), ("pay", 21, 0)]
    world.chain.reorg(4, [join], [transfer(1)], [], [transfer(2), pay])
    world.sync()
    assert transactions_of(world.facts) == [("join", 20, 0), ("pay", 23, 1)]


def same_transactions_at_other_log_indexes(world: World) -> None:
    pay, join = named(transfer(5), "pay"), named(subscribed(1, 7), "join")
    world.chain.mine([pay, transfer(3), join])
    world.sync()
    world.chain.reorg(1, [join, pay, transfer(3)])
    world.sync()
    assert transactions_of(world.facts) == [("join", 20, 0), ("pay", 20, 1)]


def same_logs_in_twin_blocks(world: World) -> None:
    """Only the hashes differ, so nothing but them may be believed."""
    world.sync()
    tail = [one.logs for one in world.chain.canonical[-4:]]
    world.chain.reorg(4, *tail)
    world.sync()
    assert len(world.expected) == 1


def between_two_ranges_of_a_backfill(world: World) -> None:
    """What we do not hold yet may change without a trace."""
    assert isinstance(world.indexer.step(), Advanced)
    assert world.held() < LENGTH - DEPTH
    world.chain.reorg(DEPTH, *other(DEPTH + 2))
    world.sync()
    assert world.expected == []


def at_the_border_of_what_is_final(world: World) -> None:
    """All final blocks are stored, and none of the others."""
    world.steps_until(lambda one: isinstance(one, Advanced) and one.blocks.end == LENGTH - DEPTH)
    world.chain.reorg(DEPTH, *other(DEPTH))
    world.sync()
    assert world.expected == []


def beyond_the_border_of_what_is_final(world: World) -> None:
    """The first range of blocks that can change is stored, and is replaced with all above it."""
    world.steps_until(lambda one: isinstance(one, Advanced) and one.blocks.end > LENGTH - DEPTH)
    world.chain.reorg(DEPTH, *other(DEPTH + 1))
    world.restart()
    world.sync()
    assert len(world.expected) == 1


def inside_a_step(world: World, *, method: str, turn: int) -> None:
    """The chain moves just before the `turn`-th call of the node's method."""
    world.sync()
    world.chain.mine(*other(5, seed=50))
    calls = [0]

    def move(called: str) -> None:
        calls[0] += called == method
        if calls[0] == turn and called == method:
            world.chain.reorg(7, *other(9))
            world.foresee()

    world.chain.before_call = move
    world.steps_until(lambda one: isinstance(one, Idle))
    world.chain.before_call = lambda called: None
    assert calls[0] >= turn
    world.check()


def during_the_walk(world: World) -> None:
    """A fork is followed down to its end though it is no longer the chain; then the next is."""
    world.sync()
    world.chain.reorg(5, *other(6))
    world.foresee()

    def move(called: str) -> None:
        if called == "header_by_hash":
            world.chain.before_call = lambda method: None
            world.chain.reorg(8, *other(9, seed=200))

    world.chain.before_call = move
    assert isinstance(world.indexer.step(), Rewound)
    assert world.facts.reorgs() == world.expected
    world.sync()
    assert [one.depth_blocks for one in world.expected] == [5, 2]


def while_down(world: World) -> None:
    world.sync()
    world.chain.reorg(6, *other(15))
    world.restart()
    world.sync()
    assert [one.depth_blocks for one in world.expected] == [6]


def while_down_twice(world: World) -> None:
    """To another fork and on; the first is never seen."""
    world.sync()
    world.chain.reorg(3, *other(2))
    world.chain.reorg(4, *other(12, seed=300))
    world.restart()
    world.sync()
    assert [one.depth_blocks for one in world.expected] == [5]


def blocks_that_share_a_timestamp(world: World) -> None:
    world.chain.mine(*other(4, seed=60), seconds=0)
    world.sync()
    world.chain.reorg(3, *other(5), seconds=0)
    world.sync()
    world.chain.mine(*other(3, seed=70), seconds=2)
    world.sync()
    times = [one.header.timestamp for one in world.chain.canonical]
    assert max(map(times.count, times)) == 7


def flip_flop_at_every_look(world: World) -> None:
    """One address, behind which two nodes are on two forks."""
    world.sync()
    forks = [list(world.chain.canonical)]
    world.chain.reorg(4, *other(5))
    forks.append(list(world.chain.canonical))
    for turn in range(1, 12):
        world.chain.switch_to(forks[turn % 2])
        world.chain.calls.clear()
        world.foresee()
        rewound = len(world.expected) > len(world.facts.reorgs())
        assert isinstance(world.indexer.step(), Rewound if rewound else Advanced | Idle)
        assert len(world.chain.calls) < CALLS_MAX
        assert world.facts.reorgs() == world.expected
    world.sync()


def flip_flop_at_every_call(world: World) -> None:
    """The same, and no two answers are of one fork; a step still ends, and nothing is mixed."""
    world.sync()
    forks = [list(world.chain.canonical)]
    world.chain.reorg(4, *other(5))
    forks.append(list(world.chain.canonical))
    calls = [0]

    def flip(_: str) -> None:
        calls[0] += 1
        world.chain.switch_to(forks[calls[0] % 2])

    world.chain.before_call = flip
    for _ in range(30):
        before = calls[0]
        try:
            world.indexer.step()
        except Transient:
            continue
        finally:
            assert calls[0] - before < CALLS_MAX
        hashes = [row[1] for row in world.facts.snapshot()["block"]]
        assert any(hashes == fork_hashes(fork, len(hashes)) for fork in forks)
    world.chain.before_call = lambda method: None
    world.expected = world.facts.reorgs()
    world.sync()


def fork_hashes(fork: list[FakeBlock], count: int) -> list[Hash32]:
    return [one.header.hash for one in fork[:count]]


@dataclass(frozen=True)
class Scenario:
    name: str
    play: Callable[[World], Any]
    start_block: int = 0
    length: int = LENGTH
    window: int = WINDOW


def first_block_replaced(world: World) -> None:
    world.sync()
    world.chain.reorg(world.chain.head_number - world.of.start_block + 1, *other(9))
    world.sync()
    assert world.expected[0].ancestor is None


def below_the_first_block_replaced(world: World) -> None:
    world.sync()
    world.chain.reorg(world.chain.head_number, *other(9))
    world.restart()
    world.sync()
    assert world.expected[0].ancestor is None


REPLACED = (
    *((1, -1), (1, 0), (1, 2), (2, 0), (3, -1), (4, 2), (5, 0), (6, -1), (7, 2)),
    *((DEPTH, -1), (DEPTH, 0), (DEPTH, 2)),
)
"""How many blocks are replaced, and by how many more."""

SCENARIOS = (
    *(
        Scenario(f"depth {depth}, {more:+} blocks", partial(replaced, depth=depth, more=more))
        for depth, more in REPLACED
    ),
    *(
        Scenario(f"head moves back by {depth}", partial(head_moves_back, depth=depth))
        for depth in (1, 3, DEPTH)
    ),
    Scenario("head moves back and on", head_moves_back_and_on),
    Scenario("flip and back", flip_and_back),
    Scenario("flip and back, unseen", flip_and_back_unseen),
    Scenario("reorg upon reorg", reorg_upon_reorg),
    Scenario("same transactions, other blocks", same_transactions_in_other_blocks),
    Scenario("same transactions, other log indexes", same_transactions_at_other_log_indexes),
    Scenario("same logs, twin blocks", same_logs_in_twin_blocks),
    Scenario("backfill, between two ranges", between_two_ranges_of_a_backfill),
    Scenario("backfill, at the border", at_the_border_of_what_is_final),
    Scenario("backfill, beyond the border", beyond_the_border_of_what_is_final, window=3),
    *(
        Scenario(f"before {method} {turn}", partial(inside_a_step, method=method, turn=turn))
        for method, turn in (("head", 1), ("head", 2), ("header", 1), ("blocks", 1))
    ),
    Scenario("during the walk down", during_the_walk),
    Scenario("while down", while_down),
    Scenario("while down, twice", while_down_twice),
    Scenario("shared timestamps", blocks_that_share_a_timestamp),
    Scenario("flip-flop at every look", flip_flop_at_every_look),
    Scenario("flip-flop at every call", flip_flop_at_every_call),
    Scenario("first block", first_block_replaced, start_block=3, length=9),
    Scenario("below the first block", below_the_first_block_replaced, start_block=3, length=9),
)

TOO_DEEP = (
    ("by one block", lambda chain: chain.reorg(DEPTH + 1, *other(DEPTH + 3))),
    ("and shorter", lambda chain: chain.reorg(DEPTH + 4, *other(6))),
    ("and below what is final", lambda chain: chain.reorg(15, *other(2))),
    ("from the first block", lambda chain: chain.reorg(LENGTH - 1, *other(LENGTH + 5))),
    ("by a twin of the finalized block", lambda chain: chain.reorg(DEPTH + 1, *other(1))),
)


class ReorgScenarios:
    """Subclasses provide the fixture `facts`."""

    @pytest.fixture(params=[Level.HEADERS, Level.RECEIPTS], ids=str)
    def level(self, request: pytest.FixtureRequest) -> Level:
        level: Level = request.param
        return level

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
    def test_index__scenario__that_of_the_final_chain(
        self, facts: HeldFacts, level: Level, scenario: Scenario
    ) -> None:
        of = plan(
            depth_blocks=DEPTH,
            window_blocks_max=scenario.window,
            start_block=scenario.start_block,
            level=level,
        )
        world = World(facts, of, scenario.length)

        scenario.play(world)

        world.finish()

    @pytest.mark.parametrize(("name", "move"), TOO_DEEP, ids=[name for name, _ in TOO_DEEP])
    def test_index__deeper_than_finality__halts_again_and_again_and_writes_nothing(
        self, facts: HeldFacts, level: Level, name: str, move: Callable[[FakeChain], None]
    ) -> None:
        world = World(facts, plan(depth_blocks=DEPTH, window_blocks_max=WINDOW, level=level))
        world.sync()
        before = facts.everything()
        final = facts.store.local_chain().finalized
        assert final is not None
        assert final.number == BlockNumber(LENGTH - 1 - DEPTH)

        move(world.chain)

        for _ in range(3):
            with pytest.raises(ReorgTooDeep, match=f"replaced finalized block {final.number} "):
                world.indexer.step()
            assert facts.everything() == before
            world.restart()
