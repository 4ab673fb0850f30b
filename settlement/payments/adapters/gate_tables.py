"""Tables of what somebody told us about contents: gates, whose archives they are, who sells them.

All are records: append-only (triggers refuse UPDATE, DELETE and TRUNCATE), so what was in force
when an answer was given can still be shown. The last row of a gate, or of an (archive, source)
pair, is in force; of the offers of a content, the last of those that begin at or before a block.
`contract` is the settlement's `EpochPayouts`, as in the books. `RETENTION` says how long each table
is kept.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    func,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column, range_check


def _of_content(name: str, *columns: Column[Any], checks: dict[str, str]) -> Table:
    """Rows about a content of a settlement, each of which adds or removes something."""
    lengths = {"contract": "address", "content_id": "bytes32"} | checks
    return Table(
        name,
        SQLModel.metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("chain_id", BigInteger, nullable=False),
        Column("contract", AddressColumn, nullable=False),
        Column("content_id", Hash32Column, nullable=False),
        *columns,
        Column("action", Text, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        CheckConstraint("action IN ('add', 'remove')", name=f"{name}_action_is_known"),
        *(
            CheckConstraint(range_check(column, kind) or "", name=f"{name}_{column}_in_range")
            for column, kind in lengths.items()
        ),
        Index(f"{name}_by_content_id", "chain_id", "contract", "content_id"),
    )


CONTENT_GATE = _of_content(
    "content_gate",
    Column("gate_id", Hash32Column, nullable=False),
    Column("kind", Text, nullable=False),
    Column("token", AddressColumn, nullable=False),
    Column("minimum", Uint256Column, nullable=False),
    checks={"gate_id": "bytes32", "token": "address", "minimum": "uint256"},
)
"""The gates of contents; the gate's id is the digest of all its members."""

CONTENT_ALIAS = _of_content(
    "content_alias",
    Column("source_id", Hash32Column, nullable=False),
    Column("ended_at", BigInteger),
    checks={"source_id": "bytes32", "ended_at": "uint64"},
)
"""Contents that are archives of others, and when those ended, if it was told (Unix seconds)."""

CONTENT_OFFER = Table(
    "content_offer",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("content_id", Hash32Column, nullable=False),
    Column("creator", AddressColumn, nullable=False),
    Column("price", Uint256Column, nullable=False),
    Column("from_block", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    *(
        CheckConstraint(range_check(column, kind) or "", name=f"content_offer_{column}_in_range")
        for column, kind in {
            "contract": "address",
            "content_id": "bytes32",
            "creator": "address",
            "price": "uint256",
            "from_block": "uint64",
        }.items()
    ),
    Index("content_offer_by_content_id", "chain_id", "contract", "content_id", "from_block"),
)
"""Who sells a content, and for how much at least, to those who pay in `from_block` or later."""

TABLES = (CONTENT_GATE, CONTENT_ALIAS, CONTENT_OFFER)

RETENTION: dict[str, str] = dict.fromkeys(
    (table.name for table in TABLES),
    "as long as the contents: each row may be why a wallet was let in, or was not",
)
"""How long each of these tables is kept. Nothing here is deleted by the product."""

EXTRA_DDL: tuple[str, ...] = (
    """
    CREATE FUNCTION contents_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$
    """,
    *(
        f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION contents_refuse_change()"
        for table in TABLES
    ),
)
