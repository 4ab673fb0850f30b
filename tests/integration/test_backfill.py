"""Contracts that are added to an index: at the end it is the index that had them from the start."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, select

from contracts.event_spec import ContractName
from contracts.events import ERC20_TRANSFER
from contracts.evm import ZERO_HASH, Address, BlockNumber, ChainId
from indexer.adapters.backfill import PostgresBackfill
from indexer.adapters.rewind import facts_above, rewind_facts
from indexer.adapters.sources import held_sources, is_indexed
from indexer.adapters.store import PostgresFacts, owned_chain
from indexer.adapters.stored_logs import audit_rows
from indexer.adapters.tables import (
    BACKFILL,
    BACKFILL_BLOCK,
    BACKFILL_LOG,
    BLOCK,
    CURSOR,
    INDEXED_SOURCE,
    LOG,
    TOKEN_BALANCE,
)
from indexer.backfill import Backfill
from indexer.errors import (
    ABIMismatch,
    LateFactsRefused,
    ProofContradicts,
    SourcesChanged,
    StoreUnavailable,
)
from indexer.fetch_range import RangesHere
from indexer.levels import Level
from indexer.opening import open_indexer
from indexer.outcomes import Backfilled, Idle, Outcome, Rewound, SourcesAdded
from indexer.plan import IndexedChain
from indexer.ranges import BlockRange
from indexer.sync import Indexer
from scripts.embedded.postgres import PostgresServer
from tests.builders_chain import ALICE, contents, eventful_chain
from tests.fakes_chain import CHAIN_ID, PAYOUTS, SOURCES, TIERS, TOKEN, FakeChain, FakeLog, log_of
from tests.fakes_chain import plan as plan_of
from tests.postgres_facts import fact_engine, snapshot

OTHER = Address(b"\x55" * 20)
BEFORE: Mapping[Address, ContractName] = {one: SOURCES[one] for one in SOURCES if one is not TOKEN}
STEPS_MAX = 400

Deed = Callable[[FakeChain, int], None]


@pytest.fixture
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("backfill")) as engine:
        yield engine


@pytest.fixture
def fresh(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("backfilled_from_the_start")) as engine:
        yield engine


def nobody_else(db_tx: Connection, chain_id: ChainId, added: Sequence[Address]) -> None:
    """No reader has a cursor of its own."""


def indexer_of(
    wanted: IndexedChain,
    chain: FakeChain,
    store: PostgresFacts,
    read_again: Callable[[Connection, ChainId, Sequence[Address]], None] = nobody_else,
) -> Indexer:
    """As the composition root opens it."""
    with store.transaction() as db_tx:
        sources = held_sources(db_tx, wanted)
    now = replace(wanted, sources=sources)
    staged = PostgresBackfill(store, wanted, read_again)
    return open_indexer(
        now,
        chain,
        store,
        ranges=RangesHere(chain, now.question),
        now_ms=lambda: 0,
        backfill=None if now == wanted else Backfill(wanted, sources, chain, staged),
    )


def followed(
    engine: Engine,
    wanted: IndexedChain,
    chain: FakeChain,
    *,
    after_step: Deed | None = None,
    is_reopened: bool = False,
) -> list[Outcome]:
    """Step until nothing is left; `is_reopened` ends the owner after each step, as a crash does."""
    outcomes: list[Outcome] = []
    while len(outcomes) < STEPS_MAX:
        with owned_chain(engine, wanted.chain_id) as store:
            indexer = indexer_of(wanted, chain, store)
            while len(outcomes) < STEPS_MAX:
                outcomes.append(indexer.step())
                if after_step is not None:
                    after_step(chain, len(outcomes))
                if isinstance(outcomes[-1], Idle):
                    return outcomes
                if is_reopened or isinstance(outcomes[-1], SourcesAdded):
                    break
    raise AssertionError("it does not end")


def backfilled_up_to(indexer: Indexer, end: int) -> None:
    """Step until all blocks below `end` are staged."""
    for _ in range(STEPS_MAX):
        outcome = indexer.step()
        if isinstance(outcome, Backfilled) and outcome.blocks.end >= end:
            return
    raise AssertionError("it does not get there")


def whole(engine: Engine) -> dict[str, Any]:
    """Everything that an index says, and that nothing is left of what was staged."""
    with engine.begin() as connection:
        facts: dict[str, Any] = snapshot(connection)
        blocks = select(BLOCK.c.number, BLOCK.c.hash, BLOCK.c.rows_digest, BLOCK.c.proof)
        facts["digests"] = connection.execute(blocks.order_by(BLOCK.c.number)).all()
        held = TOKEN_BALANCE.c
        moved = select(held.token, held.account, held.balance).where(held.balance != 0)
        facts["balances"] = set(connection.execute(moved).all())
        facts["sources"] = set(connection.execute(select(INDEXED_SOURCE)).all())
        facts["digest"] = connection.execute(select(CURSOR.c.sources_digest)).scalar()
        for table in (BACKFILL, BACKFILL_BLOCK, BACKFILL_LOG):
            assert not connection.execute(select(table)).all()
        first, last = facts["digests"][0].number, facts["digests"][-1].number
        audit = audit_rows(connection, CHAIN_ID, BlockRange(first, BlockNumber(last + 1)))
        assert audit.differing == ()
    return facts


def still(chain: FakeChain, step: int) -> None:
    """Nothing happens."""


def mining(chain: FakeChain, step: int) -> None:
    """A block comes while it is at work, every few steps."""
    if step % 3 == 0 and chain.head_number < 40:
        chain.mine(contents(chain.head_number + 1))


def reorganising(chain: FakeChain, step: int) -> None:
    if step in {3, 5, 8, 9}:
        chain.reorg(step - 1, *(contents(step + more) for more in range(step + 1)))


@pytest.mark.parametrize(
    ("deed", "level", "is_reopened"),
    [
        (still, Level.HEADERS, False),
        (mining, Level.RECEIPTS, True),
        (reorganising, Level.RECEIPTS, False),
        (reorganising, Level.NONE, True),
    ],
)
def test_backfill__token_added_later__the_index_that_had_it_from_the_start(
    engine: Engine, fresh: Engine, deed: Deed, level: Level, is_reopened: bool
) -> None:
    chain = eventful_chain(30)
    old = plan_of(sources=BEFORE, level=level, depth_blocks=12, window_blocks_max=7)
    new = replace(old, sources=SOURCES)
    followed(engine, old, chain)

    outcomes = followed(engine, new, chain, after_step=deed, is_reopened=is_reopened)
    followed(engine, new, chain)
    followed(fresh, new, chain)

    assert sum(isinstance(one, SourcesAdded) for one in outcomes) == 1
    assert sum(isinstance(one, Backfilled) for one in outcomes) > 2
    assert whole(engine) == whole(fresh)


@pytest.mark.parametrize("table", [BACKFILL_LOG, BACKFILL_BLOCK, LOG, INDEXED_SOURCE])
def test_backfill__crash_in_the_middle_of_a_step__that_step_alone_is_lost(
    engine: Engine, fresh: Engine, table: Table
) -> None:
    """The database fails when a step has inserted its rows into a table."""
    chain = eventful_chain(30)
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    new = replace(old, sources=SOURCES)
    followed(engine, old, chain)
    with engine.begin() as connection:
        for statement in _FAILING.format(table=table.name).split(";;"):
            connection.exec_driver_sql(statement)

    with pytest.raises(StoreUnavailable, match="a crash"):
        followed(engine, new, chain)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION crash CASCADE")
    followed(engine, new, chain)
    followed(fresh, new, chain)

    assert whole(engine) == whole(fresh)


_FAILING = """
    CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'a crash' USING ERRCODE = 'disk_full'; END $$;;
    CREATE TRIGGER crash AFTER INSERT ON {table} EXECUTE FUNCTION crash()
"""


def test_backfill__reorg_below_what_is_staged__staged_again(engine: Engine, fresh: Engine) -> None:
    chain = eventful_chain(25)
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    new = replace(old, sources=SOURCES)
    followed(engine, old, chain)

    with owned_chain(engine, CHAIN_ID) as store:
        indexer = indexer_of(new, chain, store)
        backfilled_up_to(indexer, 25)
        chain.reorg(6, *(contents(number) for number in range(20, 28)))
        assert isinstance(indexer.step(), Rewound)
    followed(engine, new, chain)
    followed(fresh, new, chain)

    assert whole(engine) == whole(fresh)


def test_backfill__until_it_is_whole__nobody_sees_a_part_of_it(engine: Engine) -> None:
    chain = eventful_chain(30)
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    followed(engine, old, chain)
    with engine.begin() as connection:
        before = snapshot(connection)
    seen: list[bool] = []

    def look(chain: FakeChain, step: int) -> None:
        with engine.begin() as connection:
            is_whole = is_indexed(connection, CHAIN_ID, [TOKEN, TIERS])
            assert is_indexed(connection, CHAIN_ID, [TIERS, PAYOUTS])
            assert is_whole or snapshot(connection) == before
            seen.append(is_whole)

    followed(engine, replace(old, sources=SOURCES), chain, after_step=look)

    assert seen == sorted(seen)
    assert seen.count(False) > 4
    assert seen[-1]


def test_backfill__blooms_rule_blocks_out__they_are_not_fetched(engine: Engine) -> None:
    chain = FakeChain()
    quiet: list[list[FakeLog]] = [[] for _ in range(40)]
    chain.mine(*quiet, [log_of(ERC20_TRANSFER, OTHER, (ALICE, ALICE, 5))], *quiet)
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    followed(engine, old, chain)
    chain.calls.clear()

    followed(engine, replace(old, sources={**BEFORE, OTHER: ContractName.ERC20}), chain)

    assert chain.calls.count("blocks") == 1
    with engine.begin() as connection:
        assert len(snapshot(connection)[ERC20_TRANSFER.table]) == 1


def test_backfill__topic_of_the_new_contract_at_an_old_one__found_too(
    engine: Engine, fresh: Engine
) -> None:
    """An index asks for all its topics at all its contracts: a new topic is new at every one."""
    chain = FakeChain()
    quiet: list[list[FakeLog]] = [[] for _ in range(15)]
    chain.mine(*quiet, [log_of(ERC20_TRANSFER, TIERS, (ALICE, ALICE, 5))], *quiet)
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    new = replace(old, sources=SOURCES)
    followed(engine, old, chain)

    followed(engine, new, chain)
    followed(fresh, new, chain)

    assert whole(engine) == whole(fresh)


def test_backfill__failure_in_the_merge__the_index_is_as_it_was(engine: Engine) -> None:
    chain = eventful_chain(30)
    old = plan_of(sources=BEFORE)
    new = replace(old, sources=SOURCES)
    followed(engine, old, chain)
    with engine.begin() as connection:
        before = snapshot(connection)

    def refuse(db_tx: Connection, chain_id: ChainId, added: Sequence[Address]) -> None:
        assert tuple(added) == (TOKEN,)
        raise LateFactsRefused(chain_id, "a book ends", BlockNumber(9))

    with owned_chain(engine, CHAIN_ID) as store:
        indexer = indexer_of(new, chain, store, refuse)
        backfilled_up_to(indexer, 30)
        with pytest.raises(LateFactsRefused, match="chain rewind --to 8"):
            indexer.step()
    with engine.begin() as connection:
        assert snapshot(connection) == before
        assert not is_indexed(connection, CHAIN_ID, [TOKEN])
        assert connection.execute(select(CURSOR.c.sources_digest)).scalar() == old.sources_digest


def test_backfill__rewind_past_finality__goes_on_from_there(engine: Engine, fresh: Engine) -> None:
    chain = eventful_chain(25)
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    new = replace(old, sources=SOURCES)
    followed(engine, old, chain)
    with owned_chain(engine, CHAIN_ID) as store:
        indexer = indexer_of(new, chain, store)
        backfilled_up_to(indexer, 8)
        with store.transaction() as db_tx:
            found = facts_above(db_tx, CHAIN_ID, BlockNumber(5))
            rewind_facts(db_tx, CHAIN_ID, found, reason="a test")
    chain.reorg(19, *(contents(number) for number in range(5, 25)))

    followed(engine, new, chain)
    followed(fresh, new, chain)

    assert whole(engine) == whole(fresh)


def test_backfill__what_is_held_is_not_on_the_chain__said(engine: Engine) -> None:
    chain = eventful_chain(30)
    old = plan_of(sources=BEFORE)
    followed(engine, old, chain)
    with engine.begin() as connection:
        connection.execute(BLOCK.update().where(BLOCK.c.number == 2).values(rows_digest=ZERO_HASH))

    with pytest.raises(ProofContradicts, match="block 2"):
        followed(engine, replace(old, sources=SOURCES), chain)


def test_backfill__contract_of_another_kind__said_before_anything_is_added(engine: Engine) -> None:
    chain = FakeChain()
    chain.mine(*([FakeLog(OTHER, (ERC20_TRANSFER.topic0,), b"")] for _ in range(20)))
    old = plan_of(sources=BEFORE)
    followed(engine, old, chain)

    with pytest.raises(ABIMismatch, match=str(OTHER)):
        followed(engine, replace(old, sources={**BEFORE, OTHER: ContractName.ERC20}), chain)


def test_backfill__other_sources_meanwhile__begins_anew(engine: Engine, fresh: Engine) -> None:
    chain = FakeChain()
    moved = log_of(ERC20_TRANSFER, OTHER, (ALICE, ALICE, 5))
    chain.mine(*([*contents(number), moved] for number in range(1, 26)))
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    followed(engine, old, chain)
    with owned_chain(engine, CHAIN_ID) as store:
        backfilled_up_to(indexer_of(replace(old, sources=SOURCES), chain, store), 8)
    more = replace(old, sources={**SOURCES, OTHER: ContractName.ERC20})

    followed(engine, more, chain)
    followed(fresh, more, chain)

    assert whole(engine) == whole(fresh)


def test_held_sources__taken_back_while_being_added__nothing_is_left(engine: Engine) -> None:
    chain = eventful_chain(25)
    old = plan_of(sources=BEFORE, window_blocks_max=7)
    followed(engine, old, chain)
    untouched = whole(engine)
    with owned_chain(engine, CHAIN_ID) as store:
        backfilled_up_to(indexer_of(replace(old, sources=SOURCES), chain, store), 8)

    followed(engine, old, chain)

    assert whole(engine) == untouched


@pytest.mark.parametrize(
    ("sources", "start_block", "said"),
    [
        ({TIERS: SOURCES[TIERS]}, 0, rf"without {PAYOUTS} \(EpochPayouts\)"),
        ({**BEFORE, PAYOUTS: ContractName.ERC20}, 0, rf"without {PAYOUTS} \(EpochPayouts\)"),
        (SOURCES, 1, "may only be added"),
    ],
    ids=["one is gone", "one is of another kind", "another start block"],
)
def test_held_sources__not_only_more__refused(
    engine: Engine, sources: Mapping[Address, ContractName], start_block: int, said: str
) -> None:
    chain = eventful_chain(5)
    followed(engine, plan_of(sources=BEFORE), chain)

    with pytest.raises(SourcesChanged, match=said):
        followed(engine, plan_of(sources=sources, start_block=start_block), chain)


def test_held_sources__index_without_a_list__lists_its_own_and_takes_no_more(
    engine: Engine,
) -> None:
    chain = eventful_chain(5)
    old = plan_of(sources=BEFORE)
    followed(engine, old, chain)
    with engine.begin() as connection:
        connection.execute(INDEXED_SOURCE.delete())
        assert is_indexed(connection, CHAIN_ID, [TOKEN])

    with pytest.raises(SourcesChanged):
        followed(engine, replace(old, sources=SOURCES), chain)
    followed(engine, old, chain)

    with engine.begin() as connection:
        assert not is_indexed(connection, CHAIN_ID, [TOKEN])
