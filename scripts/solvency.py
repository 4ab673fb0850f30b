"""Wiring of solvency statements, for the worker and the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from reconciliation.adapters.solvency import SqlSolvency
from reconciliation.state_solvency import Reserves, read_reserves, state_solvency


def state_settlement(engine: Engine, settlement: Settlement, reserves: Reserves) -> int:
    """State the solvency of epochs that are due, then read reserves; the number of statements.

    Raises:
        BadLiabilities, StatementConflict: the books are broken.
        ChainUnavailable: reserves could not be read; what is stated stays.
    """
    with _repeatable(engine) as connection:
        count = state_solvency(SqlSolvency(connection, settlement))
    with _repeatable(engine) as connection:
        read_reserves(SqlSolvency(connection, settlement), reserves)
    return count


@contextmanager
def _repeatable(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads one snapshot and may write."""
    with engine.connect() as connection:
        isolated = connection.execution_options(isolation_level="REPEATABLE READ")
        with isolated.begin():
            yield isolated
