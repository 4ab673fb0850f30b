"""Tables of payout documents: what was added, by whom, who accepted it, and who signed it.

All are append-only. A list has one document for ever; a document that nobody accepts is owed to
nobody. `RETENTION` says how long each table is kept.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column

PAYOUT_DOCUMENT = Table(
    "payout_document",
    SQLModel.metadata,
    Column("digest", Hash32Column, primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("list_id", Hash32Column, nullable=False),
    Column("source", LargeBinary, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("chain_id", "contract", "list_id", name="payout_document_one_a_list"),
    CheckConstraint("added_by <> ''", name="payout_document_is_somebodys"),
)

PAYOUT_DOCUMENT_ACCEPTANCE = Table(
    "payout_document_acceptance",
    SQLModel.metadata,
    Column("digest", Hash32Column, ForeignKey(PAYOUT_DOCUMENT.c.digest), primary_key=True),
    Column("accepted_by", Text, nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("accepted_by <> ''", name="payout_document_acceptance_is_somebodys"),
    CheckConstraint("accepted_at >= 0", name="payout_document_acceptance_has_a_time"),
)
"""`accepted_at` is the time of the finalized block at which it was accepted."""

PAYOUT_DOCUMENT_SIGNATURE = Table(
    "payout_document_signature",
    SQLModel.metadata,
    Column("digest", Hash32Column, ForeignKey(PAYOUT_DOCUMENT.c.digest), primary_key=True),
    Column("signer", AddressColumn, primary_key=True),
    Column("signature", LargeBinary, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("octet_length(signature) = 65", name="payout_document_signature_is_whole"),
)
"""Checked when they are kept and again whenever they are read: they are evidence for others."""

TABLES = (PAYOUT_DOCUMENT, PAYOUT_DOCUMENT_ACCEPTANCE, PAYOUT_DOCUMENT_SIGNATURE)

RETENTION: dict[str, str] = dict.fromkeys(
    (table.name for table in TABLES), "as long as the books: each document is why lines are owed"
)
"""How long each of these tables is kept. Nothing here is deleted by the product."""

EXTRA_DDL: tuple[str, ...] = tuple(
    f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
    f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change()"
    for table in TABLES
)
"""The function is that of `tables.EXTRA_DDL`, which comes before."""
