"""The queue in memory: hints run jobs, errors decide what happens next."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import pytest
import redis.exceptions
from dramatiq.brokers.stub import StubBroker

from scripts.jobs import JobName, declare_jobs, hint, make_broker, make_scheduler


class Late(Exception):
    """The outside was late."""


class Contradiction(Exception):
    """Two facts disagree."""


def _join(broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
    """Wait for what is in the queue, which the worker may not have fetched yet, then for it."""
    broker.join(JobName.RECONCILE.value, timeout=60_000)
    worker.join()


@contextmanager
def working(job: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """A broker and a worker that know one job; yields a function that hints and waits."""
    broker = make_broker(None)
    assert isinstance(broker, StubBroker)
    declare_jobs(broker, {JobName.RECONCILE: job}, transient=(Late,), corrupt=(Contradiction,))
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()

    def look() -> None:
        hint(broker, JobName.RECONCILE, "demo")
        _join(broker, worker)

    try:
        yield look
    finally:
        worker.stop()
        broker.close()


def test_hint__job__runs_for_the_settlement() -> None:
    seen: list[str] = []

    with working(seen.append) as look:
        look()
        look()

    assert seen == ["demo", "demo"]


@pytest.mark.parametrize("error", [Late("node away"), ValueError("bad input")])
def test_job__fails__next_hint_tries_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def job(settlement: str) -> None:
        calls.append(settlement)
        raise error

    with caplog.at_level(logging.WARNING), working(job) as look:
        look()
        look()

    assert len(calls) == 2
    assert [record.message for record in caplog.records].count("job halted") == 0


def test_job__facts_disagree__halts(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []

    def job(settlement: str) -> None:
        calls.append(settlement)
        raise Contradiction("books and chain")

    with caplog.at_level(logging.ERROR), working(job) as look:
        look()
        look()

    assert len(calls) == 1
    assert "job halted" in [record.message for record in caplog.records]


def test_hint__too_old__is_dropped() -> None:
    seen: list[str] = []
    broker = make_broker(None)
    declare_jobs(broker, {JobName.RECONCILE: seen.append}, transient=(), corrupt=())
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=JobName.RECONCILE.value,
        actor_name=JobName.RECONCILE.value,
        args=("demo",),
        kwargs={},
        options={"max_age": 1},
        message_timestamp=0,
    )

    broker.enqueue(message)
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    worker.join()
    worker.stop()

    assert seen == []


def test_hints__pile_up_before_a_slow_job__one_look_answers_them() -> None:
    looks: list[str] = []
    broker = make_broker(None)

    def slow(settlement: str) -> None:
        looks.append(settlement)
        time.sleep(0.05)

    declare_jobs(broker, {JobName.RECONCILE: slow}, transient=(), corrupt=())
    for _ in range(50):
        hint(broker, JobName.RECONCILE, "demo")
    time.sleep(0.01)
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=2)
    worker.start()
    _join(broker, worker)
    hint(broker, JobName.RECONCILE, "demo")
    _join(broker, worker)
    worker.stop()

    assert 2 <= len(looks) <= 3  # one or, with two threads at once, two for the fifty; one later


class Unreliable(StubBroker):
    """A queue that is away at times."""

    is_away = True

    def enqueue(
        self, message: dramatiq.Message[Any], *, delay: int | None = None
    ) -> dramatiq.Message[Any]:
        if self.is_away:
            raise redis.exceptions.ConnectionError("refused")
        return super().enqueue(message, delay=delay)


def test_scheduler__queue_is_away__told_once_until_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = Unreliable()
    first, second, *_ = make_scheduler(broker, ("a",), interval_ms=500).get_jobs()

    with caplog.at_level(logging.INFO):
        for is_away in (True, True, False, False, True):
            broker.is_away = is_away
            for one in (first, second):
                one.func(*one.args)

    told = [(one.levelname, one.getMessage(), one.exc_info) for one in caplog.records]
    away = ("WARNING", "queue is away, no job is hinted at", None)
    assert told == [away, ("INFO", "queue is back", None), away]


def test_scheduler__settlements__every_job_of_each() -> None:
    scheduler = make_scheduler(make_broker(None), ("a", "b"), interval_ms=500)

    identifiers = {job.id for job in scheduler.get_jobs()}

    assert identifiers == {f"{name.value}:{one}" for name in JobName for one in ("a", "b")}
