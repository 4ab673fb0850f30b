"""Facts, royalties, ledger, payouts and reconciliation: the first schema, as frozen SQL."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_PARTS = ("facts", "royalties", "ledger", "payouts", "reconciliation")


def upgrade() -> None:
    # The driver's own cursor: SQLAlchemy would read a percent sign as a parameter.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    for part in _PARTS:
        driver.execute((_SQL / f"0001_{part}.sql").read_text())
