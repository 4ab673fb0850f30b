"""Payment books in Postgres: the contract, reads for payouts, and what Postgres itself refuses.

Subjects: settlement.ledger.adapters.line_rows, settlement.ledger.adapters.manual_rows.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.evm import ZERO_ADDRESS, Timestamp
from scripts.embedded.postgres import PostgresServer
from settlement.ledger.adapters import line_rows, manual_rows
from settlement.ledger.adapters.paid import owed_since, paid_lines
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.manual import decide, propose
from settlement.ledger.reserve import reserve_line
from tests.ledger_builders import ALICE, BOB, BOOK
from tests.ledger_database import emptied, ledger_database
from tests.ledger_payment_builders import (
    PAYER,
    PaymentChain,
    document,
    line_op_id,
    post_payments,
)
from tests.ledger_payment_contract import APPROVED, PaymentBooksContract, manual_entry_of

SUBJECTS = (line_rows, manual_rows)


@pytest.fixture(scope="module")
def tables(postgres_server: PostgresServer) -> Iterator[Engine]:
    yield from ledger_database(postgres_server, "ledger_payments")


@pytest.fixture
def engine(tables: Engine) -> Engine:
    return emptied(tables)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin():
        yield connection


class TestLedgerStore(PaymentBooksContract):
    @pytest.fixture
    def books(self, connection: Connection) -> LedgerStore:
        return LedgerStore(connection, BOOK)


def test_payable_lines__tips_and_document_lines__open_ones_in_order(connection: Connection) -> None:
    books, chain = LedgerStore(connection, BOOK), PaymentChain()
    tips = [chain.tip_received(ALICE, 70), chain.tip_received(BOB, 30), chain.tip_received(BOB, 9)]
    chain.tip_settled(tips[0])
    chain.tokens_received(100)
    paid = document((ALICE, 60), (BOB, 30), accepted_at=chain.mine().timestamp)
    chain.line_settled(paid, 0)
    post_payments(chain, books, paid)
    reserve_line(books, tips[2].op_id)

    lines = LedgerReads(connection, BOOK).payable_lines()

    assert sorted(lines, key=lambda line: (line.list_id, line.index)) == lines
    assert {line.op_id: (line.amount, line.payers, line.is_reserved) for line in lines} == {
        tips[1].op_id: (30, (PAYER,), False),
        tips[2].op_id: (9, (PAYER,), True),
        line_op_id(paid, 1): (30, (), False),
    }
    assert {line.op_id: line.asset for line in lines}[tips[1].op_id] == ZERO_ADDRESS


def test_paid_lines__of_tips__for_the_windows_of_policies(connection: Connection) -> None:
    books, chain = LedgerStore(connection, BOOK), PaymentChain()
    tip = chain.tip_received(ALICE, 70)
    event = chain.tip_settled(tip)
    post_payments(chain, books)

    (line,) = paid_lines(connection, BOOK, Timestamp(0))

    assert (line.payee, line.amount, line.paid_at) == (ALICE, 70, event.timestamp)
    assert owed_since(connection, BOOK, [tip.op_id]) == {}


def test_raw_sql__decision_by_the_maker__refused(engine: Engine) -> None:
    with engine.begin() as connection:
        books, chain = LedgerStore(connection, BOOK), PaymentChain()
        chain.float_received(1)
        post_payments(chain, books)
        made = manual_entry_of(chain)
        propose(books, made)
    statement = text(
        "INSERT INTO ledger_manual_decision (manual_id, maker, checker, decision, reason)"
        " VALUES (:id, :maker, :checker, 'approved', '')"
    )

    for maker, checker, why in (
        ("ann", " ANN", "four_eyes"),
        ("eve", "ben", "is_of_a_manual"),
        ("ann", " ", "has_a_checker"),
    ):
        values = {"id": bytes(made.id), "maker": maker, "checker": checker}
        with pytest.raises(DBAPIError, match=why), engine.begin() as connection:
            connection.execute(statement, values)


def test_manuals__listed__with_their_decisions(connection: Connection) -> None:
    books, chain = LedgerStore(connection, BOOK), PaymentChain()
    chain.float_received(1)
    post_payments(chain, books)
    one, two = manual_entry_of(chain), manual_entry_of(chain, amount=5)
    propose(books, one)
    propose(books, two)
    decide(books, one.id, APPROVED)

    listed = dict(manual_rows.listed(connection, BOOK))

    assert listed == {one: APPROVED, two: None}
