"""Payments, tickets, gates and sessions; sealed books; discrepancies with a history; statements."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_PARTS = (
    "facts",
    "access",
    "entitlements",
    "payouts",
    "statements",
    "payments",
    "ledger",
    "reconciliation",
)


def upgrade() -> None:
    # The driver's own cursor: SQLAlchemy would read a percent sign as a parameter.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    for part in _PARTS:
        driver.execute((_SQL / f"0004_{part}.sql").read_text())
