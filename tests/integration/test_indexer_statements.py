"""Evidence of who said what, in Postgres: appended once, never changed, open until settled."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, select, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import SQLModel

from contracts.evm import BlockNumber, ChainId
from indexer.adapters.statements import (
    EXTRA_DDL,
    PROVIDER_STATEMENT,
    OpenDispute,
    add_statements,
    open_disputes,
)
from indexer.agreement import MISSING, Asked, Statement, Verdict

CHAIN = ChainId(31337)


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def db_tx(empty_database: str) -> Iterator[Connection]:
    with engine_on(empty_database) as engine, engine.connect() as connection:
        with connection.begin():
            SQLModel.metadata.create_all(connection, [PROVIDER_STATEMENT])
            for statement in EXTRA_DDL:
                connection.execute(text(statement))
        yield connection


def said(
    number: int,
    verdict: Verdict,
    *,
    a: str = "0xaa",
    b: str = "0xbb",
    asked: Asked = Asked.BLOCK,
) -> tuple[Statement, ...]:
    return tuple(
        Statement(host=host, number=BlockNumber(number), asked=asked, said=one, verdict=verdict)
        for host, one in (("a.example", a), ("b.example", b))
    )


def rows(db_tx: Connection) -> int:
    count: int = db_tx.execute(select(func.count()).select_from(PROVIDER_STATEMENT)).scalar_one()
    return count


def opened(db_tx: Connection) -> list[tuple[int, Asked]]:
    return [(one.number, one.asked) for one in open_disputes(db_tx, CHAIN)]


def test_add_statements__dispute__open_with_who_said_what(db_tx: Connection) -> None:
    disputed = said(100, Verdict.DISPUTED, b=MISSING)

    add_statements(db_tx, CHAIN, disputed)

    assert open_disputes(db_tx, CHAIN) == [
        OpenDispute(number=BlockNumber(100), asked=Asked.BLOCK, statements=disputed)
    ]
    assert open_disputes(db_tx, ChainId(1)) == []


def test_add_statements__same_look_again__not_written_twice(db_tx: Connection) -> None:
    for _ in range(5):
        add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED))
        add_statements(db_tx, CHAIN, said(101, Verdict.FORKED)[::-1])

    assert rows(db_tx) == 4


def test_add_statements__something_else_is_said__written(db_tx: Connection) -> None:
    add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED))
    changed = said(100, Verdict.DISPUTED, b="0xcc")
    add_statements(db_tx, CHAIN, changed)

    assert rows(db_tx) == 4
    assert [one.statements for one in open_disputes(db_tx, CHAIN)] == [changed]


def test_open_disputes__agreement_later__settled_and_can_open_again(db_tx: Connection) -> None:
    add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED))
    add_statements(db_tx, CHAIN, said(100, Verdict.AGREED, b="0xaa"))
    settled = opened(db_tx)
    add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED))

    assert (settled, opened(db_tx)) == ([], [(100, Asked.BLOCK)])
    assert rows(db_tx) == 6


@pytest.mark.parametrize(
    "later",
    [
        said(101, Verdict.AGREED, b="0xaa"),
        said(100, Verdict.AGREED, b="0xaa", asked=Asked.LOGS),
        said(100, Verdict.FORKED),
    ],
)
def test_open_disputes__agreement_about_something_else__still_open(
    db_tx: Connection, later: tuple[Statement, ...]
) -> None:
    add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED))
    add_statements(db_tx, CHAIN, later)

    assert opened(db_tx) == [(100, Asked.BLOCK)]


def test_add_statements__agreement_without_a_dispute__not_written(db_tx: Connection) -> None:
    add_statements(db_tx, CHAIN, said(100, Verdict.AGREED, b="0xaa"))

    assert rows(db_tx) == 0


def test_add_statements__dispute_above_an_open_one__not_written(db_tx: Connection) -> None:
    add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED))
    for number in range(101, 120):
        add_statements(db_tx, CHAIN, said(number, Verdict.DISPUTED))
    add_statements(db_tx, CHAIN, said(40, Verdict.DISPUTED, asked=Asked.LOGS))
    add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED, asked=Asked.LOGS))

    assert opened(db_tx) == [(40, Asked.LOGS), (100, Asked.BLOCK)]
    assert rows(db_tx) == 4


def test_add_statements__several_blocks_at_once__each_its_own_look(db_tx: Connection) -> None:
    add_statements(db_tx, CHAIN, said(40, Verdict.FORKED) + said(30, Verdict.DISPUTED))

    looks = db_tx.execute(select(PROVIDER_STATEMENT.c.look).distinct()).all()
    assert (rows(db_tx), len(looks)) == (4, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provider_statement SET said = 'other'",
        "DELETE FROM provider_statement",
        "TRUNCATE provider_statement",
    ],
)
def test_provider_statement__change__refused(db_tx: Connection, statement: str) -> None:
    add_statements(db_tx, CHAIN, said(100, Verdict.DISPUTED))

    with pytest.raises(DatabaseError, match="append-only"):
        db_tx.execute(text(statement))
