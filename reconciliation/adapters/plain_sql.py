"""Hand-written SQL, run on the driver under a SQLAlchemy connection, in its transaction.

For queries that the API runs too, on its asynchronous driver: one text, one kind of row.
"""

from collections.abc import Generator, Mapping
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.rows import class_row
from sqlalchemy import Connection

Row = TypeVar("Row")
ROWS_AT_ONCE = 1_000


class _WholeNumber(Loader):
    """NUMERIC(78, 0) and sums of integers; refuses a fraction."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


def read_rows(
    connection: Connection, into: type[Row], query: LiteralString, values: Mapping[str, object]
) -> list[Row]:
    """All rows, each made into `into` by column name."""
    with _driver(connection).cursor(row_factory=class_row(into)) as cursor:
        cursor.adapters.register_loader("numeric", _WholeNumber)
        cursor.execute(query, values)
        found: list[Row] = cursor.fetchall()
    return found


def streamed_rows(
    connection: Connection, query: LiteralString, values: Mapping[str, object]
) -> Generator[tuple[Any, ...]]:
    """All rows as they come: the server makes more of them while these are read.

    Close it before the connection is used again.
    """
    with _driver(connection).cursor() as cursor:
        yield from cursor.stream(query, values, binary=True, size=ROWS_AT_ONCE)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    found: psycopg.Connection[Any] = driver
    return found
