"""A worker of shards as a process of its own: `shard_worker DATABASE BROKER SEED SHARDS PAUSE_MS`.

It runs the real actor on a real queue. Every shard takes at least the pause, so that there is time
to kill it in the middle of one; it says `shard` on its output when it begins one.
"""

import sys
import time
from collections.abc import Iterator

import dramatiq
from sqlalchemy import create_engine

from contracts.packed_usage import PackedUsage
from indexer.adapters.shard_reads import ShardReads
from scripts.jobs import JobName, declare_jobs, make_broker
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.allocate_shards import allocate_shards
from tests.royalties_builders import SETTLEMENT
from tests.shard_database import boundary, reference
from tests.shard_world import EPOCH, World


class SlowReads(ShardReads):
    """Facts that take their time."""

    pause_s: float = 0

    def usage(self, low: bytes, high: bytes | None) -> Iterator[PackedUsage]:
        sys.stdout.write("shard\n")
        sys.stdout.flush()
        time.sleep(self.pause_s)
        return super().usage(low, high)


def main(database: str, broker_url: str, seed: int, shards: int, pause_ms: int) -> None:
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    isolated = engine.execution_options(isolation_level="REPEATABLE READ")
    order = World(seed, "usual").order(shards)

    def job(_: str) -> None:
        with isolated.connect() as connection, connection.begin():
            facts = SlowReads(
                connection, SETTLEMENT, EPOCH, boundary=boundary(), reference=reference()
            )
            facts.pause_s = pause_ms / 1000
            allocate_shards(order, facts=facts, store=SqlShards(engine))

    broker = make_broker(broker_url)
    declare_jobs(broker, {JobName.ALLOCATE_SHARDS: job}, transient=(), corrupt=())
    worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
