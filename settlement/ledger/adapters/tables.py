"""Tables of the books, and the rules that Postgres itself enforces.

- **An entry cannot be out of balance.** A row of `posting` is one unsigned amount with a debited
  and a credited account, both required and different. Whatever rows there are, the debits of an
  asset equal its credits, in every entry and in the whole book; no statement can say otherwise.
- **An entry is whole.** It says how many postings it has. They are inserted before it, and triggers
  refuse an entry that says otherwise than they do, and, at commit, postings without their entry;
  numbered postings leave no room for one more, ever.
- **Everything stays in its book.** Triggers refuse a posting between accounts that are not there or
  not of one book, and an entry, line or link of another. They look at a whole statement: row by
  row they would take most of the time of a load.
- **Nothing is changed.** UPDATE, DELETE and TRUNCATE are refused on every table but the cursor, by
  triggers, and not granted to the role that processes write as (`writer_role`). The cursor never
  moves back.
- **One open reservation of a leaf.** Attempt n refers to attempt n - 1 as ended.
- **Versions.** A row of `ledger_rewind` begins a version of a book, 0 needs none. Each table has
  its rows by version, so a leaf, a commitment and the cursor may stand once in every version.
- Amounts are above zero and below 2²⁵⁶; an account has exactly the attributes of its kind.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column
from contracts.units import UINT256_MAX
from settlement.ledger.accounts import DIMENSIONS
from settlement.ledger.adapters.columns import (
    append_only_ddl,
    book_columns,
    recorded_at,
    statement_ddl,
    version_column,
)
from settlement.ledger.adapters.line_tables import DOCUMENT, LINE
from settlement.ledger.adapters.trigger_functions import (
    CURSOR_NEVER_BACK,
    ENTRY_IS_WHOLE,
    LINE_IS_OWED,
    NEWEST_ENTRY,
    POSTINGS_ARE_COUNTED,
    POSTINGS_HAVE_ENTRIES,
    REFUSE_CHANGE,
)

_ATTRIBUTES = ("epoch", "work_id", "part", "payee")


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


def _by_account(name: str, account: str) -> Index:
    """Balances are sums over a stretch of these, without a look at the rows.

    What came late has a stretch of its own, so that no plan reads through all else to find it.
    """
    columns = (account, "asset", "version", "is_late", "effective_block")
    return Index(name, *columns, postgresql_include=["amount", "status"])


ACCOUNT = Table(
    "ledger_account",
    SQLModel.metadata,
    Column("id", Hash32Column, primary_key=True),
    *book_columns(),
    Column("kind", Text, nullable=False),
    Column("epoch", BigInteger),
    Column("work_id", Hash32Column),
    Column("part", BigInteger),
    Column("payee", AddressColumn),
    CheckConstraint(_shape_of_kinds(), name="ledger_account_has_the_attributes_of_its_kind"),
    UniqueConstraint(
        "chain_id",
        "contract",
        "work_id",
        "payee",
        "epoch",
        "part",
        "kind",
        name="ledger_account_is_unique",
        postgresql_nulls_not_distinct=True,
    ),
    Index("ledger_account_by_payee", "chain_id", "contract", "payee"),
)
"""That an account is unique is also the index by which those of a work are found."""

JOURNAL_ENTRY = Table(
    "journal_entry",
    SQLModel.metadata,
    Column("id", Hash32Column, primary_key=True),
    *book_columns(),
    Column("source_kind", Text, nullable=False),
    Column("source_id", LargeBinary, nullable=False),
    Column("leg", Integer, nullable=False),
    version_column(),
    Column("status", Text, nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("block_number", BigInteger),
    Column("block_hash", Hash32Column),
    Column("posting_count", Integer, nullable=False),
    Column("content_digest", Hash32Column, nullable=False),
    recorded_at(),
    Column("effective_block", BigInteger, nullable=False),
    Column("booked_at", BigInteger, nullable=False),
    Column("period", Integer, nullable=False),
    Column("arrival", BigInteger, Identity(always=True), nullable=False),
    CheckConstraint("status IN ('pending', 'posted')", name="journal_entry_status_is_known"),
    CheckConstraint("posting_count > 0", name="journal_entry_is_not_empty"),
    CheckConstraint("version >= 0", name="journal_entry_version_counts_from_zero"),
    CheckConstraint(
        "(block_number IS NULL) = (block_hash IS NULL)", name="journal_entry_evidence_is_whole"
    ),
    CheckConstraint(
        "block_number IS NULL OR block_number = effective_block",
        name="journal_entry_takes_effect_with_its_evidence",
    ),
    CheckConstraint(
        "booked_at >= effective_at", name="journal_entry_is_not_booked_before_its_time"
    ),
    CheckConstraint("period % 100 BETWEEN 1 AND 12", name="journal_entry_period_is_a_month"),
    Index("journal_entry_in_time", "chain_id", "contract", "effective_at", "id"),
    Index("journal_entry_by_arrival", "chain_id", "contract", "arrival"),
    Index("journal_entry_by_block", "chain_id", "contract", "effective_block"),
)
"""`booked_at` is the chain time at which the books learned of an entry, `period` the month that it
counts for, `arrival` its place in the order of recording, in which writers of a book take turns."""

POSTING = Table(
    "posting",
    SQLModel.metadata,
    Column("entry_id", Hash32Column, nullable=False),
    Column("ordinal", Integer, nullable=False),
    version_column(),
    Column("status", Text, nullable=False),
    Column("posting_count", Integer, nullable=False),
    Column("asset", AddressColumn, nullable=False),
    Column("amount", Uint256Column, nullable=False),
    Column("debit_account", Hash32Column, nullable=False),
    Column("credit_account", Hash32Column, nullable=False),
    Column("effective_block", BigInteger, nullable=False),
    Column("is_late", Boolean, nullable=False),
    PrimaryKeyConstraint("entry_id", "ordinal"),
    CheckConstraint(
        "ordinal >= 0 AND ordinal < posting_count", name="posting_has_a_place_in_its_entry"
    ),
    CheckConstraint(
        f"amount > 0 AND amount <= {UINT256_MAX}", name="posting_amount_is_a_uint256_above_zero"
    ),
    CheckConstraint("debit_account <> credit_account", name="posting_moves_between_two_accounts"),
    _by_account("posting_by_debit", "debit_account"),
    _by_account("posting_by_credit", "credit_account"),
)
"""`is_late` where the posting takes effect at or below a block that balances were drawn at."""

LEAF = Table(
    "ledger_leaf",
    SQLModel.metadata,
    Column("op_id", Hash32Column, nullable=False),
    version_column(),
    *book_columns(),
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
    *book_columns(),
    version_column(),
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
    *book_columns(),
    version_column(),
    Column("epoch", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    recorded_at(),
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
    version_column(),
    Column("attempt", BigInteger, nullable=False),
    Column("entry_id", Hash32Column, ForeignKey("journal_entry.id"), nullable=False, unique=True),
    Column("previous_attempt", BigInteger, Computed("NULLIF(attempt - 1, 0)", persisted=True)),
    Column("is_line", Boolean, nullable=False, server_default=false()),
    Column("leaf", Hash32Column, Computed("CASE WHEN NOT is_line THEN op_id END", persisted=True)),
    Column("line", Hash32Column, Computed("CASE WHEN is_line THEN op_id END", persisted=True)),
    PrimaryKeyConstraint("op_id", "version", "attempt"),
    ForeignKeyConstraint(
        ["leaf", "version"],
        ["ledger_leaf.op_id", "ledger_leaf.version"],
        name="reservation_is_of_a_leaf",
    ),
    ForeignKeyConstraint(
        ["line", "version"],
        ["ledger_line.op_id", "ledger_line.version"],
        name="reservation_is_of_a_line",
    ),
    CheckConstraint("attempt >= 1", name="reservation_attempt_counts_from_one"),
)

RESERVATION_OUTCOME = Table(
    "reservation_outcome",
    SQLModel.metadata,
    Column("op_id", Hash32Column, nullable=False),
    version_column(),
    Column("attempt", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("block_number", BigInteger),
    Column("log_index", BigInteger),
    recorded_at(),
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
    *book_columns(),
    version_column(),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("parent_hash", Hash32Column, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "contract", "version"),
)

REWIND = Table(
    "ledger_rewind",
    SQLModel.metadata,
    *book_columns(),
    version_column(),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("reason", Text, nullable=False),
    recorded_at(),
    PrimaryKeyConstraint("chain_id", "contract", "version"),
    CheckConstraint("version >= 1", name="ledger_rewind_version_counts_from_one"),
    CheckConstraint("reason <> ''", name="ledger_rewind_has_a_reason"),
)
"""What ended the version before, and began this one: the block is the last that still stands."""

UNMATCHED = Table(
    "ledger_unmatched",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "written_by",
        BigInteger,
        nullable=False,
        server_default=text("pg_current_xact_id()::text::bigint"),
    ),
    Column("postings", BigInteger, nullable=False),
)
"""Postings less those that entries count, by the transaction that is adding them; empty between."""

APPEND_ONLY = (
    ACCOUNT,
    JOURNAL_ENTRY,
    POSTING,
    LEAF,
    LINE,
    DOCUMENT,
    COMMITMENT,
    COMMITMENT_OUTCOME,
    RESERVATION,
    RESERVATION_OUTCOME,
    REWIND,
)

EXTRA_DDL: tuple[str, ...] = (
    REFUSE_CHANGE,
    *(append_only_ddl(table) for table in APPEND_ONLY),
    ENTRY_IS_WHOLE,
    statement_ddl(JOURNAL_ENTRY, "journal_entry_is_whole", "ledger_entry_is_whole"),
    POSTINGS_ARE_COUNTED,
    statement_ddl(POSTING, "posting_is_counted", "ledger_postings_are_counted"),
    POSTINGS_HAVE_ENTRIES,
    "CREATE CONSTRAINT TRIGGER posting_is_of_an_entry AFTER INSERT ON ledger_unmatched"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    " EXECUTE FUNCTION ledger_postings_have_entries()",
    *(
        f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC"
        for name in (
            "ledger_entry_is_whole",
            "ledger_postings_are_counted",
            "ledger_postings_have_entries",
        )
    ),
    NEWEST_ENTRY,
    LINE_IS_OWED,
    statement_ddl(LINE, "ledger_line_is_owed", "ledger_line_is_owed"),
    CURSOR_NEVER_BACK,
    "CREATE TRIGGER ledger_cursor_moves_on BEFORE UPDATE ON ledger_cursor"
    " FOR EACH ROW EXECUTE FUNCTION ledger_cursor_never_back()",
    "ALTER TABLE reservation ADD CONSTRAINT reservation_follows_an_ended_one"
    " FOREIGN KEY (op_id, version, previous_attempt)"
    " REFERENCES reservation_outcome (op_id, version, attempt)",
)
"""What SQLAlchemy cannot say; run in order, once, after the tables are made."""
