"""The role that processes write as: what it may, with every trigger off, and how it is made.

Subjects: settlement.ledger.adapters.writer_role, settlement.ledger.adapters.protections,
scripts.migrations.grants, scripts.bootstrap.
"""

import asyncio
import logging

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from api.adapters.direct import new_direct_pool
from api.adapters.snapshot import NewPool, new_pool
from scripts.bootstrap import migrate, open_database
from scripts.migrations import grants
from settlement.ledger.adapters import schema
from settlement.ledger.adapters.protections import protections
from settlement.ledger.adapters.writer_role import WRITER

SUBJECTS = (grants,)
CHANGES = ("UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE")


def by_owner(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement))


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def login(url: str, name: str) -> str:
    """The address of the same database for somebody else."""
    return url.replace("user=postgres", f"user={name}")


_AROUND = (
    "ALTER TABLE posting DISABLE TRIGGER posting_is_append_only",
    "DROP TRIGGER posting_is_append_only ON posting",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'",
    "DROP TABLE ledger_seal",
    "UPDATE alembic_version SET version_num = '0001'",
)


def test_writer__every_trigger_off__may_still_not_change_the_books(
    database: str, engine: Engine
) -> None:
    books = {table.name: next(iter(table.c)).name for table in schema.APPEND_ONLY}
    by_owner(database, *(f"ALTER TABLE {name} DISABLE TRIGGER ALL" for name in books))

    for name, column in books.items():
        for change in CHANGES:
            with pytest.raises(ProgrammingError, match="permission denied for"):
                run(engine, change.format(name, column, column))


def test_writer__ways_around_the_triggers__closed(engine: Engine) -> None:
    for statement in _AROUND:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            run(engine, statement)


def test_writer__facts_and_cursors__may_be_deleted_by_a_reorg(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ("block", "log", "fact_epoch_funded", "ledger_cursor", "access_session"):
            if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is not None:
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - constants
        books = protections(connection)

    assert [each.table for each in books] == sorted(table.name for table in schema.APPEND_ONLY)
    assert all(each.by_permission and each.by_trigger for each in books)


def test_grants__every_table__what_a_trigger_refuses_is_not_granted(database: str) -> None:
    """Whoever adds a table has granted rightly already."""
    other: dict[str, list[str]] = {
        "payment_verdict": ["DELETE"],  # row by row, as far as a trigger lets them go
        "ledger_unmatched": [],  # written by functions that run as the owner
    }
    query = """
        SELECT c.relname, array(
            SELECT r FROM unnest('{UPDATE,DELETE,TRUNCATE}'::text[]) r
            WHERE has_table_privilege('quittance_writer', c.oid, r)
        ), EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 56 = 56)
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
          AND c.relname <> 'alembic_version'
    """
    with psycopg.connect(database) as connection:
        rows = connection.execute(query).fetchall()

    assert len(rows) > 100
    for name, granted, is_append_only in rows:
        wanted = [] if is_append_only else ["UPDATE", "DELETE"]
        assert granted == other.get(name, wanted), name


@pytest.mark.parametrize("new", [new_pool, new_direct_pool])
def test_pools__of_the_api__write_as_the_writer(database: str, new: NewPool) -> None:
    async def who() -> str:
        pool = new(database, connections_max=1, wait_s=5, statement_timeout_ms=1000)
        async with pool, pool.connection() as connection:
            row = await (await connection.execute("SELECT current_user")).fetchone()
            return str(row[0]) if row else ""

    assert asyncio.run(who()) == WRITER


def test_migrate__restored_without_privileges__granted_again(database: str) -> None:
    by_owner(
        database,
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {WRITER}",
    )

    migrate(database)

    engine = open_database(database)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_user")) == WRITER
    engine.dispose()


def test_migrate__owner_who_may_make_no_roles__said_once_and_triggers_remain(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = empty_database.partition("?")[0].rpartition("/")[2]
    owner = f"owner_{name}"
    by_owner(
        empty_database,
        f"CREATE ROLE {owner} LOGIN",
        f"ALTER DATABASE {name} OWNER TO {owner}",
        f"GRANT ALL ON SCHEMA public TO {owner}",
    )
    url = login(empty_database, owner)

    with caplog.at_level(logging.WARNING):
        migrate(url)

    (said,) = [each.message for each in caplog.records if "role of writers" in each.message]
    assert said.startswith("books are append-only by triggers alone")
    engine = open_database(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_user")) == owner
        assert not any(each.by_permission for each in protections(connection))
        with pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text("DELETE FROM posting"))
    engine.dispose()


def test_writer__login_that_owns_nothing__has_no_way_out(database: str) -> None:
    """As in production: the owner migrates, and the processes log in as a mere member."""
    name = database.partition("?")[0].rpartition("/")[2]
    app = f"app_{name}"
    by_owner(database, f"CREATE ROLE {app} LOGIN IN ROLE {WRITER}")
    url = login(database, app)

    migrate(url)

    engine = open_database(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_user")) == WRITER
        connection.execute(text("RESET ROLE"))
        assert connection.scalar(text("SELECT current_user")) == app
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("DELETE FROM posting"))
    engine.dispose()
