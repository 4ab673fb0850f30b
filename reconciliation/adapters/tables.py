"""Runs of the reconciliation and what they found; never changed, only added to."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column

RUN = Table(
    "reconciliation_run",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("parent_hash", Hash32Column, nullable=False),
    Column("block_timestamp", BigInteger, nullable=False),
    Column("checks", Integer, nullable=False),
    Column("discrepancies", Integer, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("checks > 0", name="reconciliation_run_has_checks"),
    CheckConstraint("discrepancies >= 0", name="reconciliation_run_counts_discrepancies"),
    Index("reconciliation_run_of_settlement", "chain_id", "contract", "id"),
)

DISCREPANCY = Table(
    "reconciliation_discrepancy",
    SQLModel.metadata,
    Column("run_id", BigInteger, ForeignKey("reconciliation_run.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("discrepancy_id", Hash32Column, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("actual", Text, nullable=False),
    Column("evidence", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("run_id", "ordinal"),
    Index("reconciliation_discrepancy_in_runs", "discrepancy_id", "run_id", unique=True),
)

EXTRA_DDL: tuple[str, ...] = (
    """
CREATE OR REPLACE FUNCTION reconciliation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'findings are append-only, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$
""",
    *(
        f"CREATE TRIGGER {table.name}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_refuse_change()"
        for table in (RUN, DISCREPANCY)
    ),
)
"""What SQLAlchemy cannot say; run in order, once, after the tables are made."""
