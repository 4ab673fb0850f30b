"""The processes on a chain and a database: when indexing ends, waits, and fails."""

import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update

from contracts.evm import BlockNumber, ChainId
from indexer.adapters.status import INDEXER_STATUS
from indexer.adapters.store import owned_chain
from indexer.adapters.tables import BLOCK
from indexer.errors import ChainOwned, IndexDamaged, RPCUnreachable, WrongChain
from scripts.devnode import DevNode
from scripts.embedded.anvil import AnvilNode
from scripts.errors import IndexingStalled, NotConfigured
from scripts.index import index_chains
from scripts.indexing import ChainRun, IndexOrder
from scripts.progress import Progress
from scripts.schedule import schedule_jobs
from scripts.serve import bound_socket
from scripts.settings import ChainSettings, Settings, load_settings
from tests.royalties_builders import SETTLEMENT

BLOCKS = 30
LIMIT_S = 60


@pytest.fixture
def unconfigured(tmp_path: Path) -> Settings:
    settings = load_settings({"QUITTANCE_DATA_DIR": str(tmp_path)}, committed=lambda _: ())
    return replace(settings, poll_interval_ms=50)


def chain_at(url: str, chain_id: int = 31337) -> ChainSettings:
    return ChainSettings(
        id=ChainId(chain_id),
        name=f"chain {chain_id}",
        rpc=(url,),
        start_block=BlockNumber(0),
        finality_tag="finalized",
        finality_depth_blocks=12,
        verify="receipts",
        profile="ethereum",
        workers=2,
        tokens=(),
        settlements=(replace(SETTLEMENT, start_block=BlockNumber(0)),),
    )


@pytest.fixture
def settings(unconfigured: Settings, anvil: AnvilNode) -> Settings:
    """One chain of thirty blocks after the first."""
    DevNode(anvil.url).mine(BLOCKS)
    return replace(unconfigured, chains=(chain_at(anvil.url),))


def indexed(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        query = select(BLOCK.c.number).order_by(BLOCK.c.number)
        return list(connection.execute(query).scalars())


def reports(engine: Engine) -> list[tuple[str, str | None]]:
    """State and reason of every chain's indexer."""
    with engine.connect() as connection:
        query = select(INDEXER_STATUS.c.state, INDEXER_STATUS.c.reason)
        return [(row.state, row.reason) for row in connection.execute(query)]


def failures(engine: Engine) -> dict[str, int]:
    """Failed requests to the one endpoint of the one chain."""
    with engine.connect() as connection:
        (counters,) = connection.execute(select(INDEXER_STATUS.c.counters)).scalars()
    (endpoint,) = counters["endpoints"]
    found: dict[str, int] = endpoint["errors"]
    return found


def disconnect_all(engine: Engine) -> None:
    """End every other connection to the database, as when it is restarted."""
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL ROLE NONE"))
        assert connection.execute(others).scalars().all()


def requests(engine: Engine) -> int:
    """All requests to endpoints that the indexer has reported."""
    with engine.connect() as connection:
        (counters,) = connection.execute(select(INDEXER_STATUS.c.counters)).scalars()
    return sum(endpoint["requests"] for endpoint in counters["endpoints"])


class Door:
    """Stands before a node; while it is shut, requests end without an answer."""

    def __init__(self, node_url: str) -> None:
        self.is_open = True
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if not door.is_open:
                    return
                request = urllib.request.Request(  # noqa: S310 - a loopback address of our own
                    node_url, body, {"content-type": "application/json"}
                )
                with urllib.request.urlopen(request) as answer:  # noqa: S310
                    content = answer.read()
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def chain_run(
    engine: Engine,
    url: str,
    stop: threading.Event,
    *,
    end_block: BlockNumber | None,
    poll_s: float = 0.05,
) -> ChainRun:
    """A run that is stalled when nothing has moved for a second, or for three looks."""
    order = IndexOrder(end_block=end_block, until_synced=False, poll_s=poll_s, stalled_after_s=1)
    progress = Progress("indexing", unit="blocks")
    return ChainRun(engine, chain_at(url), order, stop=stop, progress=progress)


@contextmanager
def running_door(node_url: str) -> Iterator[Door]:
    door = Door(node_url)
    thread = threading.Thread(target=door.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield door
    finally:
        door.server.shutdown()
        door.server.server_close()
        thread.join()


def until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(LIMIT_S * 20):
        if condition():
            return
        waiting.wait(0.05)
    raise AssertionError("it did not happen in time")


def test_index__until_synced__ends_at_the_head(settings: Settings, engine: Engine) -> None:
    index_chains(settings, engine, threading.Event(), end_block=None, until_synced=True)

    assert indexed(engine) == list(range(BLOCKS + 1))


def test_index__end_block__ends_there(settings: Settings, engine: Engine) -> None:
    index_chains(settings, engine, threading.Event(), end_block=BlockNumber(8), until_synced=False)

    assert indexed(engine)[-1] == 7


def test_index__running__follows_the_head_until_stopped(
    settings: Settings, engine: Engine, anvil: AnvilNode
) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor() as executor:
        running = executor.submit(
            index_chains, settings, engine, stop, end_block=None, until_synced=False
        )
        until(lambda: indexed(engine)[-1:] == [BLOCKS])
        DevNode(anvil.url).mine()
        until(lambda: indexed(engine)[-1] == BLOCKS + 1)
        stop.set()

        running.result(LIMIT_S)


def test_index__node_away_at_first__fails_and_writes_nothing(
    settings: Settings, engine: Engine
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = replace(settings, chains=(chain_at(f"http://127.0.0.1:{port}"),))

    with pytest.raises(RPCUnreachable):
        index_chains(away, engine, threading.Event(), end_block=None, until_synced=False)

    assert indexed(engine) == []
    assert reports(engine) == []


def test_index__node_away_later__waits_and_says_so_and_goes_on(
    settings: Settings, engine: Engine, anvil: AnvilNode, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    with running_door(anvil.url) as door, ThreadPoolExecutor() as executor:
        through = replace(settings, chains=(chain_at(door.url),))
        running = executor.submit(
            index_chains, through, engine, stop, end_block=None, until_synced=False
        )
        try:
            until(lambda: reports(engine) == [("synced", None)] or running.done())
            door.is_open = False
            until(lambda: "indexing waits" in caplog.messages or running.done())
            until(lambda: [state for state, _ in reports(engine)] == ["waiting"])
            until(lambda: sum(failures(engine).values()) > 1)
            ((_, reason),) = reports(engine)
            door.is_open = True
            DevNode(anvil.url).mine()
            until(lambda: indexed(engine)[-1] == BLOCKS + 1 or running.done())
            until(lambda: reports(engine) == [("synced", None)])
        finally:
            stop.set()

        running.result(LIMIT_S)
    assert "did not answer" in str(reason)
    assert set(failures(engine)) == {"unreachable"}


def test_chain_run__node_away_for_long__stalled(
    settings: Settings, engine: Engine, anvil: AnvilNode
) -> None:
    stop = threading.Event()
    with running_door(anvil.url) as door, ThreadPoolExecutor() as executor:
        running = executor.submit(chain_run(engine, door.url, stop, end_block=None).run)
        try:
            until(lambda: reports(engine) == [("synced", None)] or running.done())
            door.is_open = False
            until(lambda: [state for state, _ in reports(engine)] == ["stalled"])
            ((_, reason),) = reports(engine)
            door.is_open = True
            until(lambda: reports(engine) == [("synced", None)])
        finally:
            stop.set()

        running.result(LIMIT_S)
    assert re.fullmatch("nothing has moved for [1-9][0-9]* seconds: .* did not .*", str(reason))


def test_chain_run__bounded_and_node_away_for_long__fails(
    settings: Settings, engine: Engine, anvil: AnvilNode
) -> None:
    stop = threading.Event()
    with running_door(anvil.url) as door, ThreadPoolExecutor() as executor:
        run = chain_run(engine, door.url, stop, end_block=BlockNumber(BLOCKS + 9))
        running = executor.submit(run.run)
        try:
            until(lambda: indexed(engine)[-1:] == [BLOCKS] or running.done())
            door.is_open = False
            with pytest.raises(IndexingStalled, match=r"nothing has moved for [1-9].* did not"):
                running.result(LIMIT_S)
        finally:
            stop.set()

    assert indexed(engine)[-1] == BLOCKS


def test_index__facts_contradict__halted_with_the_sentence(
    settings: Settings, engine: Engine
) -> None:
    index_chains(settings, engine, threading.Event(), end_block=BlockNumber(8), until_synced=False)
    with engine.begin() as connection:
        connection.execute(update(BLOCK).where(BLOCK.c.number == 7).values(hash=bytes(32)))

    with pytest.raises(IndexDamaged) as halt:
        index_chains(settings, engine, threading.Event(), end_block=None, until_synced=False)

    assert reports(engine) == [("halted", str(halt.value))]


def test_chain_run__lock_lost_to_another_process__its_report_stays(
    settings: Settings, engine: Engine
) -> None:
    chain, stop = settings.chains[0], threading.Event()
    run = chain_run(engine, chain.rpc[0], stop, end_block=None, poll_s=1)
    with ThreadPoolExecutor() as executor:
        running = executor.submit(run.run)
        try:
            until(lambda: reports(engine) == [("synced", None)])
            disconnect_all(engine)
            until(lambda: [state for state, _ in reports(engine)] == ["waiting"])
            with owned_chain(engine, chain.id), pytest.raises(ChainOwned):
                running.result(LIMIT_S)
        finally:
            stop.set()

    assert [state for state, _ in reports(engine)] == ["waiting"]


def test_index__another_process_at_work__its_report_stays(
    settings: Settings, engine: Engine
) -> None:
    index_chains(settings, engine, threading.Event(), end_block=BlockNumber(8), until_synced=False)
    before = reports(engine)

    with owned_chain(engine, settings.chains[0].id), pytest.raises(ChainOwned):
        index_chains(settings, engine, threading.Event(), end_block=None, until_synced=True)

    assert reports(engine) == before


def test_index__end_block_above_the_head__waits_for_it(
    settings: Settings, engine: Engine, anvil: AnvilNode
) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor() as executor:
        running = executor.submit(
            index_chains,
            settings,
            engine,
            stop,
            end_block=BlockNumber(BLOCKS + 2),
            until_synced=False,
        )
        try:
            until(lambda: reports(engine) == [("synced", None)])
            stop.wait(0.5)
            assert not running.done()
            DevNode(anvil.url).mine(3)

            (result,) = running.result(LIMIT_S)
        finally:
            stop.set()

    assert indexed(engine)[-1] == BLOCKS + 1
    assert (result.tally.height, result.tally.blocks) == (BLOCKS + 1, BLOCKS + 2)


def test_index__database_restarted__goes_on(
    settings: Settings, engine: Engine, anvil: AnvilNode
) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor() as executor:
        running = executor.submit(
            index_chains, settings, engine, stop, end_block=None, until_synced=False
        )
        until(lambda: reports(engine) == [("synced", None)])
        asked = requests(engine)
        disconnect_all(engine)
        DevNode(anvil.url).mine()
        try:
            until(lambda: running.done() or indexed(engine)[-1] == BLOCKS + 1)
            counts = [requests(engine) for _ in range(20) if not stop.wait(0.05)]
        finally:
            stop.set()

        running.result(LIMIT_S)
    assert indexed(engine)[-1] == BLOCKS + 1
    assert counts == sorted(counts)
    assert counts[0] >= asked


def test_index__one_chain_is_another__fails_and_stops_the_rest(
    settings: Settings, engine: Engine
) -> None:
    wrong = chain_at(settings.chains[0].rpc[0], chain_id=5)
    both = replace(settings, chains=(*settings.chains, wrong))
    stop = threading.Event()

    with pytest.raises(WrongChain):
        index_chains(both, engine, stop, end_block=None, until_synced=False)

    assert stop.is_set()


def test_index__nothing_configured__refused(unconfigured: Settings, engine: Engine) -> None:
    with pytest.raises(NotConfigured, match="no chain is configured"):
        index_chains(unconfigured, engine, threading.Event(), end_block=None, until_synced=True)


def test_schedule__no_broker__refused(unconfigured: Settings) -> None:
    with pytest.raises(NotConfigured, match="schedule needs broker_url"):
        schedule_jobs(unconfigured, threading.Event())


def test_bound_socket__port_0__a_free_one_that_listens() -> None:
    with bound_socket("127.0.0.1", 0) as listening:
        address = listening.getsockname()
        with socket.create_connection(address, timeout=LIMIT_S):
            pass
