"""Markers from folders, no sockets in unit tests, and the real servers of the other tests."""

import os
import signal
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from scripts.embedded.anvil import AnvilNode, DevChain, running_anvil
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer, running_postgres
from scripts.errors import ScriptError

_TESTS = Path(__file__).parent
_FOLDERS_WITHOUT_IO = ("unit", "property")
_names = count()


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
    try:
        with (
            scratch_directory() as directory,
            running_postgres(directory / "postgres", is_durable=False) as server,
        ):
            yield server
    except ScriptError as error:
        _missing(error)


@pytest.fixture(scope="session")
def _migrated_template(postgres_server: PostgresServer) -> str:
    import scripts.bootstrap

    scripts.bootstrap.migrate(postgres_server.url("template_migrated"))
    return "template_migrated"


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> str:
    """The URL of a new database without tables."""
    return postgres_server.url(f"test_{next(_names)}")


@pytest.fixture
def database(postgres_server: PostgresServer, _migrated_template: str) -> str:
    """The URL of a new database with the whole schema, as the migrations make it."""
    name = f"test_{next(_names)}"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(
            statement.format(sql.Identifier(name), sql.Identifier(_migrated_template))
        )
    return postgres_server.url(name)


@pytest.fixture
def anvil() -> Iterator[AnvilNode]:
    """A fresh development chain; `finalized` is twelve blocks below the head."""
    chain = DevChain(chain_id=31337, slots_in_an_epoch=6)
    try:
        with scratch_directory() as directory, running_anvil(directory, chain) as node:
            yield node
    except ScriptError as error:
        _missing(error)


def _missing(error: ScriptError) -> None:
    """A missing service skips on a developer's machine and fails in CI."""
    if os.environ.get("CI"):
        raise error
    pytest.skip(str(error))
