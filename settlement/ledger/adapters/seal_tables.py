"""Tables of what proves the books: numbered links, seals, and balances drawn at blocks.

All three can be computed again from the journal, and `quittance ledger verify` does.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    text,
)
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, SumColumn
from settlement.ledger.adapters.columns import (
    append_only_ddl,
    book_columns,
    recorded_at,
    statement_ddl,
    version_column,
)
from settlement.ledger.adapters.trigger_functions import LINK_IS_OF_AN_ENTRY

LINK = Table(
    "ledger_link",
    SQLModel.metadata,
    *book_columns(),
    Column("sequence", BigInteger, nullable=False),
    Column("entry_id", Hash32Column, nullable=False, unique=True),
    Column("leaf", Hash32Column, nullable=False),
    Column("link", Hash32Column, nullable=False),
    PrimaryKeyConstraint("chain_id", "contract", "sequence"),
    CheckConstraint("sequence >= 1", name="ledger_link_sequence_counts_from_one"),
)
"""The place of an entry in the chain of its book, in the order of arrival."""

SEAL = Table(
    "ledger_seal",
    SQLModel.metadata,
    *book_columns(),
    Column("epoch", BigInteger, nullable=False),
    Column("first_sequence", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("previous", Hash32Column, nullable=False),
    Column("root", Hash32Column, nullable=False),
    recorded_at(),
    Column("closes", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("chain_id", "contract", "epoch"),
    CheckConstraint(
        "last_sequence >= first_sequence - (closes > 0)::integer", name="ledger_seal_is_not_empty"
    ),
    CheckConstraint("closes >= 0", name="ledger_seal_counts_closes"),
)
"""`closes` of the closed months are under it too, which follow those under the seals before.
Where it is over them alone, `last_sequence` is the number before `first_sequence`."""

CHECKPOINT = Table(
    "ledger_checkpoint",
    SQLModel.metadata,
    Column("account_id", Hash32Column, ForeignKey("ledger_account.id"), nullable=False),
    Column("asset", AddressColumn, nullable=False),
    version_column(),
    Column("block_number", BigInteger, nullable=False),
    Column("debits", SumColumn, nullable=False),
    Column("credits", SumColumn, nullable=False),
    PrimaryKeyConstraint("account_id", "asset", "version", "block_number"),
)
"""Totals of an account's posted postings up to a block, but for late ones."""

CHECKPOINT_MARK = Table(
    "ledger_checkpoint_mark",
    SQLModel.metadata,
    *book_columns(),
    version_column(),
    Column("block_number", BigInteger, nullable=False),
    PrimaryKeyConstraint("chain_id", "contract", "version", "block_number"),
)
"""A block at which balances of a book were drawn; what takes effect there later is late."""

TABLES = (LINK, SEAL, CHECKPOINT, CHECKPOINT_MARK)

EXTRA_DDL: tuple[str, ...] = (
    *(append_only_ddl(table) for table in TABLES),
    LINK_IS_OF_AN_ENTRY,
    statement_ddl(LINK, "ledger_link_is_of_an_entry", "ledger_link_is_of_an_entry"),
)
