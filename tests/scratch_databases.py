"""Databases of one test, gone when it ends: hundreds of them would be a million files to unlink."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import LiteralString

import psycopg
from psycopg import sql

from scripts.embedded.postgres import PostgresServer

_numbers = count()


@contextmanager
def scratch_database(server: PostgresServer, *, template: str = "template1") -> Iterator[str]:
    """The URL of a new copy of a database to which nobody is connected; dropped in the end."""
    name = f"test_{next(_numbers)}"
    # Files are copied as they are: half the work of writing each page to the log as well.
    _execute(server, "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
    yield server.url(name)
    _execute(server, "DROP DATABASE {} WITH (FORCE)", name)


def _execute(server: PostgresServer, statement: LiteralString, *names: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
