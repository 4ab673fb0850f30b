"""The queue on a real Redis: what one process enqueues, a worker with its own connection runs."""

import threading

import dramatiq

from scripts.embedded.redis import RedisServer
from scripts.jobs import JobName, declare_jobs, hint, make_broker, make_scheduler


def test_redis_broker__hints_of_a_scheduler__reach_a_worker(redis: RedisServer) -> None:
    ran = threading.Event()
    seen: list[str] = []

    def job(settlement: str) -> None:
        seen.append(settlement)
        ran.set()

    sending, receiving = make_broker(redis.url), make_broker(redis.url)
    declare_jobs(receiving, {JobName.POST_JOURNAL: job}, transient=(), corrupt=())
    worker = dramatiq.Worker(receiving, worker_timeout=50, worker_threads=1)
    scheduler = make_scheduler(sending, ("demo",), interval_ms=100)
    worker.start()
    scheduler.start()
    try:
        assert ran.wait(60)
    finally:
        scheduler.shutdown()
        worker.stop()
        sending.close()
        receiving.close()

    assert set(seen) == {"demo"}


def test_redis_broker__worker_starts_later__hint_is_not_lost(redis: RedisServer) -> None:
    ran = threading.Event()

    sending = make_broker(redis.url)
    hint(sending, JobName.RECONCILE, "demo")
    sending.close()

    receiving = make_broker(redis.url)
    declare_jobs(
        receiving,
        {JobName.RECONCILE: lambda _: ran.set()},
        transient=(),
        corrupt=(),
    )
    worker = dramatiq.Worker(receiving, worker_timeout=50, worker_threads=1)
    worker.start()
    try:
        assert ran.wait(60)
    finally:
        worker.stop()
        receiving.close()
