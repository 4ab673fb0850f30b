"""Tables of lines of lists: tips that are owed, and accepted documents."""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlmodel import SQLModel

from contracts.columns import AddressColumn, Hash32Column, Uint256Column
from settlement.ledger.adapters.columns import book_columns, recorded_at, version_column

LINE = Table(
    "ledger_line",
    SQLModel.metadata,
    Column("op_id", Hash32Column, nullable=False),
    version_column(),
    *book_columns(),
    Column("list_id", Hash32Column, nullable=False),
    Column("list_index", Uint256Column, nullable=False),
    Column("payee", AddressColumn, nullable=False),
    Column("asset", AddressColumn, nullable=False),
    Column("amount", Uint256Column, nullable=False),
    Column("payer", AddressColumn),
    Column("owed_since", BigInteger, nullable=False),
    Column("account_id", Hash32Column, nullable=False),
    Column("entry_id", Hash32Column, nullable=False),
    PrimaryKeyConstraint("op_id", "version"),
    UniqueConstraint(
        "chain_id", "contract", "list_id", "list_index", "version", name="ledger_line_is_unique"
    ),
)
"""A tip, or a line of a document, that became owed; `account_id` is its own account."""

DOCUMENT = Table(
    "ledger_document",
    SQLModel.metadata,
    *book_columns(),
    version_column(),
    Column("list_id", Hash32Column, nullable=False),
    Column("digest", Hash32Column, nullable=False),
    recorded_at(),
    PrimaryKeyConstraint("chain_id", "contract", "version", "list_id"),
)
"""An accepted document whose lines are booked."""
