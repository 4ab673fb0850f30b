"""The migrations make exactly the schema that the code's tables describe."""

from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

import scripts.migrations
from scripts.bootstrap import SCHEMA_HEAD, migrate, open_database
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


@pytest.mark.parametrize("also", ["0005", "of another product"])
def test_migrate__newest_revision_and_one_that_we_do_not_know__refused(
    database: str, also: str
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO alembic_version VALUES (%s)", (also,))

    with pytest.raises(DatabaseUnusable, match=also):
        migrate(database)
