"""The composition root, as far as all processes share it: the database and its schema.

`bootstrap_indexer` builds the indexer of a chain, `bootstrap_settlement` the jobs of a settlement;
they are apart so that a process imports only what it runs.
"""

import psycopg
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from scripts.errors import DatabaseUnusable
from settlement.ledger.adapters.writer_role import ASSUME_WRITER, WRITER_STANDS

SCHEMA_HEAD = "0008"
"""The newest revision in `scripts/migrations/versions`."""

_POSTGRES_MIN = 15
"""The oldest major version that the migrations were run on."""


def open_database(url: str) -> Engine:
    """An engine for a libpq URL (`postgresql://…`), whose connections may only add to the books.

    See `settlement.ledger.adapters.writer_role`.
    """
    engine = _open_as_owner(url)
    event.listen(engine, "connect", _assume_writer)
    return engine


def _open_as_owner(url: str) -> Engine:
    """An engine that may do whatever the login may."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=5, pool_pre_ping=True
    )


def _assume_writer(connection: psycopg.Connection[tuple[object, ...]], _record: object) -> None:
    connection.execute(ASSUME_WRITER)
    connection.commit()


def migrate(url: str) -> None:
    """Bring the schema up to date, in one transaction; does nothing if it is.

    Raises:
        DatabaseUnusable: it is not ours, newer than we are, of a Postgres that is too old, of
            another encoding, or refuses; it is as it was.
    """
    engine = _open_as_owner(url)
    try:
        if not _is_up_to_date(engine):
            _require_usable(engine)
            from scripts.migrations.upgrade import upgrade  # noqa: PLC0415 - Alembic, seldom needed

            upgrade(engine)
    except OperationalError:
        raise
    except DBAPIError as error:
        raise DatabaseUnusable(str(error.orig)) from error
    except psycopg.Error as error:  # the migrations speak to the driver itself
        raise DatabaseUnusable(str(error)) from error
    finally:
        engine.dispose()


def _require_usable(engine: Engine) -> None:
    """Refuse what the schema cannot stand on.

    Raises:
        DatabaseUnusable: saying what is needed.
    """
    with engine.connect() as connection:
        version = connection.scalar(text("SELECT current_setting('server_version_num')::int"))
        encoding = connection.scalar(text("SHOW server_encoding"))
    if version // 10_000 < _POSTGRES_MIN:
        raise DatabaseUnusable(
            f"its server is Postgres {version // 10_000}; {_POSTGRES_MIN} or newer is needed"
        )
    if encoding != "UTF8":
        raise DatabaseUnusable(
            f"its encoding is {encoding}; create it with ENCODING 'UTF8' TEMPLATE template0"
        )


def _is_up_to_date(engine: Engine) -> bool:
    """Whether the database says that it has the newest revision, no other, and its writers."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return False
        held = connection.scalars(text("SELECT version_num FROM alembic_version"))
        return held.all() == [SCHEMA_HEAD] and bool(connection.scalar(text(WRITER_STANDS)))
