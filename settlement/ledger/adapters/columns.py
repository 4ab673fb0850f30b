"""What the tables of the books share: columns, and how triggers are declared."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, func

from contracts.columns import AddressColumn


def book_columns() -> tuple[Column[Any], Column[Any]]:
    """Whose book a row belongs to."""
    return (
        Column("chain_id", BigInteger, nullable=False),
        Column("contract", AddressColumn, nullable=False),
    )


def version_column() -> Column[Any]:
    """The version of the book that a row belongs to."""
    return Column("version", Integer, nullable=False)


def recorded_at() -> Column[Any]:
    """When a row was written, by the database's clock."""
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def append_only_ddl(table: Table) -> str:
    """The trigger that refuses changes of a table."""
    return (
        f"CREATE TRIGGER {table.name}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
    )


def statement_ddl(table: Table, name: str, function: str) -> str:
    """The trigger that looks at all rows that a statement has added, as the table `recorded`."""
    return (
        f"CREATE TRIGGER {name} AFTER INSERT ON {table.name}"
        f" REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )
