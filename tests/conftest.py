"""Markers from folders, no sockets in unit tests, and the real servers of the other tests."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from scripts.embedded.anvil import AnvilNode, DevChain, running_anvil
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer, running_postgres
from scripts.embedded.redis import RedisServer, running_redis
from tests.scratch_databases import scratch_database
from tests.services import needed_service

# What a law says does not depend on how fast a machine is, or on what runs beside it.
settings.register_profile(
    "unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

_TESTS = Path(__file__).parent
_FOLDERS_WITHOUT_IO = ("unit", "property")


def pytest_configure() -> None:
    """Undo what a shell without job control does to jobs in the background.

    Such jobs begin with these two signals ignored, and so would every server that a test starts.
    """
    for one, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(one) is signal.SIG_IGN:
            signal.signal(one, default)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the name of its folder."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        item.add_marker(folder)


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that opens a connection fails."""
    folder = request.path.relative_to(_TESTS).parts[0]
    if folder not in _FOLDERS_WITHOUT_IO or "services" in request.keywords:
        return

    def refuse(*_: object) -> None:
        raise RuntimeError("a test without I/O opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One Postgres for the test session."""
    with (
        needed_service(),
        scratch_directory() as directory,
        running_postgres(directory / "postgres", is_durable=False) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def _migrated_template(postgres_server: PostgresServer) -> str:
    import scripts.bootstrap

    scripts.bootstrap.migrate(postgres_server.url("template_migrated"))
    return "template_migrated"


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a new database without tables."""
    with scratch_database(postgres_server) as url:
        yield url


@pytest.fixture
def database(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[str]:
    """The URL of a new database with the whole schema, as the migrations make it."""
    with scratch_database(postgres_server, template=_migrated_template) as url:
        yield url


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """The test's own database, as every process opens it."""
    import scripts.bootstrap

    engine = scripts.bootstrap.open_database(database)
    yield engine
    engine.dispose()


@pytest.fixture
def anvil() -> Iterator[AnvilNode]:
    """A fresh development chain; `finalized` is twelve blocks below the head."""
    yield from _development_chain()


@pytest.fixture(scope="module")
def module_anvil() -> Iterator[AnvilNode]:
    """One such chain for all tests of a module, which leave it as they found it."""
    yield from _development_chain()


def _development_chain() -> Iterator[AnvilNode]:
    chain = DevChain(chain_id=31337, slots_in_an_epoch=6)
    with needed_service(), scratch_directory() as place, running_anvil(place, chain) as node:
        yield node


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis without keys."""
    with needed_service(), scratch_directory() as place, running_redis(place / "redis") as server:
        yield server
