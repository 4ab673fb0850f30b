"""Tables of facts: blocks, raw logs, one table per event, and where indexing stands.

The primary key of a fact is (chain, block number, log index), so that two versions of a block
cannot stand side by side. There are no foreign keys between facts: they would triple the cost of a
bulk load, and the one writer stores a block and all that it holds in one transaction.

An event of a bulk spec has no row in `log`: its own row says the whole log, the transaction too.
Postgres checks ranges and lengths of every other table; on these they would cost 15 % of the load
(0.25 of 1.7 processor seconds over 512,000 transfers), and the packed columns have no other width.

`FACT_TABLES` is the registry of everything that a reorg takes back. The tables of events are made
from `contracts.events.EVENTS`, so a new event is in the registry without being remembered; gate
readings are the only facts that no event says.
`AGGREGATES` holds what is summed over finalized facts; no reorg reaches it.
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
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, SumColumn, column_type, range_check
from contracts.event_spec import EventSpec, Field
from contracts.events import EVENTS
from indexer.adapters.gate_tables import GATE_ADMISSION, GATE_READING

_PLACE: Final = (
    Field("chain_id", "uint64"),
    Field("block_number", "uint64"),
    Field("log_index", "uint64"),
)

_TRANSACTION: Final = (
    Field("transaction_hash", "bytes32"),
    Field("transaction_index", "uint64"),
)

_READ_BY: Final = {
    "fact_subscribed": (("epoch",), ("subscriber", "epoch")),  # inputs; entitlements
    "fact_consumption_submitted": (("epoch",), ("submitter", "epoch")),  # inputs; explanations
    "fact_epoch_funded": (("epoch",),),  # inputs
    "fact_work_terms_set": (("work_id",),),  # one work's history
    "fact_verdict_placed": (("work_id",),),  # "is this work held?"
    "fact_verdict_lifted": (("work_id",),),
    "fact_leaf_withdrawn": (("op_id",), ("epoch",)),  # "is this op-id used?"; totals of an epoch
    "fact_payee_paid": (("payee",),),  # earnings
    "fact_payee_unclaimed": (("payee",),),  # earnings
    "fact_payee_hold_placed": (("account",),),  # "is this payee held?"
    "fact_payee_hold_lifted": (("account",),),
    "fact_escrow_released": (("op_id",), ("beneficiary",)),  # what became of a leaf; balances
    "fact_escrow_expired": (("op_id",),),
    "fact_content_claimed": (("claimant",), ("content_id",)),  # "whose is this escrow?"
    "fact_claim_resolved": (("content_id",),),
    "fact_content_paid": (("order_id",), ("payer", "content_id")),  # verdicts; entitlements
    "fact_content_refunded": (("order_id",), ("payer", "content_id")),
    "fact_tip_paid": (("order_id",),),
    "fact_ticket_paid": (("order_id",),),
    "fact_ticket_refunded": (("order_id",), ("ticket_id",)),
    "fact_ticket_transfer": (  # "who holds this ticket?", the last transfer first
        ("token_id", "block_number", "log_index"),
        ("target", "block_number", "log_index"),
    ),
    "fact_ticket_issued": (("ticket_id",), ("event_id",)),
    "fact_ticket_redeemed": (("ticket_id",), ("redeemer", "event_id")),
    "fact_tip_received": (("order_id",), ("number",)),
    "fact_relay_line_paid": (("op_id",),),  # "is this op-id used?"
    "fact_relay_line_unclaimed": (("op_id",),),
    "fact_batch_line_paid": (("op_id",),),
    "fact_batch_line_unclaimed": (("op_id",),),
    "fact_erc721_transfer": (("token_id",), ("target",), ("source",)),  # gates
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
    transaction = _TRANSACTION if spec.is_bulk else ()
    fields = (*_PLACE, Field("address", "address"), *transaction, *spec.columns)
    indexes = [
        Index(f"{spec.table}_by_{'_'.join(names)}", "chain_id", *names)
        for names in _READ_BY.get(spec.table, ())
    ]
    return Table(
        spec.table,
        SQLModel.metadata,
        *_columns(fields),
        PrimaryKeyConstraint("chain_id", "block_number", "log_index", name=f"{spec.table}_pk"),
        *(() if spec.is_bulk else _checks(spec.table, fields)),
        *indexes,
    )


BLOCK_FIELDS: Final = (
    Field("chain_id", "uint64"),
    Field("number", "uint64"),
    Field("hash", "bytes32"),
    Field("parent_hash", "bytes32"),
    Field("timestamp", "uint64"),
    Field("header", "bytes"),
    Field("rows_digest", "bytes32"),
)
BLOCK_IS_UNPROVED: Final = "proof NOT IN (1, 2)"
"""Neither is the block provably empty, nor was its receipts root rebuilt: see `blocks.Proof`."""

BLOCK = Table(
    "block",
    SQLModel.metadata,
    *_columns(BLOCK_FIELDS),
    Column("proof", SmallInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "number", name="block_pk"),
    CheckConstraint("proof BETWEEN 0 AND 3", name="block_proof_in_range"),
    *_checks("block", BLOCK_FIELDS),
    Index("block_by_timestamp", "chain_id", "timestamp", "number"),  # boundary blocks
    Index(  # "which blocks are still to be proved?"
        "block_unproved", "chain_id", "number", postgresql_where=text(BLOCK_IS_UNPROVED)
    ),
)

"""`header` is the RLP that `hash` is the hash of; `proof` is a `blocks.Proof`."""

BLOCK_REF: Final = (BLOCK.c.number, BLOCK.c.hash, BLOCK.c.parent_hash, BLOCK.c.timestamp)
"""What a `BlockRef` needs; headers are large, and few reads want them."""

LOG_FIELDS: Final = (
    *_PLACE,
    Field("address", "address"),
    Field("data", "bytes"),
    *_TRANSACTION,
)


def _log_table(name: str) -> Table:
    return Table(
        name,
        SQLModel.metadata,
        *_columns(LOG_FIELDS),
        Column("topics", ARRAY(LargeBinary), nullable=False),
        PrimaryKeyConstraint("chain_id", "block_number", "log_index", name=f"{name}_pk"),
        CheckConstraint("cardinality(topics) <= 4", name=f"{name}_has_at_most_four_topics"),
        *_checks(name, LOG_FIELDS),
    )


LOG = _log_table("log")

BACKFILL_LOG = _log_table("backfill_log")
"""Logs of contracts that are being added, until they are facts; nobody else reads them."""

BACKFILL_BLOCK_FIELDS: Final = (
    Field("chain_id", "uint64"),
    Field("block_number", "uint64"),
    Field("rows_digest", "bytes32"),
)
BACKFILL_BLOCK = Table(
    "backfill_block",
    SQLModel.metadata,
    *_columns(BACKFILL_BLOCK_FIELDS),
    Column("proof", SmallInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "block_number", name="backfill_block_pk"),
    CheckConstraint("proof BETWEEN 0 AND 3", name="backfill_block_proof_in_range"),
    *_checks("backfill_block", BACKFILL_BLOCK_FIELDS),
)
"""What `rows_digest` and `proof` of a block will be, where they will be others than they are."""

FACTS: Final = {spec.table: fact_table(spec) for spec in EVENTS}
"""The table of each event, by name."""

FACT_TABLES: Final[tuple[FactTable, ...]] = (
    FactTable(BLOCK, BLOCK.c.number),
    FactTable(LOG, LOG.c.block_number),
    *(FactTable(table, table.c.block_number) for table in FACTS.values()),
    FactTable(GATE_READING, GATE_READING.c.block_number),
    FactTable(GATE_ADMISSION, GATE_ADMISSION.c.block_number),
    FactTable(BACKFILL_BLOCK, BACKFILL_BLOCK.c.block_number),
    FactTable(BACKFILL_LOG, BACKFILL_LOG.c.block_number),
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

INDEXED_SOURCE = Table(
    "indexed_source",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("address", AddressColumn, nullable=False),
    Column("contract", Text, nullable=False),
    PrimaryKeyConstraint("chain_id", "address", name="indexed_source_pk"),
    CheckConstraint("octet_length(address) = 20", name="indexed_source_address_in_range"),
)
"""The contracts whose events the facts of a chain hold, from its start block up to the cursor.

`cursor.sources_digest` is their digest. An index that was made before there was this list has none
until its indexer has started once.
"""

BACKFILL = Table(
    "backfill",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sources_digest", Hash32Column, nullable=False),
    Column("number", BigInteger, nullable=False),
)
"""How far the past of contracts that are being added is known, and what the sources will be."""

CHAIN_FINALITY = Table(
    "chain_finality",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Hash32Column, nullable=False),
)
"""The finalized block of each chain; its number goes down by a person's hand alone."""

TOKEN_BALANCE = Table(
    "token_balance",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("token", AddressColumn, nullable=False),
    Column("account", AddressColumn, nullable=False),
    Column("balance", SumColumn, nullable=False),
    PrimaryKeyConstraint("chain_id", "token", "account", name="token_balance_pk"),
    CheckConstraint("octet_length(token) = 20", name="token_balance_token_in_range"),
    CheckConstraint("octet_length(account) = 20", name="token_balance_account_in_range"),
)
"""What a token's transfers add up to, by account: in minus out.

The zero address mints and burns, so its balance is minus the supply. A token may emit whatever it
likes, so a sum may be of any sign and larger than a uint256.
"""

TOKEN_BALANCE_CURSOR = Table(
    "token_balance_cursor",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)
"""The block of each chain up to which transfers are in `token_balance`; never above finality."""

AGGREGATES: Final = (TOKEN_BALANCE, TOKEN_BALANCE_CURSOR)
"""Sums over finalized facts. A reorg ends above them; a rewind past finality must unfold first."""

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
    Column("reason", Text),
    Column("detected_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("reorg_by_chain", "chain_id", "id"),
)
"""Every rewind that happened; without an ancestor, the start block itself was replaced.

`removed` counts the deleted rows of each table that lost any. `reason` is there where a person
rewound, past finality; what replaced the blocks is then not known yet, and the new head is the
ancestor.
"""
