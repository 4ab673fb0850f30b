"""Shards by actors in processes of their own, on a real queue: any number, killed at any time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from scripts.embedded.redis import RedisServer
from scripts.jobs import JobName, hint, make_broker
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.shard_result import ShardResult, merged, result_document
from tests.bench.processes import ROOT
from tests.shard_database import shard_engine, store_events
from tests.shard_world import EPOCH, World, in_shards

SEED, SHARDS = 3, 6
LIMIT_S = 60


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    with shard_engine(empty_database) as engine:
        yield engine


@pytest.fixture
def broker_url(redis: RedisServer) -> str:
    return redis.url


@contextmanager
def worker(database: str, broker_url: str, *, pause_ms: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.integration.shard_worker", database, broker_url]
    command += [str(SEED), str(SHARDS), str(pause_ms)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def total_after_hints(engine: Engine, broker_url: str, world: World) -> ShardResult:
    """Hint over and over, as the scheduler does, until the total is stored."""
    store, key, broker = SqlShards(engine), world.order(SHARDS).key, make_broker(broker_url)
    deadline = time.monotonic() + LIMIT_S
    while (total := store.total(key)) is None:
        assert time.monotonic() < deadline, "no total in time"
        hint(broker, JobName.ALLOCATE_SHARDS, "test")
        time.sleep(0.2)
    broker.close()
    return total


def test_workers__one_killed_in_a_shard__the_other_ends_it_with_the_same_total(
    engine: Engine, empty_database: str, broker_url: str
) -> None:
    world = World(SEED, "usual")
    store_events(engine, world.events, EPOCH)
    broker = make_broker(broker_url)

    with worker(empty_database, broker_url, pause_ms=60_000) as doomed:
        hint(broker, JobName.ALLOCATE_SHARDS, "test")
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "shard\n"
        with worker(empty_database, broker_url, pause_ms=0):
            deadline = time.monotonic() + LIMIT_S
            while len(done := SqlShards(engine).stored_shards(world.order(1).key, SHARDS)) < 5:
                assert time.monotonic() < deadline, f"only {sorted(done)} are done"
                hint(broker, JobName.ALLOCATE_SHARDS, "test")
                time.sleep(0.2)
            held_back = SqlShards(engine).total(world.order(1).key)
            doomed.kill()
            total = total_after_hints(engine, broker_url, world)
    broker.close()

    assert done == {1, 2, 3, 4, 5}
    assert held_back is None
    assert result_document(total) == result_document(merged(in_shards(world, 1)))


def test_workers__two_at_once__same_total(
    engine: Engine, empty_database: str, broker_url: str
) -> None:
    world = World(SEED, "usual")
    store_events(engine, world.events, EPOCH)

    with (
        worker(empty_database, broker_url, pause_ms=50),
        worker(empty_database, broker_url, pause_ms=50),
    ):
        total = total_after_hints(engine, broker_url, world)

    assert result_document(total) == result_document(merged(in_shards(world, 1)))
