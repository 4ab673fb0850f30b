"""The table of the emergency stop: append-only, kept for ever, the newest row counts."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, Table, Text, func
from sqlmodel import SQLModel

SIGNING_SWITCH = Table(
    "signing_switch",
    SQLModel.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("position", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_by", Text, nullable=False, server_default=func.session_user()),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("position IN ('stop', 'resume')", name="signing_switch_position"),
    CheckConstraint("btrim(reason) <> ''", name="signing_switch_reason"),
)

EXTRA_DDL: tuple[str, ...] = (
    "CREATE TRIGGER signing_switch_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
    " ON signing_switch FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change()",
)
"""The function is one of `tables`, whose DDL comes before."""
