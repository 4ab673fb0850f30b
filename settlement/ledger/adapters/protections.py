"""What keeps the tables of the books as they are: permission and triggers, looked up."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from settlement.ledger.adapters.schema import APPEND_ONLY

_PROTECTIONS = """
    SELECT c.relname,
           has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
               OR has_table_privilege(c.oid, 'TRUNCATE'),
           EXISTS (
               SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
               WHERE t.tgrelid = c.oid AND t.tgtype & 57 = 56 AND t.tgenabled IN ('O', 'A')
                 AND f.proname = 'ledger_refuse_change'
           )
    FROM pg_class c WHERE c.oid = ANY(CAST(:tables AS regclass[])) ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What keeps one table of the books as it is, on this connection."""

    table: str
    by_permission: bool
    by_trigger: bool


def protections(connection: Connection) -> list[Protection]:
    """How each table of the books that is only added to is kept so, by name."""
    tables = [table.name for table in APPEND_ONLY]
    return [
        Protection(table=row[0], by_permission=not row[1], by_trigger=row[2])
        for row in connection.execute(text(_PROTECTIONS), {"tables": tables})
    ]
