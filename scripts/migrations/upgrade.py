"""Runs the migrations that a database lacks, and grants what the writers' role may do."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, text

from scripts.errors import DatabaseUnusable
from scripts.migrations.grants import grant_writer

_LOCK = 0x7175697474616E63  # "quittanc"


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision, in one transaction.

    Raises:
        DatabaseUnusable: it is at a revision that we do not know.
        DBAPIError, psycopg.Error: the database refuses.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    try:
        with engine.begin() as connection:
            # One process migrates, the others wait for it.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            grant_writer(connection)
    except CommandError as error:
        raise DatabaseUnusable(str(error)) from error
