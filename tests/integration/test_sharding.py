"""The job of shards on the facts of a scripted chain: which epoch, which rules, which total."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlmodel import SQLModel

from contracts.evm import Epoch
from scripts.sharding import ShardedAllocation
from settlement.royalties.adapters import shard_tables, tables
from settlement.royalties.allocate_shards import shard_bounds
from settlement.royalties.derivation import derive
from settlement.royalties.shard_order import order_in, shard_order
from tests.postgres_facts import FACT_DATABASE
from tests.royalties_builders import (
    FIRST_EPOCH,
    SETTLEMENT,
    ScriptedChain,
    facts_of,
    sample_chain,
)
from tests.two_epochs import store


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    url = empty_database.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url)
    every = (*FACT_DATABASE, *tables.TABLES, *shard_tables.TABLES)
    SQLModel.metadata.create_all(engine, every)
    with engine.begin() as connection:
        for statement in (*tables.EXTRA_DDL, *shard_tables.EXTRA_DDL):
            connection.execute(text(statement))
    yield engine
    engine.dispose()


def job(engine: Engine, *, submissions_min: int = 1, shard_count: int = 3) -> ShardedAllocation:
    return ShardedAllocation(
        engine=engine,
        settlement=SETTLEMENT,
        submissions_min=submissions_min,
        shard_count_min=shard_count,
    )


def chain_in(engine: Engine) -> ScriptedChain:
    chain = sample_chain()
    store(engine, chain)
    return chain


def test_look__epoch_is_due__total_is_what_the_epoch_credits(engine: Engine) -> None:
    chain = chain_in(engine)
    allocations = derive(facts_of(chain, FIRST_EPOCH)).distribution.allocations

    total = job(engine).look()

    assert total is not None
    for sums in total.assets:
        of_asset = [one for one in allocations if one.asset == sums.asset]
        assert sums.paid == sum(one.fee for one in of_asset)
        assert sums.unallocated == sum(one.unallocated for one in of_asset)
        assert sum(sums.per_work.values()) == sum(
            credit.credited for one in of_asset for credit in one.credits
        )
    assert {sums.asset for sums in total.assets} == {one.asset for one in allocations}
    assert job(engine, shard_count=16).look() == total


def test_look__few_submissions__left_to_one_piece(engine: Engine) -> None:
    chain_in(engine)

    assert job(engine, submissions_min=1_000).look() is None


def test_look__already_at_work_in_this_process__not_again(engine: Engine) -> None:
    chain_in(engine)
    one = job(engine)
    inner: list[object] = []
    with one._is_at_work:
        inner.append(one.look())

    assert inner == [None]
    assert one.look() is not None


def test_shard_order__usage_can_still_come__none() -> None:
    chain = sample_chain()
    later = Epoch(FIRST_EPOCH + 5)

    assert shard_order(later, settlement=SETTLEMENT, source=chain, shard_count=1) is None


def test_shard_order__veto__another_name() -> None:
    chain = sample_chain()
    before = shard_order(FIRST_EPOCH, settlement=SETTLEMENT, source=chain, shard_count=1)
    chain.veto(FIRST_EPOCH)
    after = shard_order(FIRST_EPOCH, settlement=SETTLEMENT, source=chain, shard_count=1)

    assert before is not None
    assert after is not None
    assert (before.order.key.attempt, after.order.key.attempt) == (1, 2)
    assert before.order.key.inputs_digest != after.order.key.inputs_digest


@pytest.mark.parametrize("shard_count", [1, 2, 3, 16, 256])
def test_shard_bounds__all_shards__every_address_once(shard_count: int) -> None:
    bounds = [shard_bounds(shard, shard_count) for shard in range(shard_count)]

    assert bounds[0][0] == b"\x00\x00"
    assert bounds[-1][1] is None
    for (_, high), (low, _) in pairwise(bounds):
        assert high == low


def test_is_large__by_submissions__from_the_minimum_on(engine: Engine) -> None:
    chain = chain_in(engine)
    submissions = len(facts_of(chain, FIRST_EPOCH).consumption)

    assert job(engine, submissions_min=submissions).is_large(FIRST_EPOCH)
    assert not job(engine, submissions_min=submissions + 1).is_large(FIRST_EPOCH)


def test_order_in__frame_of_the_attempt__the_key_that_shards_are_stored_under() -> None:
    chain = sample_chain()
    computed = derive(facts_of(chain, FIRST_EPOCH))
    due = shard_order(FIRST_EPOCH, settlement=SETTLEMENT, source=chain, shard_count=1)

    order = order_in(computed.frame, computed.registry)

    assert due is not None
    assert (order, computed.frame.boundary) == (due.order, due.boundary)
    assert computed.frame.reference == due.reference
