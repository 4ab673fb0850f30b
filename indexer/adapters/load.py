"""Bulk load of facts: binary COPY, typed column by column, inside the writer's transaction.

Nothing is converted on the way by guess: each column's type is named, and Postgres checks lengths
and ranges again. Tables whose columns are all of fixed width, which are those of the bulk events
and most others, are packed a column at a time; the few with values of varying length are written
row by row. The order of the tables is always the same, so two loads cannot wait for each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table

from contracts.columns import binary_copy_type
from contracts.evm import ChainId
from indexer.adapters.copy_binary import FixedColumn, copy_chunks, fixed_column
from indexer.adapters.tables import BLOCK, BLOCK_FIELDS, LOG
from indexer.blocks import BlockBatch
from indexer.decode import Decoded, FactColumns
from indexer.logs import ByteRows, LogBatch
from indexer.ports import Extension

_BLOCK_TYPES = {field.name: binary_copy_type(field.abi_type) for field in BLOCK_FIELDS} | {
    "proof": "int2"
}
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
    _copy_rows(db_tx, BLOCK.name, _BLOCK_TYPES, _block_rows(chain_id, extension.blocks))
    load_decoded(db_tx, chain_id, extension.decoded)


def load_decoded(db_tx: Connection, chain_id: ChainId, decoded: Decoded) -> None:
    """Insert raw logs and facts."""
    load_raw(db_tx, chain_id, LOG, decoded.raw)
    for facts in decoded.facts:
        if facts.spec.is_static:
            _copy_columns(db_tx, facts.spec.table, fact_columns(chain_id, facts))
        else:
            _copy_rows(db_tx, facts.spec.table, _fact_types(facts), _fact_rows(chain_id, facts))


def load_raw(db_tx: Connection, chain_id: ChainId, table: Table, logs: LogBatch) -> None:
    """Insert logs into a table that is made like `log`."""
    _copy_rows(db_tx, table.name, _LOG_TYPES, _log_rows(chain_id, logs))


def fact_columns(chain_id: ChainId, facts: FactColumns) -> list[FixedColumn]:
    """The columns of static events, as their table has them."""
    columns = [
        FixedColumn("chain_id", "int8", np.full(len(facts), chain_id, dtype=np.int64)),
        FixedColumn("block_number", "int8", facts.block_number),
        FixedColumn("log_index", "int8", facts.log_index),
        FixedColumn("address", "bytea", facts.address),
    ]
    if facts.spec.is_bulk:
        columns.append(FixedColumn("transaction_hash", "bytea", facts.transaction_hash))
        columns.append(FixedColumn("transaction_index", "int8", facts.transaction_index))
    for field, values in zip(facts.spec.columns, facts.values, strict=True):
        if isinstance(values, list):
            raise TypeError(f"{facts.spec.table}.{field.name} has no fixed width")
        columns.append(fixed_column(field.name, field.abi_type, values))
    return columns


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below.

    Raises:
        TypeError: the engine was made for another driver.
    """
    below = connection.connection.driver_connection
    if not isinstance(below, psycopg.Connection):
        raise TypeError(f"the engine's driver must be psycopg, not {type(below).__module__}")
    return below


def _block_rows(chain_id: ChainId, blocks: BlockBatch) -> Iterable[tuple[Any, ...]]:
    columns = (
        range(blocks.start, blocks.end),
        _each(blocks.hash),
        _each(blocks.parent_hash),
        blocks.timestamp.tolist(),
        blocks.header,
        _each(blocks.rows_digest),
        blocks.proof.tolist(),
    )
    return _rows(chain_id, columns)


def _log_rows(chain_id: ChainId, logs: LogBatch) -> Iterable[tuple[Any, ...]]:
    return (
        (
            chain_id,
            log.block_number,
            log.log_index,
            log.address,
            list(log.topics),
            log.data,
            log.transaction_hash,
            log.transaction_index,
        )
        for log in logs.rows()
    )


def _fact_rows(chain_id: ChainId, facts: FactColumns) -> Iterable[tuple[Any, ...]]:
    cells = [facts.cells(place) for place in range(len(facts.values))]
    place = (facts.block_number.tolist(), facts.log_index.tolist(), _each(facts.address))
    return _rows(chain_id, (*place, *cells))


def _fact_types(facts: FactColumns) -> dict[str, str]:
    own = {column.name: binary_copy_type(column.abi_type) for column in facts.spec.columns}
    return _PLACE_TYPES | {"address": "bytea"} | own


def _rows(chain_id: ChainId, columns: Sequence[Iterable[Any]]) -> Iterable[tuple[Any, ...]]:
    """Rows of columns of one length, each after the chain's id."""
    return ((chain_id, *row) for row in zip(*columns, strict=True))


def _each(rows: ByteRows) -> list[bytes]:
    return [row.tobytes() for row in rows]


def _copy_columns(db_tx: Connection, table: str, columns: Sequence[FixedColumn]) -> None:
    statement = _statement(table, [column.name for column in columns])
    with driver(db_tx).cursor() as cursor, cursor.copy(statement) as copy:
        for chunk in copy_chunks(columns):
            copy.write(chunk)


def _copy_rows(
    db_tx: Connection, table: str, types: Mapping[str, str], rows: Iterable[Sequence[Any]]
) -> None:
    with driver(db_tx).cursor() as cursor, cursor.copy(_statement(table, list(types))) as copy:
        copy.set_types(list(types.values()))
        for row in rows:
            copy.write_row(row)


def _statement(table: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
