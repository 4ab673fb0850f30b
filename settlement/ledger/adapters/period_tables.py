"""Tables of accounting periods and manual entries, and the rules that Postgres itself enforces.

- **A closed month takes nothing more.** A trigger refuses entries that count for it.
- **Four eyes.** A decision carries its maker and checker, which are not the same; the maker is the
  proposal's.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import SQLModel

from contracts.columns import Hash32Column
from settlement.ledger.adapters.columns import (
    append_only_ddl,
    book_columns,
    recorded_at,
    statement_ddl,
)
from settlement.ledger.adapters.tables import JOURNAL_ENTRY

PERIOD_CLOSE = Table(
    "ledger_period_close",
    SQLModel.metadata,
    *book_columns(),
    Column("period", Integer, nullable=False),
    Column("closed_by", Text, nullable=False),
    recorded_at(),
    Column("booked_at", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("chain_id", "contract", "period"),
    CheckConstraint("period % 100 BETWEEN 1 AND 12", name="ledger_period_close_is_of_a_month"),
    CheckConstraint("closed_by <> ''", name="ledger_period_close_names_somebody"),
)
"""`booked_at` is the time of the books when the month was closed; seals are over closes too."""

MANUAL = Table(
    "ledger_manual",
    SQLModel.metadata,
    Column("id", Hash32Column, primary_key=True),
    *book_columns(),
    Column("maker", Text, nullable=False),
    Column("effective_block", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    recorded_at(),
    UniqueConstraint("id", "maker", name="ledger_manual_as_its_decision_sees_it"),
    CheckConstraint("maker <> ''", name="ledger_manual_has_a_maker"),
)

MANUAL_DECISION = Table(
    "ledger_manual_decision",
    SQLModel.metadata,
    Column("manual_id", Hash32Column, primary_key=True),
    Column("maker", Text, nullable=False),
    Column("checker", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    recorded_at(),
    ForeignKeyConstraint(
        ["manual_id", "maker"],
        ["ledger_manual.id", "ledger_manual.maker"],
        name="ledger_manual_decision_is_of_a_manual",
    ),
    CheckConstraint(
        "lower(btrim(maker)) <> lower(btrim(checker))", name="ledger_manual_decision_has_four_eyes"
    ),
    CheckConstraint("btrim(checker) <> ''", name="ledger_manual_decision_has_a_checker"),
    CheckConstraint("decision IN ('approved', 'rejected')", name="ledger_manual_decision_is_known"),
)

TABLES = (PERIOD_CLOSE, MANUAL, MANUAL_DECISION)

_REFUSE_CLOSED = """
CREATE OR REPLACE FUNCTION ledger_refuse_closed_period() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM recorded r JOIN ledger_period_close c USING (chain_id, contract)
        WHERE r.period <= c.period
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'the accounting period is closed';
    END IF;
    RETURN NULL;
END $$
"""

EXTRA_DDL: tuple[str, ...] = (
    *(append_only_ddl(table) for table in TABLES),
    _REFUSE_CLOSED,
    statement_ddl(JOURNAL_ENTRY, "journal_entry_period_is_open", "ledger_refuse_closed_period"),
)
