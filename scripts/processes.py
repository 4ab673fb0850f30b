"""The processes: each runs until it is stopped, and may be killed and started again any time."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
import uvicorn
from sqlalchemy import Engine

from api.app import create_app
from api.context import Deps, Limits
from contracts.evm import BlockNumber, ChainId, Timestamp
from indexer.adapters.json_rpc import JSONRPC
from indexer.adapters.rpc import RPCReader
from indexer.errors import Corrupt as IndexCorrupt
from indexer.errors import Transient as IndexTransient
from indexer.outcomes import Advanced, Idle, Outcome, Waiting
from reconciliation.errors import Corrupt as ReconciliationCorrupt
from reconciliation.errors import Transient as ReconciliationTransient
from scripts.bootstrap import RPC_LIMITS, NotConfigured, SettlementJobs, running_indexer
from scripts.jobs import declare_jobs, make_broker, make_scheduler
from scripts.launcher import stop_event
from scripts.progress import Progress
from scripts.settings import ChainSettings, Settings
from settlement.errors import Corrupt as SettlementCorrupt
from settlement.errors import Transient as SettlementTransient

log = logging.getLogger(__name__)

TRANSIENT = (IndexTransient, SettlementTransient, ReconciliationTransient)
CORRUPT = (IndexCorrupt, SettlementCorrupt, ReconciliationCorrupt)
_WORKER_THREADS = 4
_WORKER_POLL_MS = 50


def index(
    settings: Settings,
    engine: Engine,
    stop: threading.Event,
    *,
    end_block: BlockNumber | None,
    until_synced: bool,
) -> None:
    """Index every configured chain, each in a thread of its own.

    Raises:
        NotConfigured: there is no chain.
        IndexerError: the first failure that is not transient; the other chains are stopped too.
    """
    if not settings.chains:
        raise NotConfigured("no [[chain]] is configured: there is nothing to index")
    failures: list[BaseException] = []

    def run(chain: ChainSettings) -> None:
        try:
            _index_chain(settings, engine, chain, stop, end_block, until_synced)
        except BaseException as error:  # noqa: BLE001 - re-raised below, in the main thread
            failures.append(error)
            stop.set()

    threads = [
        threading.Thread(target=run, args=(chain,), name=chain.name) for chain in settings.chains
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)
    if failures:
        raise failures[0]


def work(settings: Settings, engine: Engine, stop: threading.Event) -> None:
    """Run the jobs; without a broker URL the scheduler runs here too, on a queue in memory."""
    broker = make_broker(settings.broker_url)
    jobs = SettlementJobs(settings, engine).all()
    declare_jobs(broker, jobs, transient=TRANSIENT, corrupt=CORRUPT)
    worker = dramatiq.Worker(broker, worker_timeout=_WORKER_POLL_MS, worker_threads=_WORKER_THREADS)
    worker.start()
    try:
        if settings.broker_url is None:
            _schedule(broker, settings, stop)
        else:
            stop.wait()
    finally:
        worker.stop()
        broker.close()


def schedule(settings: Settings, stop: threading.Event) -> None:
    """Enqueue hints for workers elsewhere.

    Raises:
        NotConfigured: without a broker the worker schedules for itself.
    """
    if settings.broker_url is None:
        raise NotConfigured("schedule needs broker_url; without one, the worker schedules itself")
    broker = make_broker(settings.broker_url)
    try:
        _schedule(broker, settings, stop)
    finally:
        broker.close()


def _schedule(broker: dramatiq.Broker, settings: Settings, stop: threading.Event) -> None:
    names = tuple(settlement.name for settlement in settings.settlements)
    scheduler = make_scheduler(broker, names, interval_ms=settings.poll_interval_ms)
    scheduler.start()
    try:
        stop.wait()
    finally:
        scheduler.shutdown()


@contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, so that the port is known before the server runs (port 0: any free)."""
    with socket.create_server((host, port)) as listening:
        yield listening


def serve(settings: Settings, database_url: str, listening: socket.socket) -> None:
    """Serve the API on a bound socket until SIGTERM or SIGINT."""
    readers = {chain.id: RPCReader(JSONRPC(chain.rpc[0], RPC_LIMITS)) for chain in settings.chains}

    def head_of(chain_id: ChainId) -> BlockNumber:
        return readers[chain_id].head().number

    deps = Deps(
        database_url=database_url,
        settlements=settings.settlements,
        now=lambda: Timestamp(int(time.time())),
        head_of=head_of,
        limits=Limits(),
    )
    config = uvicorn.Config(create_app(deps), log_config=None, access_log=False)
    stop_event()  # uvicorn raises the signal again when it is done; that must not end us midway
    uvicorn.Server(config).run(sockets=[listening])


def _index_chain(  # noqa: PLR0917 - the arguments of one thread
    settings: Settings,
    engine: Engine,
    chain: ChainSettings,
    stop: threading.Event,
    end_block: BlockNumber | None,
    until_synced: bool,
) -> None:
    progress = Progress(f"indexing {chain.name}", unit="blocks")
    while not stop.is_set():
        # Opened again after each failure: a lost connection has lost the chain's lock with it.
        try:
            with running_indexer(engine, chain, end_block=end_block) as indexer:
                while not stop.is_set():
                    outcome = indexer.step()
                    _show(progress, outcome)
                    if isinstance(outcome, Waiting):
                        stop.wait(outcome.after_s)
                    if not isinstance(outcome, Idle):
                        continue
                    if until_synced or end_block is not None:
                        return
                    stop.wait(settings.poll_interval_ms / 1000)
        except IndexTransient as error:
            log.warning("indexing waits", extra={"chain": chain.name, "error": str(error)})
            stop.wait(settings.poll_interval_ms / 1000)


def _show(progress: Progress, outcome: Outcome) -> None:
    if isinstance(outcome, Advanced):
        progress.moved(done=outcome.blocks.end, total=outcome.head + 1)
