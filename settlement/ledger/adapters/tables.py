"""Tables of the books, and the rules that Postgres itself enforces.

- **An entry cannot be out of balance.** A row of `posting` is one unsigned amount with a debited
  and a credited account, both required and different. Whatever rows there are, the debits of an
  asset equal its credits, in every entry and in the whole book; no statement can say otherwise.
- **An entry is whole.** It says how many postings it has; a deferred trigger refuses a commit with
  fewer, and numbered postings leave no room for one more, then or ever.
- **Nothing is changed.** UPDATE, DELETE and TRUNCATE are refused on every table but the cursor,
  and the cursor never moves back.
- **One open reservation of a leaf.** Attempt n refers to attempt n - 1 as ended.
- **Versions.** A row of `ledger_rewind` begins a version of a book, 0 needs none. Each table has
  its rows by version, so a leaf, a commitment and the cursor may stand once in every version.
- Amounts are above zero and below 2²⁵⁶; an account has exactly the attributes of its kind.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
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
from contracts.units import UINT256_MAX
from settlement.ledger.accounts import DIMENSIONS

_ATTRIBUTES = ("epoch", "work_id", "part", "payee")


def _book() -> tuple[Column[Any], Column[Any]]:
    return (
        Column("chain_id", BigInteger, nullable=False),
        Column("contract", AddressColumn, nullable=False),
    )


def _version() -> Column[Any]:
    return Column("version", Integer, nullable=False)


def _recorded_at() -> Column[Any]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def _shape_of_kinds() -> str:
    """Each kind of account has its attributes and no other."""
    return " OR ".join(
        f"(kind = '{kind.value}' AND "
        + " AND ".join(
            f"{name} IS {'NOT NULL' if name in dimensions else 'NULL'}" for name in _ATTRIBUTES
        )
        + ")"
        for kind, dimensions in DIMENSIONS.items()
    )


ACCOUNT = Table(
    "ledger_account",
    SQLModel.metadata,
    Column("id", Hash32Column, primary_key=True),
    *_book(),
    Column("kind", Text, nullable=False),
    Column("epoch", BigInteger),
    Column("work_id", Hash32Column),
    Column("part", BigInteger),
    Column("payee", AddressColumn),
    CheckConstraint(_shape_of_kinds(), name="ledger_account_has_the_attributes_of_its_kind"),
    UniqueConstraint(
        "chain_id",
        "contract",
        "epoch",
        "work_id",
        "part",
        "payee",
        "kind",
        name="ledger_account_is_unique",
        postgresql_nulls_not_distinct=True,
    ),
    Index("ledger_account_by_payee", "chain_id", "contract", "payee"),
    Index("ledger_account_by_work", "chain_id", "contract", "work_id"),
)

JOURNAL_ENTRY = Table(
    "journal_entry",
    SQLModel.metadata,
    Column("id", Hash32Column, primary_key=True),
    *_book(),
    Column("source_kind", Text, nullable=False),
    Column("source_id", LargeBinary, nullable=False),
    Column("leg", Integer, nullable=False),
    _version(),
    Column("status", Text, nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("block_number", BigInteger),
    Column("block_hash", Hash32Column),
    Column("posting_count", Integer, nullable=False),
    Column("content_digest", Hash32Column, nullable=False),
    _recorded_at(),
    UniqueConstraint(
        "source_kind", "source_id", "leg", "version", name="journal_entry_source_is_unique"
    ),
    UniqueConstraint(
        "id", "version", "status", "posting_count", name="journal_entry_as_postings_see_it"
    ),
    CheckConstraint("status IN ('pending', 'posted')", name="journal_entry_status_is_known"),
    CheckConstraint("posting_count > 0", name="journal_entry_is_not_empty"),
    CheckConstraint("version >= 0", name="journal_entry_version_counts_from_zero"),
    CheckConstraint(
        "(block_number IS NULL) = (block_hash IS NULL)", name="journal_entry_evidence_is_whole"
    ),
    Index("journal_entry_in_time", "chain_id", "contract", "effective_at", "id"),
)

POSTING = Table(
    "posting",
    SQLModel.metadata,
    Column("entry_id", Hash32Column, nullable=False),
    Column("ordinal", Integer, nullable=False),
    _version(),
    Column("status", Text, nullable=False),
    Column("posting_count", Integer, nullable=False),
    Column("asset", AddressColumn, nullable=False),
    Column("amount", Uint256Column, nullable=False),
    Column("debit_account", Hash32Column, ForeignKey("ledger_account.id"), nullable=False),
    Column("credit_account", Hash32Column, ForeignKey("ledger_account.id"), nullable=False),
    PrimaryKeyConstraint("entry_id", "ordinal"),
    ForeignKeyConstraint(
        ["entry_id", "version", "status", "posting_count"],
        [
            "journal_entry.id",
            "journal_entry.version",
            "journal_entry.status",
            "journal_entry.posting_count",
        ],
        name="posting_is_of_its_entry",
    ),
    CheckConstraint(
        "ordinal >= 0 AND ordinal < posting_count", name="posting_has_a_place_in_its_entry"
    ),
    CheckConstraint(
        f"amount > 0 AND amount <= {UINT256_MAX}", name="posting_amount_is_a_uint256_above_zero"
    ),
    CheckConstraint("debit_account <> credit_account", name="posting_moves_between_two_accounts"),
    Index("posting_by_debit", "debit_account", "asset"),
    Index("posting_by_credit", "credit_account", "asset"),
)

LEAF = Table(
    "ledger_leaf",
    SQLModel.metadata,
    Column("op_id", Hash32Column, nullable=False),
    _version(),
    *_book(),
    Column("epoch", BigInteger, nullable=False),
    Column("work_id", Hash32Column, nullable=False),
    Column("part", BigInteger, nullable=False),
    Column("asset", AddressColumn, nullable=False),
    Column("entry_id", Hash32Column, ForeignKey("journal_entry.id"), nullable=False, unique=True),
    PrimaryKeyConstraint("op_id", "version"),
    UniqueConstraint(
        "chain_id",
        "contract",
        "epoch",
        "work_id",
        "part",
        "asset",
        "version",
        name="ledger_leaf_is_unique",
    ),
)
"""A leaf that became payable, or escrow; its lines are the postings of its entry, in order."""

COMMITMENT = Table(
    "ledger_commitment",
    SQLModel.metadata,
    *_book(),
    _version(),
    Column("epoch", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    Column("manifest_digest", Hash32Column, nullable=False),
    Column("root", Hash32Column, nullable=False),
    Column("active_at", BigInteger, nullable=False),
    Column("entry_id", Hash32Column, ForeignKey("journal_entry.id")),
    PrimaryKeyConstraint("chain_id", "contract", "version", "epoch", "attempt"),
)

COMMITMENT_OUTCOME = Table(
    "ledger_commitment_outcome",
    SQLModel.metadata,
    *_book(),
    _version(),
    Column("epoch", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("chain_id", "contract", "version", "epoch", "attempt"),
    ForeignKeyConstraint(
        ["chain_id", "contract", "version", "epoch", "attempt"],
        [
            "ledger_commitment.chain_id",
            "ledger_commitment.contract",
            "ledger_commitment.version",
            "ledger_commitment.epoch",
            "ledger_commitment.attempt",
        ],
        name="ledger_commitment_outcome_is_of_a_commitment",
    ),
    CheckConstraint(
        "outcome IN ('activated', 'vetoed')", name="ledger_commitment_outcome_is_known"
    ),
)

RESERVATION = Table(
    "reservation",
    SQLModel.metadata,
    Column("op_id", Hash32Column, nullable=False),
    _version(),
    Column("attempt", BigInteger, nullable=False),
    Column("entry_id", Hash32Column, ForeignKey("journal_entry.id"), nullable=False, unique=True),
    Column("previous_attempt", BigInteger, Computed("NULLIF(attempt - 1, 0)", persisted=True)),
    PrimaryKeyConstraint("op_id", "version", "attempt"),
    ForeignKeyConstraint(
        ["op_id", "version"],
        ["ledger_leaf.op_id", "ledger_leaf.version"],
        name="reservation_is_of_a_leaf",
    ),
    CheckConstraint("attempt >= 1", name="reservation_attempt_counts_from_one"),
)

RESERVATION_OUTCOME = Table(
    "reservation_outcome",
    SQLModel.metadata,
    Column("op_id", Hash32Column, nullable=False),
    _version(),
    Column("attempt", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("block_number", BigInteger),
    Column("log_index", BigInteger),
    _recorded_at(),
    PrimaryKeyConstraint("op_id", "version", "attempt"),
    ForeignKeyConstraint(
        ["op_id", "version", "attempt"],
        ["reservation.op_id", "reservation.version", "reservation.attempt"],
        name="reservation_outcome_is_of_a_reservation",
    ),
    CheckConstraint(
        "(outcome = 'posted' AND block_number IS NOT NULL AND log_index IS NOT NULL)"
        " OR (outcome = 'voided' AND block_number IS NULL AND log_index IS NULL)",
        name="reservation_outcome_is_known",
    ),
)

CURSOR = Table(
    "ledger_cursor",
    SQLModel.metadata,
    *_book(),
    _version(),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("parent_hash", Hash32Column, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "contract", "version"),
)

REWIND = Table(
    "ledger_rewind",
    SQLModel.metadata,
    *_book(),
    _version(),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("reason", Text, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("chain_id", "contract", "version"),
    CheckConstraint("version >= 1", name="ledger_rewind_version_counts_from_one"),
    CheckConstraint("reason <> ''", name="ledger_rewind_has_a_reason"),
)
"""What ended the version before, and began this one: the block is the last that still stands."""

APPEND_ONLY = (
    ACCOUNT,
    JOURNAL_ENTRY,
    POSTING,
    LEAF,
    COMMITMENT,
    COMMITMENT_OUTCOME,
    RESERVATION,
    RESERVATION_OUTCOME,
    REWIND,
)

_REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'the books are append-only, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$
"""

_ENTRY_IS_WHOLE = """
CREATE OR REPLACE FUNCTION ledger_entry_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM posting WHERE entry_id = NEW.id) <> NEW.posting_count THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'journal entry lacks postings, ' || encode(NEW.id, 'hex');
    END IF;
    RETURN NULL;
END $$
"""

_CURSOR_NEVER_BACK = """
CREATE OR REPLACE FUNCTION ledger_cursor_never_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.block_number < OLD.block_number THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'the ledger cursor never moves back, not to ' || NEW.block_number;
    END IF;
    RETURN NEW;
END $$
"""

EXTRA_DDL: tuple[str, ...] = (
    _REFUSE_CHANGE,
    *(
        f"CREATE TRIGGER {table.name}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
        for table in APPEND_ONLY
    ),
    _ENTRY_IS_WHOLE,
    "CREATE CONSTRAINT TRIGGER journal_entry_is_whole AFTER INSERT ON journal_entry"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_is_whole()",
    _CURSOR_NEVER_BACK,
    "CREATE TRIGGER ledger_cursor_moves_on BEFORE UPDATE ON ledger_cursor"
    " FOR EACH ROW EXECUTE FUNCTION ledger_cursor_never_back()",
    "ALTER TABLE reservation ADD CONSTRAINT reservation_follows_an_ended_one"
    " FOREIGN KEY (op_id, version, previous_attempt)"
    " REFERENCES reservation_outcome (op_id, version, attempt)",
)
"""What SQLAlchemy cannot say; run in order, once, after the tables are made."""
