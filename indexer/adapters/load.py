"""Bulk load of facts: binary COPY, typed column by column, inside the writer's transaction.

Nothing is converted on the way by guess: each column's type is named to the driver, and Postgres
checks lengths and ranges again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from contracts.columns import binary_copy_type
from contracts.evm import ChainId
from indexer.adapters.tables import BLOCK, BLOCK_FIELDS, LOG
from indexer.decode import FactColumns
from indexer.ports import Extension

_BLOCK_TYPES = {field.name: binary_copy_type(field.abi_type) for field in BLOCK_FIELDS}
_PLACE_TYPES = {"chain_id": "int8", "block_number": "int8", "log_index": "int8"}
_LOG_TYPES = _PLACE_TYPES | {
    "address": "bytea",
    "topics": "bytea[]",
    "data": "bytea",
    "transaction_hash": "bytea",
    "transaction_index": "int8",
}


def load(db_tx: Connection, chain_id: ChainId, extension: Extension) -> None:
    """Insert blocks, raw logs and facts."""
    blocks, logs = extension.blocks, extension.logs
    block_columns: tuple[Sequence[Any], ...] = (
        [block.number for block in blocks],
        [block.hash for block in blocks],
        [block.parent_hash for block in blocks],
        [block.timestamp for block in blocks],
    )
    log_columns: tuple[Sequence[Any], ...] = (
        logs.block_number,
        logs.log_index,
        logs.address,
        logs.topics,
        logs.data,
        logs.transaction_hash,
        logs.transaction_index,
    )
    _copy(db_tx, BLOCK.name, _BLOCK_TYPES, _rows(chain_id, block_columns))
    _copy(db_tx, LOG.name, _LOG_TYPES, _rows(chain_id, log_columns))
    for facts in extension.decoded.facts:
        place = (facts.block_number, facts.log_index, facts.address)
        columns: list[Sequence[Any]] = [*place, *facts.values]
        rows = _rows(chain_id, columns)
        _copy(db_tx, facts.spec.table, _fact_types(facts), rows)


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below.

    Raises:
        TypeError: the engine was made for another driver.
    """
    below = connection.connection.driver_connection
    if not isinstance(below, psycopg.Connection):
        raise TypeError(f"the engine's driver must be psycopg, not {type(below).__module__}")
    return below


def _rows(chain_id: ChainId, columns: Sequence[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    """Rows of columns of one length, each after the chain's id."""
    return ((chain_id, *row) for row in zip(*columns, strict=True))


def _fact_types(facts: FactColumns) -> dict[str, str]:
    own = {column.name: binary_copy_type(column.abi_type) for column in facts.spec.columns}
    return _PLACE_TYPES | {"address": "bytea"} | own


def _copy(
    db_tx: Connection, table: str, types: Mapping[str, str], rows: Iterable[Sequence[Any]]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, types))
    )
    with driver(db_tx).cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(types.values()))
        for row in rows:
            copy.write_row(row)
