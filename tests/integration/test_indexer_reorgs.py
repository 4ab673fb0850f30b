"""All reorgs of the table on Postgres; and those that need real endpoints or worker processes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, Table, select

from contracts.addresses import Settlement
from contracts.evm import BlockNumber, BlockRef, Hash32, Timestamp
from indexer.adapters.endpoints import Endpoints, open_endpoints
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.adapters.reads import FactReads
from indexer.adapters.rpc import RPCReader
from indexer.adapters.store import owned_chain
from indexer.adapters.tables import BLOCK, REORG, TOKEN_BALANCE
from indexer.adapters.workers import RangesAhead
from indexer.agreement import Verdict
from indexer.blocks import hash_rows
from indexer.errors import AnswerMalformed, ReorgTooDeep, Transient
from indexer.fetch_range import RangesHere
from indexer.levels import Level
from indexer.opening import open_indexer
from indexer.outcomes import Narrowed, Outcome
from indexer.plan import IndexedChain
from indexer.ports import FactStore, WitnessedChain
from indexer.rows_digest import range_digest
from indexer.sync import is_synced, run_until
from scripts.embedded.postgres import PostgresServer
from tests.builders_chain import eventful_chain
from tests.chain_node import Call, ChainNode, Clock, serving
from tests.fakes_chain import CHAIN_ID, FakeChain, Snapshot, plan
from tests.fakes_facts import MemoryFacts, opened
from tests.postgres_facts import FACT_DATABASE, fact_engine, snapshot
from tests.reorg_scenarios import Balances, ReorgRow, ReorgScenarios, never, other
from tests.worker_chains import chain_of

LIMITS = RPCLimits(timeout_s=5, calls_max=100, answer_bytes_max=10_000_000)
LEVELS = (Level.HEADERS, Level.RECEIPTS)
NOBODY = Settlement(
    name="none", chain_id=CHAIN_ID, start_block=BlockNumber(0), contracts={}, tokens=()
)


class HeldInPostgres:
    """A store in a database; a new process is a new session, which takes the lock again."""

    def __init__(self, engine: Engine, sessions: ExitStack) -> None:
        self._engine, self._sessions = engine, sessions
        self.store: FactStore = self.reopened()

    def reopened(self) -> FactStore:
        self._sessions.close()
        self.store = self._sessions.enter_context(owned_chain(self._engine, CHAIN_ID))
        return self.store

    def snapshot(self) -> Snapshot:
        with self._engine.connect() as connection:
            return snapshot(connection)

    def digest(self) -> Hash32:
        rows = self._rows(BLOCK)
        hashes, digests = [row["hash"] for row in rows], [row["rows_digest"] for row in rows]
        return range_digest(rows[0]["number"], hash_rows(hashes), hash_rows(digests))

    def balances(self) -> Balances:
        rows = self._rows(TOKEN_BALANCE)
        return {(row["token"], row["account"]): row["balance"] for row in rows if row["balance"]}

    def reorgs(self) -> list[ReorgRow]:
        return [
            ReorgRow(
                ancestor=None
                if row["ancestor_number"] is None
                else (row["ancestor_number"], row["ancestor_hash"]),
                old_head=(row["old_head_number"], row["old_head_hash"]),
                new_head=(row["new_head_number"], row["new_head_hash"]),
                depth_blocks=row["depth_blocks"],
                removed=row["removed"],
            )
            for row in self._rows(REORG)
        ]

    def everything(self) -> object:
        return {
            table.name: [tuple(row.values()) for row in self._rows(table)]
            for table in FACT_DATABASE
        }

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        with self._engine.connect() as connection:
            return FactReads(connection, NOBODY).highest_block_before(timestamp, upto)

    def _rows(self, table: Table) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key)).mappings())


@pytest.fixture(scope="module")
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("reorgs")) as engine:
        yield engine


@pytest.fixture
def facts(engine: Engine) -> Iterator[HeldInPostgres]:
    with engine.begin() as connection:
        for table in FACT_DATABASE:
            connection.execute(table.delete())
    with ExitStack() as sessions:
        yield HeldInPostgres(engine, sessions)


@contextmanager
def pool(
    of: IndexedChain, here: WitnessedChain, make_chain: Callable[[], WitnessedChain]
) -> Iterator[RangesAhead]:
    """Ranges from two worker processes, as soon as there are some to fetch ahead."""
    ranges = RangesAhead(
        RangesHere(here, of.question), make_chain, of.question, workers=2, behind_blocks_min=1
    )
    try:
        yield ranges
    finally:
        ranges.close()


class TestReorgsInPostgres(ReorgScenarios):
    """The fixture `facts` is that of this module."""


@pytest.fixture
def nodes() -> Iterator[tuple[ChainNode, ChainNode]]:
    """Two nodes of one chain of 30 blocks, 21 of them final."""
    with ExitStack() as stack:
        both = [ChainNode(eventful_chain(30), Clock()) for _ in range(2)]
        for node in both:
            stack.enter_context(serving(node))
        yield both[0], both[1]


def indexed(chain: FakeChain, of: IndexedChain) -> MemoryFacts:
    """The index of a chain that never was anything else."""
    anew = MemoryFacts()
    run_until(opened(of, chain, anew), is_synced, wait=never)
    return anew


def same(facts: HeldInPostgres, anew: MemoryFacts) -> bool:
    held = (facts.snapshot(), facts.digest(), facts.balances())
    return held == (anew.snapshot(), anew.digest(), anew.balances)


@pytest.mark.parametrize("level", LEVELS)
def test_index__endpoints_on_two_forks__stops_where_they_part_until_they_meet(
    facts: HeldInPostgres, nodes: tuple[ChainNode, ChainNode], level: Level
) -> None:
    of, clock = plan(depth_blocks=8, level=level), Clock()
    nodes[1].chain.reorg(3, *other(4))
    readers = [RPCReader(JSONRPC(node.url, LIMITS)) for node in nodes]
    chain = Endpoints(readers, CHAIN_ID, clock)
    indexer = opened(of, chain, facts.store)
    steps: list[Outcome] = []

    def is_done(outcome: Outcome) -> bool:
        steps.append(outcome)
        clock.pass_s(1)
        return is_synced(outcome) or len(steps) == 50

    run_until(indexer, is_done, wait=never)
    parted = facts.snapshot()
    assert chain.agreement is not None
    forked = {(one.number, one.verdict) for one in chain.agreement.fork}
    nodes[0].chain.switch_to(nodes[1].chain.canonical)
    run_until(indexer, is_done, wait=never)
    chain.close()

    assert len(steps) < 50
    assert parted["block"][-1][:2] == (26, nodes[0].chain.canonical[26].header.hash)
    assert forked == {(27, Verdict.FORKED)}
    assert facts.reorgs() == []
    assert same(facts, indexed(nodes[1].chain, of))


@pytest.mark.parametrize("level", LEVELS)
def test_index__endpoints_change_forks_in_turn__ends_and_equals_the_last(
    facts: HeldInPostgres, nodes: tuple[ChainNode, ChainNode], level: Level
) -> None:
    """First one and then the other serves alone, each on its own fork."""
    of, clock = plan(depth_blocks=8, level=level), Clock()
    nodes[1].chain.reorg(3, *other(4))
    chain = Endpoints([RPCReader(JSONRPC(node.url, LIMITS)) for node in nodes], CHAIN_ID, clock)
    indexer = opened(of, chain, facts.store)

    for turn in range(6):
        nodes[turn % 2].status, nodes[1 - turn % 2].status = 200, 503
        clock.pass_s(1_000)
        for _ in range(50):
            try:
                if is_synced(indexer.step()):
                    break
            except Transient:
                continue
        else:
            raise AssertionError("the indexer never came to rest")
    chain.close()

    assert same(facts, indexed(nodes[1].chain, of))
    assert [one.depth_blocks for one in facts.reorgs()] == [3, 4, 3, 4, 3]


def removing(call: Call, result: Any) -> Any:
    """The log of block 25, and that of its receipt, is said to be removed."""
    for one in result if isinstance(result, list) else ():
        for log in one.get("logs", [one]):
            log["removed"] = log["removed"] or log["blockNumber"] == hex(25)
    return result


@pytest.mark.parametrize("level", LEVELS)
def test_index__log_said_to_be_removed__never_stored_and_asked_for_again(
    facts: HeldInPostgres, nodes: tuple[ChainNode, ChainNode], level: Level
) -> None:
    of = plan(depth_blocks=8, level=level)
    node = nodes[0]
    chain = open_endpoints([node.url], CHAIN_ID, LIMITS)
    indexer = opened(of, chain, facts.store)
    node.alter = removing
    steps: list[Outcome] = []

    with pytest.raises(AnswerMalformed, match="removed"):
        run_until(indexer, lambda one: steps.append(one) or False, wait=never)  # type: ignore[func-returns-value]
    below = facts.snapshot()["block"][-1][0]
    node.alter = lambda call, result: result
    run_until(indexer, is_synced, wait=never)
    chain.close()

    assert any(isinstance(one, Narrowed) for one in steps)
    assert below == 24
    assert facts.reorgs() == []
    assert same(facts, indexed(node.chain, of))


@pytest.mark.parametrize("level", LEVELS)
def test_index__chain_moves_while_workers_fetch_ahead__index_of_the_final_chain(
    facts: HeldInPostgres, level: Level
) -> None:
    """The newest blocks are replaced again and again, in the same node that the workers ask."""
    of = plan(depth_blocks=8, level=level)
    with serving(ChainNode(eventful_chain(200), Clock())) as node:
        make_chain = partial(open_endpoints, [node.url], CHAIN_ID, LIMITS)
        with pool(of, make_chain(), make_chain) as ranges:
            indexer = open_indexer(of, make_chain(), facts.store, ranges=ranges, now_ms=lambda: 0)
            for turn in range(5):
                indexer.step()
                node.chain.reorg(8, *other(9 - turn % 2, seed=1_000 * (turn + 1)))
            run_until(indexer, is_synced, wait=never)

    assert facts.reorgs() == []
    assert same(facts, indexed(node.chain, of))


@pytest.mark.parametrize("level", LEVELS)
def test_index__what_was_fetched_ahead_as_final_is_replaced__halts_and_writes_nothing(
    facts: HeldInPostgres, level: Level
) -> None:
    """What was final at the last look is stored, and found to be replaced at the next."""
    of = plan(depth_blocks=8, level=level)
    chain = chain_of(200)
    with pool(of, chain, partial(chain_of, 200)) as ranges:
        indexer = open_indexer(of, chain, facts.store, ranges=ranges, now_ms=lambda: 0)
        for _ in range(10):
            indexer.step()
        chain.reorg(15, *other(30))
        with pytest.raises(ReorgTooDeep, match="replaced finalized block 191 "):
            run_until(indexer, is_synced, wait=never)
        before = facts.everything()
        with pytest.raises(ReorgTooDeep, match="replaced finalized block 191 "):
            indexer.step()

    assert facts.everything() == before
    assert facts.reorgs() == []
