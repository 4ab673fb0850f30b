"""Hand-written SQL, run on the driver under a SQLAlchemy connection, in its transaction.

For queries that the API runs too, on its asynchronous driver: one text, one kind of row.
"""

from collections.abc import Mapping
from typing import LiteralString, TypeVar

from psycopg.adapt import Buffer, Loader
from psycopg.rows import class_row
from sqlalchemy import Connection

Row = TypeVar("Row")


class _WholeNumber(Loader):
    """NUMERIC(78, 0) and sums of integers; refuses a fraction."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


def read_rows(
    connection: Connection, into: type[Row], query: LiteralString, values: Mapping[str, object]
) -> list[Row]:
    """All rows, each made into `into` by column name."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    with driver.cursor(row_factory=class_row(into)) as cursor:
        cursor.adapters.register_loader("numeric", _WholeNumber)
        cursor.execute(query, values)
        found: list[Row] = cursor.fetchall()
    return found
