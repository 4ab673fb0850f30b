"""What `bench_allocate` measures: worker processes on one generated epoch, and its rules."""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import create_engine

from contracts.event_spec import ContractName
from contracts.evm import BlockNumber, Epoch, Hash32, LogIndex, Timestamp
from indexer.adapters.shard_reads import ShardReads
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.allocate_shards import (
    ShardFacts,
    ShardKey,
    ShardOrder,
    allocate_shards,
    allocated_here,
    shard_bounds,
)
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import parameters_from_bytes
from settlement.royalties.registry import Registry, WorkTerms
from settlement.royalties.shard_allocation import asset_fees
from settlement.royalties.shard_judging import judged_usage
from settlement.royalties.shard_result import ShardResult, shard_result
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.shard_usage import shard_fees, shard_usage
from tests.bench.usage_facts import EPOCH, UsageFacts, UsageShape, usage_facts
from tests.royalties_builders import REGION, SETTLEMENT, parameters_json
from tests.shard_database import boundary, reference

FEES = [{"name": "protocol", "payee": "0x" + "11" * 20, "ppm": "25000"}]
PARAMETERS = parameters_from_bytes(parameters_json(fees=FEES, half_life="v1"))
RATES_PPM = tuple(entry.rate_ppm for entry in PARAMETERS.fees)
SCOPE = EpochScope(
    epoch=Epoch(EPOCH),
    epoch_length_seconds=2_592_000,
    last_before_start=BlockNumber(5),
    reference_at=Timestamp(2_000_000_000),
    parameters_block=BlockNumber(1),
    parameters_log=LogIndex(0),
    payouts=SETTLEMENT.payouts,
    split_accounts=SETTLEMENT.contracts[ContractName.SPLIT_ACCOUNTS],
)
HELD_WORKS = 100
_WAIT_S = 0.05


class Spent(NamedTuple):
    """What one worker, or all together, spent from the common start on; in seconds."""

    wall: float
    cpu: float


Work: TypeAlias = Callable[[int, str, UsageShape, argparse.Namespace, Any], Spent]


def spent_by(work: Work, url: str, shape: UsageShape, options: argparse.Namespace) -> Spent:
    """The longest time and all the CPU of `--workers` processes, started at one time."""
    context = multiprocessing.get_context("spawn")
    ready, spent = context.Barrier(options.workers), context.SimpleQueue()
    workers = [
        context.Process(target=_measured, args=(spent, work, place, url, shape, options, ready))
        for place in range(options.workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("a worker failed")
    each: list[Spent] = [spent.get() for _ in workers]
    return Spent(max(one.wall for one in each), sum(one.cpu for one in each))


def _measured(spent: Any, work: Work, *arguments: Any) -> None:
    spent.put(work(*arguments))


def allocate_loaded(
    place: int, url: str, shape: UsageShape, options: argparse.Namespace, ready: Any
) -> Spent:
    """Judge, weigh and share the rows of one worker's range of subscribers."""
    order = order_of(usage_facts(shape), options.workers)
    factors = WorkFactors(order.parameters, order.registry, order.scope)
    with shard_facts(url) as facts:
        bounds = shard_bounds(place, options.workers)
        fees = shard_fees(facts.subscriptions(*bounds))
        usage = shard_usage(facts.usage(*bounds), fees, factors.table)
    ready.wait()
    began = Spent(time.perf_counter(), time.process_time())
    judged = judged_usage(usage, factors, (), last_before_start=SCOPE.last_before_start)
    shard_result(judged, list(asset_fees(fees, RATES_PPM)), factors, subscribers=len(fees))
    return _since(began)


def allocate_stored(
    place: int, url: str, shape: UsageShape, options: argparse.Namespace, ready: Any
) -> Spent:
    """Take units of the epoch until its total is stored."""
    del place
    order = order_of(usage_facts(shape), options.shards)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    ready.wait()
    began = Spent(time.perf_counter(), time.process_time())
    total = None
    while total is None:
        with shard_facts(url) as facts:
            total = allocate_shards(order, facts=facts, store=SqlShards(engine))
        time.sleep(_WAIT_S if total is None else 0)
    spent = _since(began)
    engine.dispose()
    return spent


def _since(began: Spent) -> Spent:
    return Spent(time.perf_counter() - began.wall, time.process_time() - began.cpu)


@contextmanager
def shard_facts(url: str) -> Iterator[ShardReads]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    isolated = engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with isolated as connection, connection.begin():
        yield ShardReads(
            connection, SETTLEMENT, Epoch(EPOCH), boundary=boundary(), reference=reference()
        )
    engine.dispose()


def order_of(facts: UsageFacts, shard_count: int) -> ShardOrder:
    """The epoch's rules: fees, half-life, works of all ages, a hundred of them held."""
    works = {}
    for rank, price_ppm in enumerate(facts.price_ppm.tolist()):
        work_id = Hash32(facts.works[rank].tobytes())
        works[work_id] = _terms(work_id, price_ppm, rank)
    held = frozenset(list(works)[:: max(1, len(works) // HELD_WORKS)])
    return ShardOrder(
        key=ShardKey(
            chain_id=SETTLEMENT.chain_id,
            contract=SETTLEMENT.payouts,
            epoch=Epoch(EPOCH),
            attempt=1,
            inputs_digest=Hash32(bytes(32)),
        ),
        shard_count=shard_count,
        parameters=PARAMETERS,
        registry=Registry(works=works, held=held, accounts={}),
        scope=SCOPE,
    )


def computed_again(order: ShardOrder, facts: ShardFacts) -> ShardResult:
    """The total by one process, without what is stored."""
    total, _ = allocated_here(order, facts)
    return total


def _terms(work_id: Hash32, price_ppm: int, rank: int) -> WorkTerms:
    return WorkTerms(
        work_id=work_id,
        registrant=SETTLEMENT.payouts,
        registered_at=Timestamp(2_000_000_000 - 5_000 * rank),
        content_id=work_id,
        version=1,
        price_ppm=price_ppm,
        region_rule=REGION,
        payees=(SETTLEMENT.payouts,),
        shares_ppm=(1_000_000,),
        block_number=BlockNumber(1),
        log_index=LogIndex(rank),
    )
