"""Changes: the transactions of the few routes that write, on the pool of the snapshots.

A connection of the pool is made for snapshots, so a change says first that it is none. It is READ
COMMITTED: each statement sees what others committed before it, so that who waited for a lock or a
row sees what its holder did.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection

from api.adapters.snapshot import Pool
from api.errors import DatabaseUnavailable

_READ_WRITE = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE"


@asynccontextmanager
async def change(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """One transaction that may write; it commits at the end, or does nothing if that raises.

    Raises:
        DatabaseUnavailable: no connection, no answer in time, or no schema.
    """
    try:
        async with pool.connection() as connection:
            await connection.execute(_READ_WRITE)
            yield connection
    except psycopg.OperationalError as error:  # also the pool's: timeout, too many, closed
        raise DatabaseUnavailable(type(error).__name__) from error
    except psycopg.errors.UndefinedTable as error:
        raise DatabaseUnavailable("the schema is not migrated") from error
