"""Binary COPY as a real Postgres spells it."""

import psycopg
import pytest

from indexer.adapters.copy_out import (
    GATHERED_BYTES_MAX,
    array,
    copied_rows,
    integers,
    numeric,
    octets,
    records,
    scalar,
    width_of,
)
from indexer.errors import StoreUnavailable

NUMBERS = (0, 1, 9_999, 10_000, 10**16, 10**19 + 7, 2**128, 2**256 - 1, 120_000, 5 * 10**40)


@pytest.fixture
def connection(empty_database: str) -> psycopg.Connection:
    return psycopg.connect(empty_database)


def test_integers__any_uint256__exact(connection: psycopg.Connection) -> None:
    with connection:
        connection.execute("CREATE TEMP TABLE sent (value NUMERIC(78, 0))")
        for number in NUMBERS:
            connection.execute("INSERT INTO sent VALUES (%s::numeric)", [str(number)])
        found = []
        for length, rows in copied_rows(connection, b"SELECT value FROM sent"):
            digits = (length - width_of(numeric("value", 0))) // 2
            found += integers(records(rows, numeric("value", digits)), "value")

    assert sorted(found) == sorted(NUMBERS)


def test_copied_rows__arrays_of_several_lengths__gathered_by_length(
    connection: psycopg.Connection,
) -> None:
    query = b"SELECT n::int8, array_fill('\\x0102'::bytea, ARRAY[n]) FROM generate_series(1, 3) n"
    with connection:
        connection.execute("SELECT 1")
        gathered = dict(copied_rows(connection, query))
        layouts = {n: [*scalar("n", ">i8"), *array("ids", octets("id", 2), n)] for n in (1, 2, 3)}
        found = {n: records(gathered[width_of(layout)], layout) for n, layout in layouts.items()}

    assert {n: rows["n"].tolist() for n, rows in found.items()} == {1: [1], 2: [2], 3: [3]}
    assert found[3]["ids"]["id"].tolist() == [[[1, 2]] * 3]
    assert found[3]["ids_count"].tolist() == [3]


def test_copied_rows__many__every_row_once(connection: psycopg.Connection) -> None:
    with connection:
        connection.execute("SELECT 1")
        query = b"SELECT n::int8 FROM generate_series(1, 400000) n"
        found = [
            value
            for _, rows in copied_rows(connection, query)
            for value in records(rows, scalar("n", ">i8"))["n"].tolist()
        ]

    assert found == list(range(1, 400_001))


def test_copied_rows__lengths_by_turns_and_more_than_fits__every_row_once(
    connection: psycopg.Connection,
) -> None:
    rows_each = 2 * GATHERED_BYTES_MAX // 1_000
    with connection:
        connection.execute("SELECT 1")
        numbers = f"generate_series(1, {3 * rows_each}) n"
        query = f"SELECT n::int8, repeat('x', 1000 + n % 3)::bytea FROM {numbers}"  # noqa: S608
        found: dict[int, list[int]] = {}
        for length, gathered in copied_rows(connection, query.encode()):
            layout = [*scalar("n", ">i8"), *octets("text", length - 18)]
            found.setdefault(length - 1_018, []).extend(records(gathered, layout)["n"].tolist())

    whole = range(1, 3 * rows_each + 1)
    assert found == {rest: [n for n in whole if n % 3 == rest] for rest in range(3)}


def test_copied_rows__bad_query__says_why(connection: psycopg.Connection) -> None:
    with connection:
        connection.execute("SELECT 1")
        with pytest.raises(StoreUnavailable, match="nothing_here"):
            next(copied_rows(connection, b"SELECT nothing_here"))


def test_copied_rows__fails_on_the_way__says_why(connection: psycopg.Connection) -> None:
    connection.execute("SELECT 1")
    query = b"SELECT (1 / (n - 300000))::int8 FROM generate_series(1, 400000) n"

    with pytest.raises(StoreUnavailable, match="division by zero"):
        list(copied_rows(connection, query))
    connection.close()
