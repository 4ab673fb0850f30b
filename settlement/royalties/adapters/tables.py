"""Tables of the royalties room: what was computed, and what guardians approved.

Intents: a row is never changed or removed, which triggers enforce. An attempt is named by (chain,
contract, epoch, attempt); everything below it by the digest of its manifest, which is a function of
the content.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column


def _manifest_digest() -> Column[bytes]:
    return Column("manifest_digest", Hash32Column(), primary_key=True)


def _of_computed_epoch(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["manifest_digest"], ["computed_epoch.manifest_digest"], name=f"{table}_computed_epoch"
    )


COMPUTED_EPOCH = Table(
    "computed_epoch",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("contract", AddressColumn(), primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("attempt", BigInteger, primary_key=True),
    Column("settlement", Text, nullable=False),
    Column("manifest_digest", Hash32Column(), nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("root", Hash32Column(), nullable=False),
    Column("leaf_count", BigInteger, nullable=False),
    Column("boundary_block", BigInteger, nullable=False),
    Column("reference_block", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("manifest_digest", name="computed_epoch_manifest_digest"),
    CheckConstraint("attempt > 0", name="computed_epoch_attempt_from_one"),
)
COMPUTED_CERTIFICATE = Table(
    "computed_certificate",
    SQLModel.metadata,
    _manifest_digest(),
    Column("digest", Hash32Column(), nullable=False),
    Column("previous", Hash32Column(), nullable=False),
    Column("level", Text, nullable=False),
    Column("start_block", BigInteger, nullable=False),
    Column("end_block", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    _of_computed_epoch("computed_certificate"),
)
COMPUTED_TOTAL = Table(
    "computed_total",
    SQLModel.metadata,
    _manifest_digest(),
    Column("asset", AddressColumn(), primary_key=True),
    Column("paid_in", Uint256Column(), nullable=False),
    Column("carried_in", Uint256Column(), nullable=False),
    Column("allocated", Uint256Column(), nullable=False),
    Column("escrow", Uint256Column(), nullable=False),
    Column("unallocated", Uint256Column(), nullable=False),
    Column("fees", Uint256Column(), nullable=False),
    CheckConstraint(
        "allocated + escrow + unallocated + fees = paid_in + carried_in",
        name="computed_total_conserves",
    ),
    _of_computed_epoch("computed_total"),
)
COMPUTED_LEAF = Table(
    "computed_leaf",
    SQLModel.metadata,
    _manifest_digest(),
    Column("work_id", Hash32Column(), primary_key=True),
    Column("part", BigInteger, primary_key=True),
    Column("asset", AddressColumn(), primary_key=True),
    Column("amount", Uint256Column(), nullable=False),
    Column("split_hash", Hash32Column(), nullable=False),
    Column("leaf_hash", Hash32Column(), nullable=False),
    CheckConstraint("amount > 0", name="computed_leaf_amount_positive"),
    _of_computed_epoch("computed_leaf"),
)
COMPUTED_TREE = Table(
    "computed_tree",
    SQLModel.metadata,
    _manifest_digest(),
    Column("chunk", Integer, primary_key=True),
    Column("nodes", LargeBinary, nullable=False),
    CheckConstraint("octet_length(nodes) BETWEEN 32 AND 1048576", name="computed_tree_chunk_size"),
    _of_computed_epoch("computed_tree"),
)
COMPUTED_LINE = Table(
    "computed_line",
    SQLModel.metadata,
    _manifest_digest(),
    Column("work_id", Hash32Column(), primary_key=True),
    Column("part", BigInteger, primary_key=True),
    Column("asset", AddressColumn(), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("payee", AddressColumn(), nullable=False, index=True),
    Column("amount", Uint256Column(), nullable=False),
    CheckConstraint("line BETWEEN 0 AND 31", name="computed_line_fits_bitmap"),
    CheckConstraint("amount > 0", name="computed_line_amount_positive"),
    _of_computed_epoch("computed_line"),
)
COMPUTED_QUARANTINE = Table(
    "computed_quarantine",
    SQLModel.metadata,
    _manifest_digest(),
    Column("ordinal", BigInteger, primary_key=True),
    Column("block_number", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("submitter", AddressColumn(), nullable=False),
    Column("work_id", Hash32Column(), nullable=False),
    Column("asset", AddressColumn(), nullable=True),
    Column("amount", Uint256Column(), nullable=True),
    _of_computed_epoch("computed_quarantine"),
)
COMPUTED_ALLOCATION = Table(
    "computed_allocation",
    SQLModel.metadata,
    _manifest_digest(),
    Column("subscriber", AddressColumn(), primary_key=True),
    Column("asset", AddressColumn(), primary_key=True),
    Column("fee", Uint256Column(), nullable=False),
    Column("charged", ARRAY(Uint256Column()), nullable=False),
    Column("unallocated", Uint256Column(), nullable=False),
    _of_computed_epoch("computed_allocation"),
)
COMPUTED_CREDIT = Table(
    "computed_credit",
    SQLModel.metadata,
    _manifest_digest(),
    Column("asset", AddressColumn(), primary_key=True),
    Column("block_number", BigInteger, primary_key=True),
    Column("log_index", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("subscriber", AddressColumn(), nullable=False),
    Column("work_id", Hash32Column(), nullable=False, index=True),
    Column("minutes", BigInteger, nullable=False),
    Column("plays", BigInteger, nullable=False),
    Column("price_ppm", Uint256Column(), nullable=False),
    Column("region_ppm", Uint256Column(), nullable=False),
    Column("discount_ppm", BigInteger, nullable=False),
    Column("factor_ppm", BigInteger, nullable=False),
    Column("credibility_ppm", BigInteger, nullable=False),
    Column("raw", Uint256Column(), nullable=False),
    Column("counted", Uint256Column(), nullable=False),
    Column("credited", Uint256Column(), nullable=False),
    _of_computed_epoch("computed_credit"),
)
APPROVAL = Table(
    "approval",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("contract", AddressColumn(), primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("attempt", BigInteger, primary_key=True),
    Column("guardian", AddressColumn(), primary_key=True),
    Column("guardian_set", BigInteger, nullable=False),
    Column("manifest_digest", Hash32Column(), nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("digest", Hash32Column(), nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("octet_length(signature) = 65", name="approval_signature_length"),
)

TABLES = (
    COMPUTED_EPOCH,
    COMPUTED_CERTIFICATE,
    COMPUTED_TOTAL,
    COMPUTED_LEAF,
    COMPUTED_TREE,
    COMPUTED_LINE,
    COMPUTED_QUARANTINE,
    COMPUTED_ALLOCATION,
    COMPUTED_CREDIT,
    APPROVAL,
)

EXTRA_DDL: tuple[str, ...] = (
    "ALTER TABLE computed_tree ALTER COLUMN nodes SET STORAGE EXTERNAL",  # hashes do not compress
    """
    CREATE FUNCTION royalties_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER {table.name}_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name}
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change()
        """
        for table in TABLES
    ),
)
