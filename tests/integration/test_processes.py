"""The processes on a chain and a database: when indexing ends, waits, and fails."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from contracts.evm import BlockNumber, ChainId
from indexer.adapters.tables import BLOCK
from indexer.errors import WrongChain
from scripts.bootstrap import NotConfigured, open_database
from scripts.devnode import DevNode
from scripts.embedded.anvil import AnvilNode
from scripts.processes import bound_socket, index, schedule
from scripts.settings import ChainSettings, Settings, load_settings
from tests.royalties_builders import SETTLEMENT

BLOCKS = 30
LIMIT_S = 20


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_database(database)
    yield engine
    engine.dispose()


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


def until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(LIMIT_S * 20):
        if condition():
            return
        waiting.wait(0.05)
    raise AssertionError("it did not happen in time")


def test_index__until_synced__ends_at_the_head(settings: Settings, engine: Engine) -> None:
    index(settings, engine, threading.Event(), end_block=None, until_synced=True)

    assert indexed(engine) == list(range(BLOCKS + 1))


def test_index__end_block__ends_there(settings: Settings, engine: Engine) -> None:
    index(settings, engine, threading.Event(), end_block=BlockNumber(8), until_synced=False)

    assert indexed(engine)[-1] == 7


def test_index__running__follows_the_head_until_stopped(
    settings: Settings, engine: Engine, anvil: AnvilNode
) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor() as executor:
        running = executor.submit(index, settings, engine, stop, end_block=None, until_synced=False)
        until(lambda: indexed(engine)[-1:] == [BLOCKS])
        DevNode(anvil.url).mine()
        until(lambda: indexed(engine)[-1] == BLOCKS + 1)
        stop.set()

        running.result(LIMIT_S)


def test_index__node_away__waits_and_says_so(
    settings: Settings, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = replace(settings, chains=(chain_at(f"http://127.0.0.1:{port}"),))
    stop = threading.Event()
    with ThreadPoolExecutor() as executor, caplog.at_level(logging.WARNING, "scripts.processes"):
        running = executor.submit(index, away, engine, stop, end_block=None, until_synced=True)
        until(lambda: "indexing waits" in caplog.messages or running.done())
        stop.set()

        running.result(LIMIT_S)

    assert indexed(engine) == []


def test_index__database_restarted__goes_on(
    settings: Settings, engine: Engine, anvil: AnvilNode
) -> None:
    stop = threading.Event()
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with ThreadPoolExecutor() as executor:
        running = executor.submit(index, settings, engine, stop, end_block=None, until_synced=False)
        until(lambda: indexed(engine)[-1:] == [BLOCKS])
        with engine.connect() as connection:
            assert connection.execute(others).scalars().all()
        DevNode(anvil.url).mine()
        try:
            until(lambda: running.done() or indexed(engine)[-1] == BLOCKS + 1)
        finally:
            stop.set()

        running.result(LIMIT_S)
    assert indexed(engine)[-1] == BLOCKS + 1


def test_index__one_chain_is_another__fails_and_stops_the_rest(
    settings: Settings, engine: Engine
) -> None:
    wrong = chain_at(settings.chains[0].rpc[0], chain_id=5)
    both = replace(settings, chains=(*settings.chains, wrong))
    stop = threading.Event()

    with pytest.raises(WrongChain):
        index(both, engine, stop, end_block=None, until_synced=False)

    assert stop.is_set()


def test_index__nothing_configured__refused(unconfigured: Settings, engine: Engine) -> None:
    with pytest.raises(NotConfigured, match="nothing to index"):
        index(unconfigured, engine, threading.Event(), end_block=None, until_synced=True)


def test_schedule__no_broker__refused(unconfigured: Settings) -> None:
    with pytest.raises(NotConfigured, match="schedule needs broker_url"):
        schedule(unconfigured, threading.Event())


def test_bound_socket__port_0__a_free_one_that_listens() -> None:
    with bound_socket("127.0.0.1", 0) as listening:
        address = listening.getsockname()
        with socket.create_connection(address, timeout=LIMIT_S):
            pass
