"""Runs of the reconciliation, what they found, and what became of it; only ever added to.

The view `reconciliation_register` has one row for everything that was ever found: as it was found
last, its first and last run, its status, and since when it is open.
"""

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
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column


def _recorded_at() -> Column[Any]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


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
    _recorded_at(),
    Column("lines", BigInteger, nullable=False, server_default="0"),
    Column("endpoints", Integer, nullable=False, server_default="1"),
    Column("proven", Integer, nullable=False, server_default="0"),
    Column("stated", Integer, nullable=False, server_default="0"),
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
    Column("severity", Text),
    Column("owner", Text),
    Column("asset", AddressColumn),
    Column("content_digest", Hash32Column),
    Column("transaction_hash", Hash32Column),
    Column("at_block", BigInteger),
    Column("at_block_hash", Hash32Column),
    Column("log_index", Integer),
    Column("entry_id", Hash32Column),
    PrimaryKeyConstraint("run_id", "ordinal"),
    Index("reconciliation_discrepancy_in_runs", "discrepancy_id", "run_id", unique=True),
)
"""Severity, owner and content are missing where a run is older than the register."""

EXPLANATION = Table(
    "reconciliation_explanation",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("discrepancy_id", Hash32Column, nullable=False),
    Column("content_digest", Hash32Column, nullable=False),
    Column("maker", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    _recorded_at(),
    CheckConstraint(
        "btrim(maker) <> '' AND btrim(explanation) <> ''",
        name="reconciliation_explanation_says_something",
    ),
)

TRANSITION = Table(
    "reconciliation_transition",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("discrepancy_id", Hash32Column, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("run_id", BigInteger, ForeignKey("reconciliation_run.id")),
    Column("person", Text),
    Column("entry_id", Hash32Column),
    Column("explanation_id", BigInteger, ForeignKey("reconciliation_explanation.id")),
    _recorded_at(),
    CheckConstraint(
        "status IN ('open', 'explained', 'absent', 'resolved')",
        name="reconciliation_transition_status_is_known",
    ),
    CheckConstraint(
        "(run_id IS NULL) <> (person IS NULL)", name="reconciliation_transition_has_one_cause"
    ),
    CheckConstraint(
        "status <> 'resolved' OR (entry_id IS NULL) <> (explanation_id IS NULL)",
        name="reconciliation_transition_resolves_by_entry_or_explanation",
    ),
    CheckConstraint(
        "status <> 'explained' OR (explanation_id IS NOT NULL AND person IS NOT NULL)",
        name="reconciliation_transition_explains",
    ),
    Index("reconciliation_transition_of", "chain_id", "contract", "discrepancy_id", "id"),
)

TABLES = (RUN, DISCREPANCY, EXPLANATION, TRANSITION)

_REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION reconciliation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'findings are append-only, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$
"""

_TWO_PERSONS = """
CREATE OR REPLACE FUNCTION reconciliation_two_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'resolved' AND NEW.explanation_id IS NOT NULL AND EXISTS (
        SELECT FROM reconciliation_explanation made
        WHERE made.id = NEW.explanation_id
          AND (lower(btrim(made.maker)) = lower(btrim(NEW.person))
               OR made.discrepancy_id <> NEW.discrepancy_id)
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'an explanation is accepted by another person than its author';
    END IF;
    RETURN NEW;
END $$
"""

REGISTER_VIEW = """
CREATE VIEW reconciliation_register AS
WITH found AS (
    SELECT r.chain_id, r.contract, r.block_number AS run_block, r.block_timestamp, d.*
    FROM reconciliation_discrepancy d JOIN reconciliation_run r ON r.id = d.run_id
    WHERE d.content_digest IS NOT NULL
), last_seen AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM found
    ORDER BY chain_id, contract, discrepancy_id, run_id DESC
), first_seen AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM found
    ORDER BY chain_id, contract, discrepancy_id, run_id
), last_step AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM reconciliation_transition
    ORDER BY chain_id, contract, discrepancy_id, id DESC
), opened AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM reconciliation_transition
    WHERE status = 'open' ORDER BY chain_id, contract, discrepancy_id, id DESC
), explained AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM reconciliation_explanation
    ORDER BY chain_id, contract, discrepancy_id, id DESC
)
SELECT l.chain_id, l.contract, l.discrepancy_id, l.kind, l.severity, l.owner, s.status, l.subject,
       l.asset, l.expected, l.actual, l.evidence, l.transaction_hash, l.at_block, l.at_block_hash,
       l.log_index, l.entry_id, l.content_digest,
       f.run_id AS first_run, f.run_block AS first_block, f.block_timestamp AS first_timestamp,
       l.run_id AS last_run, l.run_block AS last_block, l.block_timestamp AS last_timestamp,
       o.at AS opened_at, e.id AS explanation_id, e.maker, e.explanation,
       e.content_digest AS explained_digest,
       array_position(ARRAY['critical', 'high', 'medium', 'low'], l.severity) AS rank,
       (SELECT max(r.block_timestamp) FROM reconciliation_run r
        WHERE r.chain_id = l.chain_id AND r.contract = l.contract) AS now
FROM last_seen l
JOIN first_seen f USING (chain_id, contract, discrepancy_id)
JOIN last_step s USING (chain_id, contract, discrepancy_id)
JOIN opened o USING (chain_id, contract, discrepancy_id)
LEFT JOIN explained e USING (chain_id, contract, discrepancy_id)
"""

EXTRA_DDL: tuple[str, ...] = (
    _REFUSE_CHANGE,
    *(
        f"CREATE TRIGGER {table.name}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_refuse_change()"
        for table in TABLES
    ),
    _TWO_PERSONS,
    "CREATE TRIGGER reconciliation_transition_by_two BEFORE INSERT ON reconciliation_transition"
    " FOR EACH ROW EXECUTE FUNCTION reconciliation_two_persons()",
    REGISTER_VIEW,
)
"""What SQLAlchemy cannot say; run in order, once, after the tables are made."""
