"""Tables of the payout policy: what persons decided, and the screening lists they accepted.

All are records: append-only (triggers refuse UPDATE, DELETE and TRUNCATE), so a hold that was
released, a tier that was changed and a list that was replaced can all still be shown. What is in
force is the last row. A list is kept whole, by the digest of its bytes, and may be accepted more
than once. `RETENTION` says how long each table is kept.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column


def _id() -> Column[int]:
    """Ascending in the order of writing: the last row of a subject is in force."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _recorded_at() -> Column[datetime]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def _told(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


SCREENING_LIST = Table(
    "screening_list",
    SQLModel.metadata,
    Column("digest", Hash32Column, primary_key=True),
    Column("source", LargeBinary, nullable=False),
    _recorded_at(),
)
"""The bytes of a list, as the file had them."""

SCREENING_ACCEPTANCE = Table(
    "screening_acceptance",
    SQLModel.metadata,
    _id(),
    Column("digest", Hash32Column, ForeignKey(SCREENING_LIST.c.digest), nullable=False),
    _told("accepted_by"),
    _recorded_at(),
    CheckConstraint("accepted_by <> ''", name="screening_acceptance_is_somebodys"),
)
"""The last row names the list in force."""

PAYEE_HOLD = Table(
    "payee_hold",
    SQLModel.metadata,
    _id(),
    Column("account", AddressColumn, nullable=False),
    _told("action"),
    _told("reason"),
    _told("decided_by"),
    _recorded_at(),
    CheckConstraint("action IN ('hold', 'release')", name="payee_hold_action_is_known"),
    CheckConstraint("reason <> '' AND decided_by <> ''", name="payee_hold_is_explained"),
    Index("payee_hold_account", "account", "id"),
)
"""An account is held if its last row is a hold."""

PAYEE_TIER = Table(
    "payee_tier",
    SQLModel.metadata,
    _id(),
    Column("account", AddressColumn, nullable=False),
    Column("tier", Integer, nullable=False),
    _told("reason"),
    _told("decided_by"),
    _recorded_at(),
    CheckConstraint("tier >= 0", name="payee_tier_counts_from_zero"),
    CheckConstraint("reason <> '' AND decided_by <> ''", name="payee_tier_is_explained"),
    Index("payee_tier_account", "account", "id"),
)
"""The last row of an account is its tier; what identified it stays where that was checked."""

PAYOUT_APPROVAL = Table(
    "payout_approval",
    SQLModel.metadata,
    Column("op_id", Hash32Column, nullable=False),
    Column("approver", AddressColumn, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("asset", AddressColumn, nullable=False),
    Column("amount", Uint256Column, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("op_id", "approver", "asset", "amount"),
    CheckConstraint("octet_length(signature) = 65", name="payout_approval_signature_length"),
    Index("payout_approval_contract", "chain_id", "contract"),
)
"""One row for each person and payout: two rows are two persons."""

TABLES = (
    SCREENING_LIST,
    SCREENING_ACCEPTANCE,
    PAYEE_HOLD,
    PAYEE_TIER,
    PAYOUT_APPROVAL,
)

RETENTION: dict[str, str] = dict.fromkeys(
    (table.name for table in TABLES),
    "as long as the books: each row may be why a line was paid, or was not",
)
"""How long each of these tables is kept. Nothing here is deleted by the product."""

EXTRA_DDL: tuple[str, ...] = (
    """
    CREATE FUNCTION policy_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$
    """,
    *(
        f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION policy_refuse_change()"
        for table in TABLES
    ),
)
