"""The table of what the last tick of each submitter needs from a person.

One row a settlement, overwritten: what happened before is in the log and in the intents. The row is
for people and monitors; nothing is ever decided by it.
"""

from sqlalchemy import BigInteger, Column, DateTime, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from contracts.columns import AddressColumn

PAYOUT_STANDING = Table(
    "payout_standing",
    SQLModel.metadata,
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", AddressColumn, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("stop", Text),
    Column("needs", JSONB, nullable=False),
    PrimaryKeyConstraint("chain_id", "contract"),
)
"""`updated_at` is the database's own clock; `needs` a list of kind, detail and count."""

RETENTION: dict[str, str] = {PAYOUT_STANDING.name: "overwritten by every tick"}
"""How long the table is kept."""
