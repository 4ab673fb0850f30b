"""Many rows at once: one array per column, unnested in lockstep by Postgres; or COPY."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Table, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

T = TypeVar("T")

ROWS_MAX = 10_000
"""Rows of one statement."""


def insert_new(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    returning: Column[Any],
) -> set[Any]:
    """Insert the rows that conflict with none; `returning` of those that were inserted.

    All rows have the same keys.
    """
    inserted: set[Any] = set()
    for chunk in chunks(rows):
        names = list(chunk[0])
        arrays = [
            func.unnest(literal([row[name] for row in chunk], ARRAY(table.c[name].type)))
            for name in names
        ]
        statement = insert(table).from_select(names, select(*arrays))
        result = connection.execute(statement.on_conflict_do_nothing().returning(returning))
        inserted.update(result.scalars())
    return inserted


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in parts of at most `ROWS_MAX`."""
    for start in range(0, len(items), ROWS_MAX):
        yield items[start : start + ROWS_MAX]


def copy_in(connection: Connection, statement: str, rows: Iterable[str]) -> None:
    """COPY rows, as its text format spells them, in the caller's transaction."""
    # The driver's own cursor: SQLAlchemy has no COPY. A connection out of its pool has one as well.
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("\n".join(rows) + "\n")


def copied_bytes(value: bytes) -> str:
    """Bytes as COPY reads them: the backslash is its own escape."""
    return "\\\\x" + value.hex()
