"""Shards on a real Postgres: what is read, what is kept, and who may work on what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from indexer.adapters.shard_reads import ShardReads
from indexer.errors import NotIndexed
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.allocate_shards import ShardFacts, ShardStore, allocate_shards
from settlement.royalties.errors import ConflictingShard
from settlement.royalties.shard_result import merged, result_document
from tests.royalties_builders import SETTLEMENT
from tests.shard_database import boundary, reference, shard_engine, store_events
from tests.shard_world import EPOCH, World, in_shards


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    with shard_engine(empty_database) as engine:
        yield engine


@contextmanager
def facts_in(engine: Engine) -> Iterator[ShardReads]:
    isolated = engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with isolated as connection, connection.begin():
        yield ShardReads(connection, SETTLEMENT, EPOCH, boundary=boundary(), reference=reference())


def test_reads_and_store__protocols__satisfied(engine: Engine) -> None:
    store: ShardStore = SqlShards(engine)
    with facts_in(engine) as reads:
        facts: ShardFacts = reads

        assert facts
    assert store


@pytest.mark.parametrize("extreme", ["small", "huge"])
@pytest.mark.parametrize("seed", range(4))
def test_allocate_shards__rows_in_postgres__same_total_for_any_cut(
    engine: Engine, extreme: str, seed: int
) -> None:
    world = World(seed, extreme)
    store_events(engine, world.events, EPOCH)
    expected = result_document(merged(in_shards(world, 1)))

    for shard_count in (1, 2, 16):
        order = world.order(shard_count)
        with facts_in(engine) as facts:
            total = allocate_shards(order, facts=facts, store=SqlShards(engine))
            again = allocate_shards(order, facts=facts, store=SqlShards(engine))

        assert total == again
        assert total is not None
        assert result_document(total) == expected


def test_allocate_shards__unit_claimed_elsewhere__left_to_the_other(engine: Engine) -> None:
    world = World(3, "usual")
    store_events(engine, world.events, EPOCH)
    store, order = SqlShards(engine), world.order(4)

    with facts_in(engine) as facts:
        with store.claimed(order.key, "shard 2 of 4") as is_ours:
            before = allocate_shards(order, facts=facts, store=store)
            done = store.stored_shards(order.key, 4)
        after = allocate_shards(order, facts=facts, store=store)

    assert is_ours
    assert before is None
    assert done == {0, 1, 3}
    assert after == merged(in_shards(world, 4))


def test_record_total__another_cut_comes_to_something_else__conflict(engine: Engine) -> None:
    world = World(3, "usual")
    store, order = SqlShards(engine), world.order(1)
    total = merged(in_shards(world, 1))
    store.record_total(order.key, total)
    store.record_total(order.key, total)

    with pytest.raises(ConflictingShard):
        store.record_total(order.key, replace(total, rows=total.rows + 1))


def test_stored_unit__change__refused(engine: Engine) -> None:
    world = World(3, "usual")
    store, order = SqlShards(engine), world.order(1)
    store.record_couplings(order.key, ())

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM allocation_coupling"))


def test_reads__reference_block_not_indexed__refused(engine: Engine) -> None:
    with facts_in(engine) as facts, engine.begin() as connection:
        connection.execute(text("DELETE FROM block"))
    with facts_in(engine) as facts, pytest.raises(NotIndexed):
        next(facts.pseudonyms())
