"""Solvency statements, their lines and trees, and what is known of the reserve behind each.

A statement is named by its digest, and stands once for each epoch, asset and boundary block: there
is another block only where the chain was rewound below it, and then the one that is indexed counts.
The nodes of a level of its tree are one value, 64 bytes a node (hash and sum), from which proofs
are cut. Nothing is ever changed.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column

STATEMENT = Table(
    "solvency_statement",
    SQLModel.metadata,
    Column("digest", Hash32Column, primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("asset", AddressColumn, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("parent_hash", Hash32Column, nullable=False),
    Column("block_timestamp", BigInteger, nullable=False),
    Column("root", Hash32Column, nullable=False),
    Column("total", Uint256Column, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint(
        "chain_id",
        "contract",
        "epoch",
        "asset",
        "block_hash",
        name="solvency_statement_is_unique",
    ),
    CheckConstraint("line_count >= 0", name="solvency_statement_counts_lines"),
)

LINE = Table(
    "solvency_line",
    SQLModel.metadata,
    Column("digest", Hash32Column, ForeignKey("solvency_statement.digest"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("account_id", Hash32Column, nullable=False),
    Column("holder", Text, nullable=False),
    Column("amount", Uint256Column, nullable=False),
    PrimaryKeyConstraint("digest", "position"),
    UniqueConstraint("digest", "account_id", name="solvency_line_is_of_one_account"),
    CheckConstraint("amount > 0", name="solvency_line_owes_something"),
)

LEVEL = Table(
    "solvency_level",
    SQLModel.metadata,
    Column("digest", Hash32Column, ForeignKey("solvency_statement.digest"), nullable=False),
    Column("level", Integer, nullable=False),
    Column("nodes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("digest", "level"),
    CheckConstraint("mod(length(nodes), 64) = 0", name="solvency_level_holds_whole_nodes"),
)

RESERVE = Table(
    "solvency_reserve",
    SQLModel.metadata,
    Column("digest", Hash32Column, ForeignKey("solvency_statement.digest"), primary_key=True),
    Column("amount", Uint256Column, nullable=False),
    Column("is_proven", Boolean, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

EXTRA_DDL: tuple[str, ...] = (
    """
CREATE OR REPLACE FUNCTION solvency_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'solvency statements stand, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$
""",
    *(
        f"CREATE TRIGGER {table.name}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION solvency_refuse_change()"
        for table in (STATEMENT, LINE, LEVEL, RESERVE)
    ),
    "ALTER TABLE solvency_level ALTER COLUMN nodes SET STORAGE EXTERNAL",
)
"""What SQLAlchemy cannot say; run in order, once, after the tables are made."""
