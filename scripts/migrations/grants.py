"""What the writers' role may do, granted after every migration.

What a trigger refuses is not granted: a table that refuses UPDATE, DELETE and TRUNCATE gives the
role nothing but SELECT and INSERT. So a new table needs no word here.
"""

import logging

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from settlement.ledger.adapters.writer_role import MAY_ASSUME, WRITER

log = logging.getLogger(__name__)

_ROW_LOCKED = ("payment_intent", "payment_submission")
"""Writers take turns by locking their rows, for which Postgres asks for UPDATE; triggers remain."""

_FORGETTABLE = (*_ROW_LOCKED, "payment_verdict")
"""Of these a trigger lets some rows go, one by one."""

_OWNED = ("alembic_version", "ledger_unmatched")
"""Written by the owner alone, or by functions that run as the owner."""

_GRANT = f"""
DO $$
DECLARE
    one RECORD;
    rights TEXT;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{WRITER}') THEN
        BEGIN
            CREATE ROLE {WRITER} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles are the server's: the migration of another database was faster
        END;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = '{WRITER}' AND {MAY_ASSUME}) THEN
        GRANT {WRITER} TO CURRENT_USER;
    END IF;
    IF NOT has_schema_privilege('{WRITER}', 'public', 'USAGE') THEN
        GRANT USAGE ON SCHEMA public TO {WRITER};
    END IF;
    FOR one IN
        SELECT c.oid::regclass AS name, c.relkind, c.relname, EXISTS (
            SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 57 = 56
        ) AS is_append_only
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
    LOOP
        rights := CASE
            WHEN one.relkind = 'S' THEN 'USAGE ON SEQUENCE'
            WHEN one.relkind = 'v' OR one.relname IN {_OWNED} THEN 'SELECT ON'
            WHEN one.relname IN {_ROW_LOCKED} THEN 'SELECT, INSERT, UPDATE, DELETE ON'
            WHEN one.relname IN {_FORGETTABLE} THEN 'SELECT, INSERT, DELETE ON'
            WHEN one.is_append_only THEN 'SELECT, INSERT ON'
            ELSE 'SELECT, INSERT, UPDATE, DELETE ON'
        END;
        EXECUTE 'GRANT ' || rights || ' ' || one.name || ' TO {WRITER}';
    END LOOP;
END $$
"""  # noqa: S608 - of constants


def grant_writer(connection: Connection) -> None:
    """Make the role and grant to it; where we may not, say so and leave the triggers alone."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(_GRANT)
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        log.warning(
            "books are append-only by triggers alone: the role of writers could not be made, let"
            " an administrator create it",
            extra={"role": WRITER, "reason": str(error.orig).partition("\n")[0]},
        )
