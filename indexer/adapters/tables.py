"""Tables of facts: blocks, raw logs, one table per event, and where indexing stands.

The primary key of a fact is (chain, block number, log index), so that two versions of a block
cannot stand side by side. There are no foreign keys between facts: they would triple the cost of a
bulk load, and the one writer stores a block and all that it holds in one transaction.

`FACT_TABLES` is the registry of everything that a reorg takes back. The tables of events are made
from `contracts.events.EVENTS`, so a new event is in the registry without being remembered.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import SQLModel

from contracts.columns import Hash32Column, column_type, range_check
from contracts.events import EVENTS, EventSpec, Field

_PLACE: Final = (
    Field("chain_id", "uint64"),
    Field("block_number", "uint64"),
    Field("log_index", "uint64"),
)

_READ_BY: Final = {
    "fact_subscribed": (("epoch",), ("subscriber", "epoch")),  # inputs; entitlements
    "fact_consumption_submitted": (("epoch",),),  # inputs
    "fact_epoch_funded": (("epoch",),),  # inputs
    "fact_work_terms_set": (("work_id",),),  # one work's history
    "fact_verdict_placed": (("work_id",),),  # "is this work held?"
    "fact_verdict_lifted": (("work_id",),),
    "fact_leaf_withdrawn": (("op_id",), ("epoch",)),  # "is this op-id used?"; totals of an epoch
    "fact_payee_paid": (("payee",),),  # earnings
    "fact_payee_unclaimed": (("payee",),),  # earnings
}
"""Indexes that reads need, by table. Transfers have none: two would halve the speed of a load."""


@dataclass(frozen=True, slots=True)
class FactTable:
    """A table that a reorg takes back, and its column of block numbers."""

    table: Table
    height: Column[Any]


def _columns(fields: tuple[Field, ...]) -> list[Column[Any]]:
    return [Column(field.name, column_type(field.abi_type), nullable=False) for field in fields]


def _checks(table: str, fields: tuple[Field, ...]) -> list[CheckConstraint]:
    conditions = {field.name: range_check(field.name, field.abi_type) for field in fields}
    return [
        CheckConstraint(condition, name=f"{table}_{name}_in_range")
        for name, condition in conditions.items()
        if condition is not None
    ]


def fact_table(spec: EventSpec) -> Table:
    """The table of one event: its place, the emitting contract, and the event's columns."""
    fields = (*_PLACE, Field("address", "address"), *spec.columns)
    indexes = [
        Index(f"{spec.table}_by_{'_'.join(names)}", "chain_id", *names)
        for names in _READ_BY.get(spec.table, ())
    ]
    return Table(
        spec.table,
        SQLModel.metadata,
        *_columns(fields),
        PrimaryKeyConstraint("chain_id", "block_number", "log_index", name=f"{spec.table}_pk"),
        *_checks(spec.table, fields),
        *indexes,
    )


BLOCK_FIELDS: Final = (
    Field("chain_id", "uint64"),
    Field("number", "uint64"),
    Field("hash", "bytes32"),
    Field("parent_hash", "bytes32"),
    Field("timestamp", "uint64"),
)
BLOCK = Table(
    "block",
    SQLModel.metadata,
    *_columns(BLOCK_FIELDS),
    PrimaryKeyConstraint("chain_id", "number", name="block_pk"),
    *_checks("block", BLOCK_FIELDS),
    Index("block_by_timestamp", "chain_id", "timestamp", "number"),  # boundary blocks
)

LOG_FIELDS: Final = (
    *_PLACE,
    Field("address", "address"),
    Field("data", "bytes"),
    Field("transaction_hash", "bytes32"),
    Field("transaction_index", "uint64"),
)
LOG = Table(
    "log",
    SQLModel.metadata,
    *_columns(LOG_FIELDS),
    Column("topics", ARRAY(LargeBinary), nullable=False),
    PrimaryKeyConstraint("chain_id", "block_number", "log_index", name="log_pk"),
    CheckConstraint("cardinality(topics) <= 4", name="log_has_at_most_four_topics"),
    *_checks("log", LOG_FIELDS),
)

FACTS: Final = {spec.table: fact_table(spec) for spec in EVENTS}
"""The table of each event, by name."""

FACT_TABLES: Final[tuple[FactTable, ...]] = (
    FactTable(BLOCK, BLOCK.c.number),
    FactTable(LOG, LOG.c.block_number),
    *(FactTable(table, table.c.block_number) for table in FACTS.values()),
)

CURSOR = Table(
    "cursor",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Hash32Column, nullable=False),
    Column("sources_digest", Hash32Column, nullable=False),
)
"""The highest indexed block of each chain, and what the index was built from."""

CHAIN_FINALITY = Table(
    "chain_finality",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Hash32Column, nullable=False),
)
"""The finalized block of each chain; its number never goes down."""

REORG = Table(
    "reorg",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("ancestor_number", BigInteger),
    Column("ancestor_hash", Hash32Column),
    Column("old_head_number", BigInteger, nullable=False),
    Column("old_head_hash", Hash32Column, nullable=False),
    Column("new_head_number", BigInteger, nullable=False),
    Column("new_head_hash", Hash32Column, nullable=False),
    Column("depth_blocks", BigInteger, nullable=False),
    Column("removed", JSONB, nullable=False),
    Column("detected_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("reorg_by_chain", "chain_id", "id"),
)
"""Every rewind that happened; without an ancestor, the start block itself was replaced.

`removed` counts the deleted rows of each table that lost any.
"""
