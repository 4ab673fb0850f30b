"""Snapshots: read-only transactions in which every query sees the same database.

One request is one `REPEATABLE READ READ ONLY` transaction, so that an answer never mixes the facts
of two blocks, or books and facts of two moments, however much is written meanwhile.

NUMERIC columns here are whole numbers and come back as `int`. Errors of the driver end here.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, Protocol, TypeVar

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.adapt import Buffer, Loader
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from api.errors import DatabaseUnavailable
from settlement.ledger.adapters.writer_role import ASSUME_WRITER

Row = TypeVar("Row")
Pool = AsyncConnectionPool[AsyncConnection[Any]]


class NewPool(Protocol):
    """Makes a closed pool, with bounds."""

    def __call__(
        self,
        database_url: str,
        *,
        connections_max: int,
        wait_s: float,
        statement_timeout_ms: int,
    ) -> Pool:
        """Make it."""


class _WholeNumber(Loader):
    """NUMERIC(78, 0) and sums of integers; refuses a fraction."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read-only transaction."""

    connection: AsyncConnection[Any]

    async def rows(
        self,
        into: type[Row],
        query: LiteralString,
        values: Mapping[str, object],
        *,
        is_binary: bool = False,
    ) -> list[Row]:
        """All rows, each made into `into` by column name; binary pays where they are megabytes."""
        factory = class_row(into)
        async with self.connection.cursor(row_factory=factory, binary=is_binary) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()

    async def row(
        self, into: type[Row], query: LiteralString, values: Mapping[str, object]
    ) -> Row | None:
        """The first row, or None."""
        async with self.connection.cursor(row_factory=class_row(into)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchone()


def new_pool(
    database_url: str, *, connections_max: int, wait_s: float, statement_timeout_ms: int
) -> Pool:
    """A closed pool; the app opens it when it starts.

    It does not wait for the database: a server that starts before its database answers 503 until
    the database is there.
    """
    return AsyncConnectionPool(
        database_url,
        min_size=0,
        max_size=connections_max,
        timeout=wait_s,
        max_waiting=connections_max * 16,
        reconnect_timeout=0,
        configure=_configure,
        kwargs={
            "options": f"-c statement_timeout={statement_timeout_ms}",
            "connect_timeout": 2,
            "application_name": "quittance-api",
        },
        open=False,
        name="api",
    )


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Snapshot]:
    """Run the reads of one request.

    Raises:
        DatabaseUnavailable: no connection, no answer in time, or no schema.
    """
    try:
        async with pool.connection() as connection:
            yield Snapshot(connection)
    except psycopg.OperationalError as error:  # also the pool's: timeout, too many, closed
        raise DatabaseUnavailable(type(error).__name__) from error
    except psycopg.errors.UndefinedTable as error:
        raise DatabaseUnavailable("the schema is not migrated") from error


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.execute(ASSUME_WRITER)
    await connection.commit()
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    connection.adapters.register_loader("numeric", _WholeNumber)
