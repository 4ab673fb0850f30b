"""Tables of payout wallets: what each transaction cost, what for, and how far that is recorded.

All but the cursor are append-only. The opening says from which block and nonce on the record of a
wallet is whole, the cursor up to which.

Where a finalized block was replaced nevertheless, a retraction takes back what is recorded of the
blocks above one: a row stands unless a retraction of a later version is of a block below it. What
is recorded afterwards has that version, and the version has its own cursor.

What a transaction was for follows from its bytes alone, so it has no version: whichever block the
transaction is in, `payout_gas_operation` names the operations of its calldata.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column


def _wallet_columns() -> tuple[Column[Any], ...]:
    return (
        Column("chain_id", BigInteger, nullable=False),
        Column("sender", AddressColumn, nullable=False),
        Column("version", Integer, nullable=False),
    )


def _block_columns() -> tuple[Column[Any], ...]:
    return (
        Column("block_number", BigInteger, nullable=False),
        Column("block_hash", Hash32Column, nullable=False),
        Column("parent_hash", Hash32Column, nullable=False),
        Column("block_timestamp", BigInteger, nullable=False),
    )


def _recorded_at() -> Column[datetime]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


PAYOUT_WALLET_OPENING = Table(
    "payout_wallet_opening",
    SQLModel.metadata,
    *_wallet_columns(),
    Column("nonce", BigInteger, nullable=False),
    Column("balance_wei", Uint256Column, nullable=False),
    *_block_columns(),
    _recorded_at(),
    PrimaryKeyConstraint("chain_id", "sender", "version"),
    CheckConstraint("nonce >= 0", name="payout_wallet_opening_nonce"),
)

PAYOUT_WALLET_CURSOR = Table(
    "payout_wallet_cursor",
    SQLModel.metadata,
    *_wallet_columns(),
    Column("nonce", BigInteger, nullable=False),
    *_block_columns(),
    PrimaryKeyConstraint("chain_id", "sender", "version"),
    CheckConstraint("nonce >= 0", name="payout_wallet_cursor_nonce"),
)

PAYOUT_GAS = Table(
    "payout_gas",
    SQLModel.metadata,
    *_wallet_columns(),
    Column("nonce", BigInteger, nullable=False),
    Column("tx_hash", Hash32Column, nullable=False),
    Column("recipient", AddressColumn),
    Column("value_wei", Uint256Column, nullable=False),
    Column("is_success", Boolean, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash32Column, nullable=False),
    Column("block_timestamp", BigInteger, nullable=False),
    Column("gas_used", BigInteger, nullable=False),
    Column("effective_gas_price_wei", Uint256Column, nullable=False),
    Column("l1_fee_wei", Uint256Column, nullable=False),
    Column("other_fee_wei", Uint256Column, nullable=False, server_default=text("0")),
    _recorded_at(),
    PrimaryKeyConstraint("chain_id", "sender", "nonce", "version"),
    CheckConstraint("nonce >= 0 AND gas_used > 0", name="payout_gas_is_of_a_transaction"),
    CheckConstraint("is_success OR value_wei = 0", name="payout_gas_reverted_sends_nothing"),
    Index("payout_gas_by_block", "chain_id", "sender", "block_number"),
)

PAYOUT_GAS_OPERATION = Table(
    "payout_gas_operation",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("tx_hash", Hash32Column, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("op_id", Hash32Column, nullable=False),
    Column("kind", Text, nullable=False),
    Column("epoch", BigInteger),
    _recorded_at(),
    PrimaryKeyConstraint("chain_id", "tx_hash", "ordinal"),
    CheckConstraint("ordinal >= 0", name="payout_gas_operation_counts_from_zero"),
    Index("payout_gas_operation_by_op_id", "op_id"),
)
"""Operations of a transaction, ascending by op-id; the cost is theirs in equal parts, and what does
not divide goes to the first ones. `epoch` is of those that belong to one."""

PAYOUT_WALLET_RETRACTION = Table(
    "payout_wallet_retraction",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("chain_id", "version"),
    CheckConstraint("version >= 1", name="payout_wallet_retraction_version_counts_from_one"),
)
"""What was taken back was seen above this block, which is the last one that still stands."""

TABLES = (
    PAYOUT_WALLET_OPENING,
    PAYOUT_WALLET_CURSOR,
    PAYOUT_GAS,
    PAYOUT_GAS_OPERATION,
    PAYOUT_WALLET_RETRACTION,
)

RETENTION: dict[str, str] = dict.fromkeys(
    (table.name for table in TABLES), "as long as the books: entries of gas are made from it"
)
"""How long each of these tables is kept. Nothing here is deleted by the product."""

EXTRA_DDL: tuple[str, ...] = tuple(
    f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
    f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change()"
    for table in TABLES
    if table is not PAYOUT_WALLET_CURSOR
)
"""The function is that of `tables.EXTRA_DDL`, which comes before."""
