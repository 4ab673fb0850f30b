"""The migrations make exactly the schema that the code's tables describe."""

from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

import scripts.migrations
from scripts.bootstrap import SCHEMA_HEAD, migrate, open_database
from scripts.embedded.postgres import PostgresServer
from scripts.errors import DatabaseUnusable
from scripts.tables import EXTRA_DDL, METADATA

_PARTS = {
    "columns": """
        SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default,
               character_maximum_length, numeric_precision, numeric_scale, is_identity,
               generation_expression
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'alembic_version'
        ORDER BY table_name, column_name""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
          AND conrelid::regclass::text <> 'alembic_version'
        ORDER BY 1, 2""",
    "indexes": """
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1""",
    "triggers": """
        SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal ORDER BY 1, 2""",
    "functions": """
        SELECT proname, prosrc FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
}


def schema_of(url: str) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(url) as connection:
        return {name: connection.execute(query).fetchall() for name, query in _PARTS.items()}


def test_migrations__from_nothing__make_what_the_tables_say(
    database: str, empty_database: str
) -> None:
    engine = open_database(empty_database)
    with engine.begin() as connection:
        METADATA.create_all(connection)
        for statement in EXTRA_DDL:
            connection.execute(text(statement))
    engine.dispose()

    migrated, described = schema_of(database), schema_of(empty_database)

    for part in _PARTS:
        assert migrated[part] == described[part], part
    assert migrated["columns"]


def test_migrate__twice__changes_nothing(database: str) -> None:
    before = schema_of(database)

    migrate(database)

    assert schema_of(database) == before


def test_schema_head__newest_migration() -> None:
    """A database at this revision is not migrated any further."""
    (folder,) = map(Path, scripts.migrations.__path__)

    assert ScriptDirectory(str(folder)).get_current_head() == SCHEMA_HEAD


def test_migrate__database_at_an_older_revision__brought_to_the_newest(empty_database: str) -> None:
    migrate(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")

    migrate(empty_database)

    with psycopg.connect(empty_database) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert found == [(SCHEMA_HEAD,)]
    assert schema_of(empty_database)["columns"]


@pytest.mark.parametrize("also", [f"{int(SCHEMA_HEAD) + 1:04}", "of another product"])
def test_migrate__newest_revision_and_one_that_we_do_not_know__refused(
    database: str, also: str
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO alembic_version VALUES (%s)", (also,))

    with pytest.raises(DatabaseUnusable, match=also):
        migrate(database)


_BEFORE_0005 = """
    INSERT INTO payment_intent (intent_id, chain_id, family, contract, payer, payee, subject, asset,
                                amount, order_id, reference, since, until)
    VALUES ('\\x01', 1, 'ppv', '\\xcc', '\\xaa', '\\xbb', '\\x07', '\\xdd', 5, '\\x01', 'a', 1, 9),
           ('\\x02', 1, 'ppv', '\\xcc', NULL, '\\xbb', '\\x07', '\\xdd', 5, '\\x02', 'b', 1, 9),
           ('\\x03', 1, 'send', '\\xdd', '\\xaa', '\\xbb', NULL, '\\xdd', 5, NULL, 'c', 1, 9),
           ('\\x04', 1, 'send', '\\xdd', '\\xaa', '\\xbb', NULL, '\\xdd', 5, NULL, 'd', 1, 9);
    INSERT INTO payment_submission (intent_id, transaction_hash)
    VALUES ('\\x01', '\\xff'), ('\\x02', '\\xff'), ('\\x03', '\\xff'), ('\\x04', '\\xff');
    INSERT INTO payment_claim (intent_id, attempt, chain_id, transaction_hash, contract, topic0,
                               ordinal)
    VALUES ('\\x01', 0, 1, '\\xff', '\\xcc', '\\x00', 0),
           ('\\x02', 0, 1, '\\xff', '\\xcc', '\\x00', 1),
           ('\\x03', 0, 1, '\\xff', '\\xdd', '\\x09', 4),
           ('\\x04', 0, 1, '\\xff', '\\xdd', '\\x09', 2);
    INSERT INTO payment_verdict (intent_id, transaction_hash, state, is_terminal, failed, reason)
    VALUES ('\\x01', '\\xff', 'received', false, '{}', ''),
           ('\\x01', '\\xff', 'final', true, '{}', ''),
           ('\\x02', '\\xff', 'received', false, '{}', '');
    INSERT INTO access_session (token_digest, address, chain_id, created_at, seen_at, expires_at)
    VALUES (sha256('token'), substr(sha256('account'), 1, 20), 1, 1, 1, 9);
"""
"""Two purchases, two equal transfers of one transaction, and a session."""


def test_migrate__database_of_another_encoding__refused_with_the_way_out(
    postgres_server: PostgresServer,
) -> None:
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' "
            "TEMPLATE template0"
        )
    url = postgres_server.url("latin")

    with pytest.raises(DatabaseUnusable, match="LATIN1; create it with ENCODING 'UTF8'"):
        migrate(url)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,)


def test_migrate__claims_by_place__named_by_what_they_say_and_open_ones_awake(
    empty_database: str,
) -> None:
    (folder,) = map(str, scripts.migrations.__path__)
    config = Config()
    config.set_main_option("script_location", folder)
    engine = create_engine(empty_database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.exec_driver_sql(_BEFORE_0005)
    engine.dispose()

    migrate(empty_database)

    with psycopg.connect(empty_database) as connection:
        claims = connection.execute(
            "SELECT intent_id, key, ordinal FROM payment_claim ORDER BY intent_id"
        ).fetchall()
        still_open = connection.execute(
            "SELECT intent_id, is_woken FROM payment_open ORDER BY intent_id"
        ).fetchall()
        sessions = connection.execute("SELECT count(*) FROM access_session").fetchall()
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute("DELETE FROM payment_claim")
    assert claims == [
        (b"\x01", "aa/01", 0),
        (b"\x02", "/02", 0),
        (b"\x03", "aa/bb/5", 1),
        (b"\x04", "aa/bb/5", 0),
    ]
    assert still_open == [(b"\x02", True), (b"\x03", True), (b"\x04", True)]
    assert sessions == [(0,)]
