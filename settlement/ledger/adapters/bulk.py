"""Many rows at once: one array per column, unnested in lockstep by Postgres; or COPY."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from select import select as select_ready
from typing import Any, LiteralString, TypeVar

from psycopg.rows import tuple_row
from sqlalchemy import Column, Connection, Table, TextClause, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert

T = TypeVar("T")

ROWS_MAX = 10_000
"""Rows of one statement."""

COPIED_MAX = 200
"""Rows that COPY sends at once."""

_MANY_IDS = "SELECT substring(:ids FROM n * 32 - 31 FOR 32) FROM generate_series(1, :count) n"


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


def is_one_of(column: Column[Any], ids: Collection[bytes]) -> TextClause:
    """Whether a column is one of many ids of 32 bytes.

    They are one value: as an array they cost the driver more than Postgres's whole answer.
    """
    statement = text(f"{column} IN ({_MANY_IDS})")
    return statement.bindparams(ids=b"".join(ids), count=len(ids))


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in parts of at most `ROWS_MAX`."""
    for start in range(0, len(items), ROWS_MAX):
        yield items[start : start + ROWS_MAX]


def copy_in(connection: Connection, statement: str, rows: Iterable[str]) -> None:
    """COPY rows, as its text format spells them, in the caller's transaction."""
    # The driver's own cursor: SQLAlchemy has no COPY. A connection out of its pool has one as well.
    driver: Any = connection.connection.dbapi_connection
    all_rows = iter(rows)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        while part := list(islice(all_rows, COPIED_MAX)):
            copy.write("\n".join(part) + "\n")
            # libpq would keep what the socket does not take, and move it whole at every write.
            while driver.pgconn.flush():
                select_ready([], [driver.fileno()], [])


def rows_of(
    connection: Connection, query: LiteralString, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a query in the caller's transaction, as the driver reads them: plain tuples."""
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor(binary=True, row_factory=tuple_row) as cursor:
        rows: list[tuple[Any, ...]] = cursor.execute(query, values).fetchall()
    return rows


def copied_bytes(value: bytes) -> str:
    """Bytes as COPY reads them: the backslash is its own escape."""
    return "\\\\x" + value.hex()
