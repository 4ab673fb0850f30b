"""Tables of sharded allocations: the units of `allocate_shards`, each stored once.

A unit is a document and its keccak256. Rows are never changed or removed, which the trigger of the
royalties room enforces. Couplings and total do not depend on the number of shards, so two cuts of
one epoch that came to different totals cannot both be stored.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    Table,
    func,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column


def _key() -> tuple[Column[Any], ...]:
    return (
        Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
        Column("contract", AddressColumn(), primary_key=True),
        Column("epoch", BigInteger, primary_key=True, autoincrement=False),
        Column("attempt", BigInteger, primary_key=True, autoincrement=False),
        Column("inputs_digest", Hash32Column(), primary_key=True),
    )


def _content() -> tuple[Column[Any], ...]:
    return (
        Column("digest", Hash32Column(), nullable=False),
        Column("document", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


ALLOCATION_COUPLING = Table("allocation_coupling", SQLModel.metadata, *_key(), *_content())
"""The rows of an epoch that a pseudonym keeps out."""

ALLOCATION_SHARD = Table(
    "allocation_shard",
    SQLModel.metadata,
    *_key(),
    Column("shard_count", Integer, primary_key=True, autoincrement=False),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("subscribers", BigInteger, nullable=False),
    Column("usage_rows", BigInteger, nullable=False),
    Column("counting_rows", BigInteger, nullable=False),
    *_content(),
    CheckConstraint("shard >= 0 AND shard < shard_count", name="allocation_shard_in_range"),
)
"""What one range of subscribers comes to; the counts are those of the document."""

ALLOCATION_TOTAL = Table("allocation_total", SQLModel.metadata, *_key(), *_content())
"""What an epoch comes to."""

TABLES = (ALLOCATION_COUPLING, ALLOCATION_SHARD, ALLOCATION_TOTAL)

EXTRA_DDL: tuple[str, ...] = tuple(
    statement
    for table in TABLES
    for statement in (
        f"ALTER TABLE {table.name} ALTER COLUMN document SET STORAGE EXTERNAL",  # mostly hashes
        f"""
        CREATE TRIGGER {table.name}_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name}
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change()
        """,
    )
)
"""Needs `royalties_refuse_change` of `tables.EXTRA_DDL`."""
