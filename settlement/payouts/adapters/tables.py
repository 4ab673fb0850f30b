"""Tables of payouts: operations, signed transactions, what they carry, and what became of them.

A line of a list (kinds `tip` and `payout`) has a payee, an asset and an amount, and no epoch.

All are append-only: triggers refuse UPDATE, DELETE and TRUNCATE. A transaction is one signed
version of a nonce; `ordinal` counts the versions, so one nonce may have many hashes, and
`signed_at` is the number of the head at that time. An inclusion ties an operation to a nonce, hence
to all its hashes; a nonce without inclusions was filled by a no-op. Outcomes are final when
written; at most one of them closes an operation.

A withdrawal of a leaf with lines `settled` before pays the remainder. All operations of a leaf have
one `event_op_id`, by which the contract's events name the leaf.

Where a finalized block was replaced nevertheless, a retraction takes back all outcomes that its
operation has so far, and the submitter looks anew: an outcome stands if its version is that of the
operation's last retraction, or 0 where there is none.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column
from settlement.payouts.operation import CLOSING_FATES, Fate, Kind


def _quoted(values: tuple[Kind, ...] | tuple[Fate, ...]) -> str:
    return ", ".join(f"'{value.value}'" for value in values)


def _recorded_at() -> Column[datetime]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


PAYOUT_OPERATION = Table(
    "payout_operation",
    SQLModel.metadata,
    Column("op_id", Hash32Column, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("list_id", Hash32Column, nullable=False),
    Column("list_index", Uint256Column, nullable=False),
    Column("content_digest", Hash32Column, nullable=False),
    Column("call", LargeBinary, nullable=False),
    Column("epoch", BigInteger),
    Column("work_id", Hash32Column),
    Column("part", BigInteger),
    Column("asset", AddressColumn),
    Column("amount", Uint256Column),
    Column("settled", BigInteger, nullable=False),
    Column("lines", SmallInteger),
    Column("proof_nodes", SmallInteger),
    Column("attempt", BigInteger),
    Column("manifest_digest", Hash32Column),
    Column("payee", AddressColumn),
    Column(
        "event_op_id",
        Hash32Column,
        Computed("CASE WHEN settled = 0 THEN op_id ELSE list_id END", persisted=True),
    ),
    _recorded_at(),
    CheckConstraint(f"kind IN ({_quoted(tuple(Kind))})", name="payout_operation_kind"),
    CheckConstraint("amount > 0", name="payout_operation_amount"),
    CheckConstraint(
        "settled >= 0 AND (settled = 0 OR lines IS NOT NULL"
        " AND settled < (1::bigint << lines::integer) - 1)",
        name="payout_operation_leaves_lines_open",
    ),
    CheckConstraint(
        "CASE kind WHEN 'withdraw' THEN"
        " num_nulls(epoch, work_id, part, asset, amount, lines, proof_nodes) = 0"
        " AND num_nonnulls(attempt, manifest_digest, payee) = 0"
        " WHEN 'commit' THEN num_nulls(epoch, attempt, manifest_digest) = 0"
        " AND num_nonnulls(work_id, part, asset, amount, lines, proof_nodes, payee) = 0"
        " ELSE num_nulls(payee, asset, amount) = 0 AND"
        " num_nonnulls(epoch, work_id, part, lines, proof_nodes, attempt, manifest_digest) = 0 END",
        name="payout_operation_subject",
    ),
    Index("payout_operation_contract", "chain_id", "contract"),
    Index("payout_operation_leaf", "event_op_id"),
)

PAYOUT_TRANSACTION = Table(
    "payout_transaction",
    SQLModel.metadata,
    Column("tx_hash", Hash32Column, primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("sender", AddressColumn, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("ordinal", SmallInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("recipient", AddressColumn, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("max_fee_wei", Uint256Column, nullable=False),
    Column("tip_wei", Uint256Column, nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    _recorded_at(),
    UniqueConstraint("chain_id", "sender", "nonce", "ordinal", name="payout_transaction_version"),
    CheckConstraint("nonce >= 0 AND ordinal >= 0 AND gas > 0", name="payout_transaction_positive"),
)

PAYOUT_ADOPTION = Table(
    "payout_adoption",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("sender", AddressColumn, nullable=False),
    Column("first_nonce", BigInteger, nullable=False),
    Column("next_nonce", BigInteger, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("chain_id", "sender", "first_nonce"),
    CheckConstraint(
        "first_nonce >= 0 AND next_nonce > first_nonce", name="payout_adoption_is_not_empty"
    ),
)
"""Nonces that the chain showed at a head, and that we had not stored."""

PAYOUT_INCLUSION = Table(
    "payout_inclusion",
    SQLModel.metadata,
    Column("op_id", Hash32Column, ForeignKey(PAYOUT_OPERATION.c.op_id), primary_key=True),
    Column("chain_id", BigInteger, primary_key=True),
    Column("sender", AddressColumn, primary_key=True),
    Column("nonce", BigInteger, primary_key=True),
)

PAYOUT_OUTCOME = Table(
    "payout_outcome",
    SQLModel.metadata,
    Column("op_id", Hash32Column, ForeignKey(PAYOUT_OPERATION.c.op_id), nullable=False),
    Column("fate", Text, nullable=False),
    Column("refusal", SmallInteger),
    Column("sender", AddressColumn),
    Column("nonce", BigInteger),
    Column("tx_hash", Hash32Column),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("version", Integer, nullable=False),
    _recorded_at(),
    UniqueConstraint(
        "op_id",
        "sender",
        "nonce",
        "version",
        name="payout_outcome_once",
        postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint(f"fate IN ({_quoted(tuple(Fate))})", name="payout_outcome_fate"),
    CheckConstraint("(sender IS NULL) = (nonce IS NULL)", name="payout_outcome_nonce"),
    Index(
        "payout_outcome_closing",
        "op_id",
        "version",
        unique=True,
        postgresql_where=text(f"fate IN ({_quoted(CLOSING_FATES)})"),
    ),
)

PAYOUT_RETRACTION = Table(
    "payout_retraction",
    SQLModel.metadata,
    Column("op_id", Hash32Column, ForeignKey(PAYOUT_OPERATION.c.op_id), nullable=False),
    Column("version", Integer, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("op_id", "version"),
    CheckConstraint("version >= 1", name="payout_retraction_version_counts_from_one"),
)
"""What was taken back was seen above this block, which is the last one that still stands."""

TABLES = (
    PAYOUT_OPERATION,
    PAYOUT_TRANSACTION,
    PAYOUT_ADOPTION,
    PAYOUT_INCLUSION,
    PAYOUT_OUTCOME,
    PAYOUT_RETRACTION,
)

EXTRA_DDL: tuple[str, ...] = (
    """
    CREATE FUNCTION payout_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$
    """,
    *(
        f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change()"
        for table in TABLES
    ),
)
