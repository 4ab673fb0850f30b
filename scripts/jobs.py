"""The queue: hints to look again. Postgres carries the truth.

Every job is one idempotent use case of one settlement. The scheduler hints at each of them over and
over, so a lost message delays and never loses. A hint that is older than the last look has been
answered by it and is skipped, so hints never pile up in front of a slow job. Without a broker URL
the queue lives in the worker's memory; with one it is Redis.

What an error means decides what happens: the outside was unavailable → the next hint
tries again; bad input → logged; two facts disagree → the job halts until a person restarts it.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import dramatiq
from apscheduler.schedulers.background import BackgroundScheduler
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, CurrentMessage, ShutdownNotifications
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

Halting = tuple[type[Exception], ...]


class JobName(StrEnum):
    """The use cases that run by themselves."""

    POST_JOURNAL = "post_journal"
    RECORD_GAS = "record_gas"
    POST_PAYMENTS = "post_payments"
    SEAL_JOURNAL = "seal_journal"
    ALLOCATE_SHARDS = "allocate_shards"
    COMPUTE_EPOCHS = "compute_epochs"
    SUBMIT_PAYOUTS = "submit_payouts"
    VERIFY_PAYMENTS = "verify_payments"
    FORGET_INTENTS = "forget_intents"
    RECONCILE = "reconcile"
    STATE_SOLVENCY = "state_solvency"


_HINT_AGE_MS_MAX = 60_000
_INTERVALS = {
    JobName.SEAL_JOURNAL: 30,
    JobName.RECONCILE: 30,
    JobName.STATE_SOLVENCY: 30,
    JobName.FORGET_INTENTS: 300,
}
"""How many poll intervals lie between two looks, where it is not one."""

Jobs = Mapping[JobName, Callable[[str], None]]
"""What each job does for the settlement of that name."""


def make_broker(url: str | None) -> dramatiq.Broker:
    """The queue: Redis behind `url`, or the memory of this process."""
    middleware = [AgeLimit(), ShutdownNotifications(), CurrentMessage()]
    if url is None:
        return StubBroker(middleware=middleware)
    # The constructor has no annotations; its keywords are documented.
    return RedisBroker(url=url, middleware=middleware, namespace="quittance")  # type: ignore[no-untyped-call]


def declare_jobs(
    broker: dramatiq.Broker, jobs: Jobs, *, transient: Halting, corrupt: Halting
) -> None:
    """Make each job an actor with a queue of its own name, so that none waits for another."""
    for name, job in jobs.items():
        declare = dramatiq.actor(actor_name=name.value, queue_name=name.value, broker=broker)
        declare(_guarded(name, job, transient=transient, corrupt=corrupt))


def hint(broker: dramatiq.Broker, name: JobName, settlement: str) -> None:
    """Ask for one look; where no worker runs, the hint is gone after a minute."""
    broker.declare_queue(name.value)
    broker.enqueue(
        dramatiq.Message(
            queue_name=name.value,
            actor_name=name.value,
            args=(settlement,),
            kwargs={},
            options={"max_age": _HINT_AGE_MS_MAX},
        )
    )


@dataclass(slots=True)
class _Hints:
    """Gives hints, and tells once when the queue is away: it loses them, which only delays."""

    broker: dramatiq.Broker
    is_away: bool = False

    def give(self, name: JobName, settlement: str) -> None:
        try:
            hint(self.broker, name, settlement)
        except RedisError as error:
            if not self.is_away:
                log.warning("queue is away, no job is hinted at", extra={"error": str(error)})
            self.is_away = True
            return
        if self.is_away:
            log.info("queue is back")
        self.is_away = False


def make_scheduler(
    broker: dramatiq.Broker, settlements: tuple[str, ...], *, interval_ms: int
) -> BackgroundScheduler:
    """A scheduler, not yet started, that hints at every job of every settlement."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1}
    )
    hints = _Hints(broker)
    for name in JobName:
        every_ms = interval_ms * _INTERVALS.get(name, 1)
        for settlement in settlements:
            scheduler.add_job(
                hints.give,
                "interval",
                args=(name, settlement),
                id=f"{name.value}:{settlement}",
                seconds=every_ms / 1000,
            )
    return scheduler


def _guarded(
    name: JobName, job: Callable[[str], None], *, transient: Halting, corrupt: Halting
) -> Callable[[str], None]:
    halted: set[str] = set()
    looked_at_ms: dict[str, int] = {}

    def run(settlement: str) -> None:
        message = CurrentMessage.get_current_message()
        is_answered = message is not None and message.message_timestamp < looked_at_ms.get(
            settlement, 0
        )
        if is_answered or settlement in halted:
            return
        looked_at_ms[settlement] = time.time_ns() // 1_000_000
        about = {"job": name.value, "settlement": settlement}
        try:
            job(settlement)
        except transient as error:
            log.warning("job will be tried again", extra=about | {"error": str(error)})
        except corrupt as error:
            halted.add(settlement)
            log.exception("job halted", extra=about | {"error": str(error)})
        except Exception:
            log.exception("job failed", extra=about)

    return run
