"""Gas receipts, balance totals of large books, payments by name, wallets that are asked again."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_PARTS = (
    "access",
    "gas",
    "ledger",
    "payments",
)


def upgrade() -> None:
    # The driver's own cursor: SQLAlchemy would read a percent sign as a parameter.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    for part in _PARTS:
        driver.execute((_SQL / f"0005_{part}.sql").read_text())
