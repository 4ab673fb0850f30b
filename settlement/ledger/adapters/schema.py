"""All tables of the books, and what SQLAlchemy cannot say of them, in order."""

from settlement.ledger.adapters import period_tables, seal_tables, tables

APPEND_ONLY = (*tables.APPEND_ONLY, *seal_tables.TABLES, *period_tables.TABLES)

TABLES = (*APPEND_ONLY, tables.CURSOR, tables.UNMATCHED)

EXTRA_DDL: tuple[str, ...] = (
    *tables.EXTRA_DDL,
    *seal_tables.EXTRA_DDL,
    *period_tables.EXTRA_DDL,
)
