"""`schedule`: hints for workers elsewhere until it is stopped; may be killed any time."""

import threading

from dramatiq import Broker

from scripts.errors import NotConfigured, NothingConfigured
from scripts.jobs import make_broker, make_scheduler
from scripts.settings import Settings


def schedule_jobs(settings: Settings, stop: threading.Event) -> None:
    """Enqueue hints for workers elsewhere.

    Raises:
        NotConfigured: without a broker the worker schedules for itself; or there is no settlement.
    """
    if settings.broker_url is None:
        raise NotConfigured("schedule needs broker_url; without one, the worker schedules itself")
    if not settings.settlements:
        raise NothingConfigured("settlement")
    broker = make_broker(settings.broker_url)
    try:
        scheduling(broker, settings, stop)
    finally:
        broker.close()


def scheduling(broker: Broker, settings: Settings, stop: threading.Event) -> None:
    """Enqueue hints for every configured settlement until we are stopped."""
    names = tuple(settlement.name for settlement in settings.settlements)
    scheduler = make_scheduler(broker, names, interval_ms=settings.poll_interval_ms)
    scheduler.start()
    try:
        stop.wait()
    finally:
        scheduler.shutdown()
