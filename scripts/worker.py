"""`worker`: runs the jobs of all settlements until it is stopped; may be killed any time."""

import threading

import dramatiq
from sqlalchemy import Engine

from indexer.errors import Corrupt as IndexCorrupt
from indexer.errors import Transient as IndexTransient
from reconciliation.errors import Corrupt as ReconciliationCorrupt
from reconciliation.errors import Transient as ReconciliationTransient
from scripts.bootstrap_settlement import SettlementJobs
from scripts.jobs import declare_jobs, make_broker
from scripts.schedule import scheduling
from scripts.settings import Settings
from settlement.errors import Corrupt as SettlementCorrupt
from settlement.errors import Transient as SettlementTransient

TRANSIENT = (IndexTransient, SettlementTransient, ReconciliationTransient)
CORRUPT = (IndexCorrupt, SettlementCorrupt, ReconciliationCorrupt)
_WORKER_THREADS = 4
_WORKER_POLL_MS = 50


def work(settings: Settings, engine: Engine, stop: threading.Event) -> None:
    """Run the jobs; without a broker URL the scheduler runs here too, on a queue in memory."""
    broker = make_broker(settings.broker_url)
    jobs = SettlementJobs(settings, engine).all()
    declare_jobs(broker, jobs, transient=TRANSIENT, corrupt=CORRUPT)
    worker = dramatiq.Worker(broker, worker_timeout=_WORKER_POLL_MS, worker_threads=_WORKER_THREADS)
    worker.start()
    try:
        if settings.broker_url is None:
            scheduling(broker, settings, stop)
        else:
            stop.wait()
    finally:
        worker.stop()
        broker.close()
