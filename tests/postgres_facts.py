"""Databases of facts for tests: made, written and read back whole."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Table, create_engine, select
from sqlmodel import SQLModel

from indexer.adapters.gate_tables import GATE_ADMISSION, GATE_READING
from indexer.adapters.statements import PROVIDER_STATEMENT
from indexer.adapters.tables import (
    AGGREGATES,
    BACKFILL,
    BACKFILL_BLOCK,
    BACKFILL_LOG,
    BLOCK,
    BLOCK_REF,
    CHAIN_FINALITY,
    CURSOR,
    FACTS,
    INDEXED_SOURCE,
    LOG,
    REORG,
)
from indexer.plan import IndexedChain
from indexer.ports import FactStore
from indexer.sync import is_synced, run_until
from tests.fakes_chain import FakeChain, Snapshot, frozen
from tests.fakes_facts import indexer_of

FACT_DATABASE = (
    *(BLOCK, LOG, *FACTS.values(), GATE_READING, GATE_ADMISSION, *AGGREGATES),
    *(CURSOR, CHAIN_FINALITY, REORG, PROVIDER_STATEMENT),
    *(INDEXED_SOURCE, BACKFILL, BACKFILL_BLOCK, BACKFILL_LOG),
)
"""All tables that indexing writes; not by the registry of what a reorg takes back."""


@contextmanager
def fact_engine(url: str, *, is_new: bool = True) -> Iterator[Engine]:
    """An engine on the database of a libpq URL; if new, with all tables of the indexer, empty."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    if is_new:
        SQLModel.metadata.create_all(engine, FACT_DATABASE)
        with engine.begin() as connection:
            for table in FACT_DATABASE:  # cheaper than TRUNCATE, which makes new files
                connection.execute(table.delete())
    try:
        yield engine
    finally:
        engine.dispose()


def synced(of: IndexedChain, chain: FakeChain, store: FactStore) -> None:
    """Index until nothing is left to do."""
    run_until(indexer_of(of, chain, store), is_synced, wait=lambda: None)


def snapshot(connection: Connection) -> Snapshot:
    """Every fact, by table, in chain order; the same form as `MemoryFacts.snapshot`."""
    taken: Snapshot = {}
    blocks = select(*BLOCK_REF).order_by(BLOCK.c.number)
    taken["block"] = [tuple(row) for row in connection.execute(blocks)]
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
