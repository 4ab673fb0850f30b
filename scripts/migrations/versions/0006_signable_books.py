"""Gas by operation, all that a transaction is charged, and intents that may be forgotten."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_PARTS = ("gas", "payments", "payouts", "ledger")


def upgrade() -> None:
    # The driver's own cursor: SQLAlchemy would read a percent sign as a parameter.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    for part in _PARTS:
        driver.execute((_SQL / f"0006_{part}.sql").read_text())
