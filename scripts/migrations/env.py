"""Alembic's environment: connection from `upgrade`, models from `tables`."""

from alembic import context

from scripts.tables import METADATA


def run_migrations() -> None:
    """Run on the connection that the caller put into the configuration."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


run_migrations()
