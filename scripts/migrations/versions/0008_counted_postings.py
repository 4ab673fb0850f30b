"""Postings and entries are counted against each other at commit; the newest entry by its index."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "0008_counted_postings.sql"


def upgrade() -> None:
    # The driver's own cursor: SQLAlchemy would read a percent sign as a parameter.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    driver.execute(_SQL.read_text())
