"""Closed months under seals, contracts added to an index, ticket holders, signed documents."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_PARTS = ("closes", "sources", "tickets", "documents")


def upgrade() -> None:
    # The driver's own cursor: SQLAlchemy would read a percent sign as a parameter.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    for part in _PARTS:
        driver.execute((_SQL / f"0007_{part}.sql").read_text())
