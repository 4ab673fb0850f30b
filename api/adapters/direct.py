"""Single reads: one prepared statement, one round trip, no transaction around it.

A single statement sees one snapshot of the database by itself, so what fits into one needs no
BEGIN and no COMMIT, which would be two more round trips. Plans are made once for each connection,
and of index look-ups alone: every read here is a handful of them, however large the tables grow.
There are few connections, because questions that wait for one are asked together (`gathering`).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg_pool import AsyncConnectionPool

from api.adapters.snapshot import Pool
from api.errors import DatabaseUnavailable
from settlement.ledger.adapters.writer_role import ASSUME_WRITER

CONNECTIONS_MAX: Final = 4
PLANS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}


def new_direct_pool(
    database_url: str, *, connections_max: int, wait_s: float, statement_timeout_ms: int
) -> Pool:
    """A closed pool of autocommitting connections; opening waits for nothing."""
    settings = {
        "statement_timeout": str(statement_timeout_ms),
        "default_transaction_read_only": "on",
        **PLANS,
    }
    return AsyncConnectionPool(
        database_url,
        min_size=0,
        max_size=min(connections_max, CONNECTIONS_MAX),
        timeout=wait_s,
        max_waiting=connections_max * 16,
        reconnect_timeout=0,
        configure=_configure,
        kwargs={
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "connect_timeout": 2,
            "application_name": "quittance-api-direct",
            "autocommit": True,
            "cursor_factory": AsyncRawCursor,
        },
        open=False,
        name="api-direct",
    )


@asynccontextmanager
async def direct_connection(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection for one statement.

    Raises:
        DatabaseUnavailable: no connection, no answer in time, or no schema.
    """
    try:
        async with pool.connection() as connection:
            yield connection
    except psycopg.OperationalError as error:  # also the pool's: timeout, too many, closed
        raise DatabaseUnavailable(type(error).__name__) from error
    except psycopg.errors.UndefinedTable as error:
        raise DatabaseUnavailable("the schema is not migrated") from error


async def direct_rows(
    connection: AsyncConnection[Any], query: str, values: Sequence[object]
) -> list[tuple[Any, ...]]:
    """All rows of one statement with `$1` parameters, in binary."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(_encoded(query), values, prepare=True)
    return await cursor.fetchall()


@lru_cache(maxsize=64)
def _encoded(query: str) -> bytes:
    """The driver looks a statement up by its bytes; the same object is hashed once."""
    return query.encode()


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.execute(ASSUME_WRITER)
    connection.prepare_threshold = 0
