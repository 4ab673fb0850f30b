"""Tables of payments: intents, submissions, claims, the history of verdicts, and what to look at.

The first four are append-only: triggers refuse UPDATE, DELETE and TRUNCATE. Only what is in
`payment_forgettable` may be deleted: intents of more than a week ago that nobody paid in time, with
what was told about them (`settlement.payments.forgetting`).
`payment_claim_place_once` is the rule that a payment serves one order, ever: one row for a log of a
transaction, by the name that `naming.py` gives it. `attempt` counts the claims of one intent: a
second one is made only where a reorg took the first, and two requests that make the same one at
once meet at the primary key.

An intent's id is the hash of its content. `order_id` is what the payer's transaction must name.
The newest row of `payment_verdict` says where a submission stood when it was looked at last; where
it stands now follows from the facts.
"""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column
from settlement.payments.policies import OF_MONEY
from settlement.payments.states import State


def _recorded_at() -> Column[datetime]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


_STATES = ", ".join(f"'{state.value}'" for state in State)

PAYMENT_INTENT = Table(
    "payment_intent",
    SQLModel.metadata,
    Column("intent_id", Hash32Column, primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("family", Text, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("payer", AddressColumn),
    Column("payee", AddressColumn, nullable=False),
    Column("subject", Hash32Column),
    Column("tier_id", BigInteger),
    Column("asset", AddressColumn, nullable=False),
    Column("amount", Uint256Column, nullable=False),
    Column("fee_treasury", AddressColumn),
    Column("fee_minimum", Uint256Column),
    Column("fee_bps", Integer),
    Column("stated_order", Hash32Column),
    Column("order_id", Hash32Column),
    Column("reference", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    _recorded_at(),
    CheckConstraint("amount > 0", name="payment_intent_amount"),
    CheckConstraint("since >= 0 AND since < until", name="payment_intent_times"),
    CheckConstraint(
        "num_nulls(fee_treasury, fee_minimum, fee_bps) IN (0, 3)", name="payment_intent_fee_terms"
    ),
    Index("payment_intent_order", "chain_id", "contract", "order_id", "recorded_at"),
    Index("payment_intent_payer", "chain_id", "payer", "subject", "recorded_at"),  # entitlements
    Index("payment_intent_until", "chain_id", "until"),
)

PAYMENT_SUBMISSION = Table(
    "payment_submission",
    SQLModel.metadata,
    Column("intent_id", Hash32Column, ForeignKey(PAYMENT_INTENT.c.intent_id), nullable=False),
    Column("transaction_hash", Hash32Column, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("intent_id", "transaction_hash"),
)

PAYMENT_CLAIM = Table(
    "payment_claim",
    SQLModel.metadata,
    Column("intent_id", Hash32Column, ForeignKey(PAYMENT_INTENT.c.intent_id), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("transaction_hash", Hash32Column, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("topic0", Hash32Column, nullable=False),
    Column("key", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("intent_id", "attempt"),
    UniqueConstraint(
        "chain_id",
        "transaction_hash",
        "contract",
        "topic0",
        "key",
        "ordinal",
        name="payment_claim_place_once",
    ),
    CheckConstraint("attempt >= 0 AND ordinal >= 0", name="payment_claim_counts_from_zero"),
)

PAYMENT_VERDICT = Table(
    "payment_verdict",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("intent_id", Hash32Column, nullable=False),
    Column("transaction_hash", Hash32Column, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_terminal", Boolean, nullable=False),
    Column("outcome", Text),
    Column("failed", ARRAY(Text), nullable=False),
    Column("source", Text),
    Column("block_number", BigInteger),
    Column("block_hash", Hash32Column),
    Column("log_index", BigInteger),
    Column("reason", Text, nullable=False),
    _recorded_at(),
    ForeignKeyConstraint(
        ["intent_id", "transaction_hash"],
        [PAYMENT_SUBMISSION.c.intent_id, PAYMENT_SUBMISSION.c.transaction_hash],
        name="payment_verdict_submission",
    ),
    CheckConstraint(f"state IN ({_STATES})", name="payment_verdict_state"),
    CheckConstraint("state <> 'final' OR is_terminal", name="payment_verdict_final_is_the_end"),
    CheckConstraint(
        "num_nulls(block_number, block_hash) IN (0, 2)", name="payment_verdict_block_is_whole"
    ),
    Index("payment_verdict_submission_last", "intent_id", "transaction_hash", "id"),
)

PAYMENT_OPEN = Table(
    "payment_open",
    SQLModel.metadata,
    Column("intent_id", Hash32Column, nullable=False),
    Column("transaction_hash", Hash32Column, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("is_woken", Boolean, nullable=False),
    Column("since", BigInteger),
    Column("ask_at", BigInteger),
    Column("ends_at", BigInteger),
    Column("safe_at", BigInteger),
    Column("settles_at", BigInteger),
    Column("block_number", BigInteger),
    Column("block_hash", Hash32Column),
    Column("is_indexed", Boolean, nullable=False),
    PrimaryKeyConstraint("intent_id", "transaction_hash"),
    ForeignKeyConstraint(
        ["intent_id", "transaction_hash"],
        [PAYMENT_SUBMISSION.c.intent_id, PAYMENT_SUBMISSION.c.transaction_hash],
        name="payment_open_submission",
    ),
    CheckConstraint(
        "num_nulls(block_number, block_hash) IN (0, 2)", name="payment_open_block_is_whole"
    ),
    Index("payment_open_woken", "chain_id", postgresql_where=text("is_woken")),
    Index("payment_open_ask_at", "chain_id", "ask_at"),
    Index("payment_open_ends_at", "chain_id", "ends_at"),
    Index("payment_open_safe_at", "chain_id", "safe_at"),
    Index("payment_open_settles_at", "chain_id", "settles_at"),
    Index("payment_open_block", "chain_id", "block_number", "block_hash"),
)
"""`ask_at`, `ends_at` and `since` are block times, `safe_at` and `settles_at` heights."""

PAYMENT_CURSOR = Table(
    "payment_cursor",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("number", BigInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "contract"),
)

APPEND_ONLY = (PAYMENT_INTENT, PAYMENT_SUBMISSION, PAYMENT_CLAIM, PAYMENT_VERDICT)
FORGETTABLE = (PAYMENT_VERDICT, PAYMENT_SUBMISSION, PAYMENT_INTENT)
"""Append-only but for what may be forgotten; in the order in which that is deleted."""

TABLES = (*APPEND_ONLY, PAYMENT_OPEN, PAYMENT_CURSOR)

KEPT_DAYS_MIN = 7
"""So long after it was recorded, and after its end, an intent is kept whatever is configured."""

_OF_MONEY = ", ".join(f"'{name}'" for name in sorted(OF_MONEY))

EXTRA_DDL: tuple[str, ...] = (
    """
    CREATE FUNCTION payment_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$
    """,
    f"CREATE TRIGGER payment_claim_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
    f" ON {PAYMENT_CLAIM.name} FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change()",
    *(
        f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change()"
        for table in FORGETTABLE
    ),
    f"""
    CREATE VIEW payment_forgettable AS
    SELECT i.intent_id FROM payment_intent i
    WHERE i.recorded_at < now() - interval '{KEPT_DAYS_MIN} days'
      AND i.until < extract(epoch FROM now() - interval '{KEPT_DAYS_MIN} days')
      AND NOT EXISTS (SELECT FROM payment_claim c WHERE c.intent_id = i.intent_id)
      AND NOT EXISTS (SELECT FROM payment_open o WHERE o.intent_id = i.intent_id)
      AND NOT EXISTS (
          SELECT FROM payment_verdict v
          WHERE v.intent_id = i.intent_id AND v.outcome IN ({_OF_MONEY}))
    """,  # noqa: S608 - of constants
    """
    CREATE FUNCTION payment_refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM payment_forgettable f WHERE f.intent_id = OLD.intent_id) THEN
            RAISE EXCEPTION '% is append-only: intent % is not to be forgotten',
                TG_TABLE_NAME, encode(OLD.intent_id, 'hex');
        END IF;
        RETURN OLD;
    END $$
    """,
    *(
        f"CREATE TRIGGER {table.name}_kept BEFORE DELETE"
        f" ON {table.name} FOR EACH ROW EXECUTE FUNCTION payment_refuse_loss()"
        for table in FORGETTABLE
    ),
)
