"""Databases of facts for tests: made, written and read back whole."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Table, create_engine, select
from sqlmodel import SQLModel

from indexer.adapters.tables import (
    BLOCK,
    CHAIN_FINALITY,
    CURSOR,
    FACT_TABLES,
    FACTS,
    LOG,
    REORG,
)
from tests.fakes_chain import Snapshot, frozen


@contextmanager
def fact_engine(url: str, *, is_new: bool = True) -> Iterator[Engine]:
    """An engine on the database of a libpq URL; if new, with all tables of the indexer, empty."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    tables = [*(fact.table for fact in FACT_TABLES), CURSOR, CHAIN_FINALITY, REORG]
    if is_new:
        SQLModel.metadata.create_all(engine, tables)
        with engine.begin() as connection:
            for table in tables:  # cheaper than TRUNCATE, which makes new files
                connection.execute(table.delete())
    try:
        yield engine
    finally:
        engine.dispose()


def snapshot(connection: Connection) -> Snapshot:
    """Every fact, by table, in chain order; the same form as `MemoryFacts.snapshot`."""
    taken: Snapshot = {}
    columns = (BLOCK.c.number, BLOCK.c.hash, BLOCK.c.parent_hash, BLOCK.c.timestamp)
    taken["block"] = [tuple(row) for row in connection.execute(select(*columns).order_by("number"))]
    log_names: tuple[str, ...] = (
        "address",
        "topics",
        "data",
        "transaction_hash",
        "transaction_index",
    )
    names_of = {LOG: log_names} | {table: _own_columns(table) for table in FACTS.values()}
    for table, names in names_of.items():
        place = (table.c.block_number, table.c.log_index)
        query = select(*place, *(table.c[name] for name in names)).order_by(*place)
        rows = [tuple(map(frozen, row)) for row in connection.execute(query)]
        if rows:
            taken[table.name] = rows
    return taken


def _own_columns(table: Table) -> tuple[str, ...]:
    place = {"chain_id", "block_number", "log_index"}
    return tuple(column.name for column in table.c if column.name not in place)
