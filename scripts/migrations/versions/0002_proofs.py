"""Proofs of completeness, token balances, providers' statements, and where each indexer stands.

Facts are emptied: they gain columns that only the chain can fill, and are read from it again.
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_PARTS = ("facts", "evidence", "certificates", "status", "ledger", "payouts")


def upgrade() -> None:
    # The driver's own cursor: SQLAlchemy would read a percent sign as a parameter.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    for part in _PARTS:
        driver.execute((_SQL / f"0002_{part}.sql").read_text())
