"""The role that every process writes as: it may add to the books, and change nothing in them.

`quittance_writer` may read and insert, and may update and delete only where no trigger refuses it:
facts, which a reorg deletes; cursors; sessions. It owns nothing, so it cannot switch a trigger off
either. The migrations make it and grant to it (`scripts.migrations.grants`); every connection of a
process begins with `ASSUME_WRITER`, which is nothing but a look where there is no such role.

A process that logs in as the owner of the tables could still step out of the role by a statement of
its own. Where that must not be, the owner migrates, and the processes log in as somebody who owns
nothing and is a member:

    CREATE ROLE quittance_app LOGIN PASSWORD '…' IN ROLE quittance_writer;

Roles belong to a server, not to a database: make it before a dump is restored on another server
(`CREATE ROLE quittance_writer NOLOGIN`), or restore without privileges; the next command of the
owner grants what is missing.
"""

from typing import Final

WRITER: Final = "quittance_writer"

MAY_ASSUME: Final = """pg_has_role(r.oid, CASE
    WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)"""
"""Whether the session may become role `r`."""

ASSUME_WRITER: Final = f"""
    SELECT set_config('role', r.rolname, false)
    FROM pg_roles r, to_regclass('public.journal_entry') books
    WHERE r.rolname = '{WRITER}'
      AND has_table_privilege(r.oid, books::oid, 'INSERT') AND {MAY_ASSUME}
"""  # noqa: S608 - of constants
"""Makes the session one of the writer, if there is one that the books know and we may be."""

WRITER_STANDS: Final = f"""
    SELECT EXISTS (
        SELECT FROM pg_roles r WHERE r.rolname = '{WRITER}' AND {MAY_ASSUME} AND NOT EXISTS (
            SELECT FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
              AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')
        )
    )
"""  # noqa: S608 - of constants
"""Whether the role is there and sees every table; a dump restored elsewhere may lack it."""
