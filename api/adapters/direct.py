"""Single reads: one prepared statement, one round trip, no transaction around it.

A single statement sees one snapshot of the database by itself, so what fits into one needs no
BEGIN and no COMMIT, which would be two more round trips. Plans are made once for each connection.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg_pool import AsyncConnectionPool

from api.adapters.snapshot import Pool
from api.errors import DatabaseUnavailable


def new_direct_pool(
    database_url: str, *, connections_max: int, wait_s: float, statement_timeout_ms: int
) -> Pool:
    """A closed pool of autocommitting connections; opening waits for nothing."""
    return AsyncConnectionPool(
        database_url,
        min_size=0,
        max_size=connections_max,
        timeout=wait_s,
        max_waiting=connections_max * 16,
        reconnect_timeout=0,
        configure=_configure,
        kwargs={
            "options": f"-c statement_timeout={statement_timeout_ms}"
            " -c default_transaction_read_only=on -c plan_cache_mode=force_generic_plan",
            "connect_timeout": 2,
            "application_name": "quittance-api-direct",
            "autocommit": True,
            "cursor_factory": AsyncRawCursor,
        },
        open=False,
        name="api-direct",
    )


async def direct_rows(pool: Pool, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    """All rows of one statement with `$1` parameters, in binary.

    Raises:
        DatabaseUnavailable: no connection, no answer in time, or no schema.
    """
    try:
        async with pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_encoded(query), values, prepare=True)
            return await cursor.fetchall()
    except psycopg.OperationalError as error:  # also the pool's: timeout, too many, closed
        raise DatabaseUnavailable(type(error).__name__) from error
    except psycopg.errors.UndefinedTable as error:
        raise DatabaseUnavailable("the schema is not migrated") from error


@lru_cache(maxsize=64)
def _encoded(query: str) -> bytes:
    """The driver looks a statement up by its bytes; the same object is hashed once."""
    return query.encode()


async def _configure(connection: AsyncConnection[Any]) -> None:
    connection.prepare_threshold = 0
