"""What stands beside the journal: leaves, lines, documents, commitments, reservations, months.

Every kind of tampering with a row that no seal covers is found by `ledger verify`, and named.
Subject: settlement.ledger.adapters.record_checks.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine

from contracts.evm import BlockNumber
from scripts.embedded.postgres import PostgresServer
from settlement.ledger.adapters import record_checks
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.adapters.verification import verify_book
from settlement.ledger.manual import decide, propose
from settlement.ledger.periods import close
from settlement.ledger.reserve import reserve, reserve_line, void
from settlement.ledger.rewind import rewind
from settlement.ledger.verify import Difference
from tests.ledger_builders import (
    ALICE,
    BOB,
    BOOK,
    VETO_WINDOW,
    Computed,
    MoneyChain,
    escrow_leaf,
    leaf,
    op_id_of,
    post_all,
    totals,
    work,
)
from tests.ledger_database import emptied, ledger_database
from tests.ledger_payment_builders import PaymentChain, document, line_op_id, post_payments
from tests.ledger_payment_contract import APPROVED, manual_entry_of

SUBJECTS = (record_checks,)
JANUARY = 197001
MONTH_S = 31 * 86_400


@pytest.fixture(scope="module")
def tables(postgres_server: PostgresServer) -> Iterator[Engine]:
    yield from ledger_database(postgres_server, "ledger_records")


def tell_lines(engine: Engine) -> None:
    """Documents, tips, plans that were posted, voided or are open; a closed month, a late entry."""
    chain = PaymentChain()
    chain.tokens_received(1_000)
    at = chain.mine().timestamp
    june = document(*((ALICE, 10 + n) for n in range(4)), accepted_at=at)
    july = document((BOB, 99), accepted_at=at, name=b"july")
    tips = [chain.tip_received(BOB, 50 + n, 3) for n in range(3)]
    with engine.begin() as connection:
        books = LedgerStore(connection, BOOK)
        post_payments(chain, books, june, july)
        for op_id in (line_op_id(june, 0), line_op_id(june, 1), tips[0].op_id, tips[1].op_id):
            reserve_line(books, op_id)
        void(books, line_op_id(june, 1), attempt=1)
        reserve_line(books, line_op_id(june, 1))
        chain.line_settled(june, 0)
        chain.tip_settled(tips[0])
        post_payments(chain, books, june, july)
        propose(books, manual_entry_of(chain))
        decide(books, manual_entry_of(chain).id, APPROVED)
        chain.mine(seconds=MONTH_S)
        post_payments(chain, books, june, july)
    with engine.begin() as connection:
        close(LedgerStore(connection, BOOK), JANUARY, closed_by="ann")
    with engine.begin() as connection:
        early = chain.blocks.blocks[2]
        late = replace(
            manual_entry_of(chain, amount=5),
            effective_at=early.timestamp,
            effective_block=early.number,
        )
        books = LedgerStore(connection, BOOK)
        propose(books, late)
        decide(books, late.id, APPROVED)
        propose(books, replace(late, reason="not decided yet"))


def tell_epochs(engine: Engine) -> None:
    """A vetoed attempt and an activated one; one leaf withdrawn, one planned, one in escrow."""
    chain, computed = MoneyChain(), Computed()
    one, two = leaf({ALICE: 600, BOB: 300}, work_id=work(7)), leaf({ALICE: 50}, work_id=work(8))
    held = escrow_leaf(40)
    chain.funded(1_000)
    terms = [totals(1_000, 950, escrow=40)]
    chain.committed(computed.add([one, two, held], salt=1), terms, attempt=1)
    chain.vetoed(attempt=1)
    chain.committed(computed.add([one, two, held]), terms, attempt=2)
    chain.mine(seconds=VETO_WINDOW)
    with engine.begin() as connection:
        books = LedgerStore(connection, BOOK)
        post_all(chain, computed, books)
        reserve(books, op_id_of(one))
        reserve(books, op_id_of(two))
        chain.withdrawn(one)
        post_all(chain, computed, books)


def difference(connection: Connection) -> Difference | None:
    return verify_book(
        connection, BOOK, published={}, finalized=lambda _: {}, told=lambda *_: None
    ).difference


def tampered(engine: Engine, statements: str) -> Difference | None:
    """By a superuser, with every trigger and foreign key off; nothing of it stays."""
    with engine.connect() as connection, connection.begin() as db_tx:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements.split(";"):
            assert connection.exec_driver_sql(statement).rowcount != 0, statement
        found = difference(connection)
        db_tx.rollback()
    return found


OF_LINES: dict[str, tuple[str, str]] = {
    "line removed": ("line", "DELETE FROM ledger_line WHERE payer IS NOT NULL"),
    "line of nothing": (
        "line",
        "INSERT INTO ledger_line SELECT decode(repeat('ab', 32), 'hex'), version, chain_id,"
        " contract, list_id, list_index + 99, payee, asset, amount, payer, owed_since, account_id,"
        " entry_id FROM ledger_line LIMIT 1",
    ),
    "amount of a line": ("line", "UPDATE ledger_line SET amount = amount + 1"),
    "asset of a line": ("line", "UPDATE ledger_line SET asset = payee"),
    "payee of a line": ("line", "UPDATE ledger_line SET payee = asset"),
    "index of a line": ("line", "UPDATE ledger_line SET list_index = list_index + 7"),
    "list of a line": (
        "line",
        "UPDATE ledger_line SET list_id = decode(repeat('ab', 32), 'hex') WHERE list_index = 3",
    ),
    "account of a line": (
        "line",
        "UPDATE ledger_line SET account_id = (SELECT id FROM ledger_account WHERE kind = 'cash')",
    ),
    "entry of a line": (
        "line",
        "UPDATE ledger_line SET entry_id = (SELECT id FROM journal_entry ORDER BY arrival LIMIT 1)",
    ),
    "time of a line": ("line", "UPDATE ledger_line SET owed_since = owed_since - 1"),
    "payer of a tip removed": ("line", "UPDATE ledger_line SET payer = NULL"),
    "document removed": (
        "document",
        "DELETE FROM ledger_document WHERE list_id = (SELECT min(list_id) FROM ledger_document)",
    ),
    "document of nothing": (
        "document",
        "INSERT INTO ledger_document SELECT chain_id, contract, version,"
        " decode(repeat('ab', 32), 'hex'), digest FROM ledger_document LIMIT 1",
    ),
    "digest of a document": ("document", "UPDATE ledger_document SET digest = list_id"),
    "reservation removed": (
        "reservation",
        "DELETE FROM reservation r WHERE NOT EXISTS (SELECT FROM reservation_outcome o"
        " WHERE o.op_id = r.op_id)",
    ),
    "attempt of a reservation": (
        "reservation",
        "UPDATE reservation SET attempt = attempt + 10",
    ),
    "entry of a reservation": (
        "reservation",
        "UPDATE reservation SET entry_id = (SELECT id FROM journal_entry ORDER BY arrival LIMIT 1)"
        " WHERE attempt = 2",
    ),
    "end removed": (
        "end of a reservation",
        "DELETE FROM reservation_outcome WHERE outcome = 'posted'",
    ),
    "voided made posted": (
        "end of a reservation",
        "UPDATE reservation_outcome SET outcome = 'posted', block_number = 3, log_index = 0"
        " WHERE outcome = 'voided'",
    ),
    "block of an end": (
        "end of a reservation",
        "UPDATE reservation_outcome SET block_number = block_number - 1 WHERE outcome = 'posted'",
    ),
    "log of an end": (
        "end of a reservation",
        "UPDATE reservation_outcome SET log_index = log_index + 1 WHERE outcome = 'posted'",
    ),
    "month opened again": ("closed period", "DELETE FROM ledger_period_close"),
    "month closed before its time": (
        "closed period",
        "UPDATE ledger_period_close SET period = 197003",
    ),
    "month left out": (
        "closed period",
        "INSERT INTO ledger_period_close SELECT chain_id, contract, 197003, closed_by"
        " FROM ledger_period_close",
    ),
    "month closed after what came into it": (
        "entry of a closed period",
        "UPDATE ledger_period_close SET recorded_at = recorded_at - interval '1 day'",
    ),
    "checked by its maker in capitals": (
        "manual entry",
        "ALTER TABLE ledger_manual_decision DROP CONSTRAINT ledger_manual_decision_has_four_eyes;"
        "UPDATE ledger_manual_decision SET checker = ' ' || upper(maker) || ' '",
    ),
    "maker of a decision": (
        "manual entry",
        "UPDATE ledger_manual_decision SET maker = 'somebody else'",
    ),
    "approved and not booked": (
        "manual entry",
        "INSERT INTO ledger_manual_decision SELECT id, maker, 'cho', 'approved', 'x'"
        " FROM ledger_manual m WHERE NOT EXISTS (SELECT FROM ledger_manual_decision d"
        " WHERE d.manual_id = m.id)",
    ),
    "trigger switched off": ("protection", "ALTER TABLE posting DISABLE TRIGGER ALL"),
    "trigger gone": ("protection", "DROP TRIGGER ledger_seal_is_append_only ON ledger_seal"),
}

OF_EPOCHS: dict[str, tuple[str, str]] = {
    "leaf removed": ("leaf", "DELETE FROM ledger_leaf WHERE part = 0"),
    "epoch of a leaf": ("leaf", "UPDATE ledger_leaf SET epoch = epoch + 1"),
    "work of a leaf": ("leaf", "UPDATE ledger_leaf SET work_id = op_id"),
    "part of a leaf": ("leaf", "UPDATE ledger_leaf SET part = part + 1"),
    "asset of a leaf": ("leaf", "UPDATE ledger_leaf SET asset = contract"),
    "leaf of nothing": (
        "leaf",
        "INSERT INTO ledger_leaf SELECT decode(repeat('ab', 32), 'hex'), version, chain_id,"
        " contract, epoch, work_id, part + 9, asset, decode(repeat('ab', 32), 'hex')"
        " FROM ledger_leaf LIMIT 1",
    ),
    "event of a commitment": (
        "commitment",
        "UPDATE ledger_commitment SET log_index = log_index + 1",
    ),
    "manifest of a commitment": (
        "commitment",
        "UPDATE ledger_commitment SET manifest_digest = root WHERE attempt = 2",
    ),
    "commitment removed": ("commitment", "DELETE FROM ledger_commitment WHERE attempt = 2"),
    "activated made vetoed": (
        "commitment",
        "UPDATE ledger_commitment_outcome SET outcome = 'vetoed' WHERE attempt = 2",
    ),
    "outcome removed": ("commitment", "DELETE FROM ledger_commitment_outcome WHERE attempt = 2"),
    "end of a leaf's plan removed": ("end of a reservation", "DELETE FROM reservation_outcome"),
    "end of a leaf's plan invented": (
        "end of a reservation",
        "INSERT INTO reservation_outcome SELECT op_id, version, attempt, 'posted', 1, 0"
        " FROM reservation r WHERE NOT EXISTS (SELECT FROM reservation_outcome o"
        " WHERE o.op_id = r.op_id)",
    ),
    "block of a leaf's end": (
        "end of a reservation",
        "UPDATE reservation_outcome SET block_number = block_number - 1",
    ),
}


@pytest.fixture(scope="module")
def lines(tables: Engine) -> Engine:
    engine = emptied(tables)
    tell_lines(engine)
    return engine


def test_records__of_lines_untouched__hold(lines: Engine) -> None:
    with lines.connect() as connection:
        assert difference(connection) is None


@pytest.mark.parametrize("name", OF_LINES)
def test_records__of_lines_tampered__found_and_named(lines: Engine, name: str) -> None:
    what, statements = OF_LINES[name]

    found = tampered(lines, statements)

    assert found is not None
    assert found.what == what, found


@pytest.fixture(scope="module")
def epochs(postgres_server: PostgresServer) -> Iterator[Engine]:
    for engine in ledger_database(postgres_server, "ledger_records_of_epochs"):
        tell_epochs(engine)
        yield engine


def test_records__of_epochs_untouched__hold(epochs: Engine) -> None:
    with epochs.connect() as connection:
        assert difference(connection) is None


@pytest.mark.parametrize("name", OF_EPOCHS)
def test_records__of_epochs_tampered__found_and_named(epochs: Engine, name: str) -> None:
    what, statements = OF_EPOCHS[name]

    found = tampered(epochs, statements)

    assert found is not None
    assert found.what == what, found


def test_records__after_a_rewind__hold(epochs: Engine) -> None:
    with epochs.connect() as connection, connection.begin() as db_tx:
        books = LedgerStore(connection, BOOK)
        cursor = books.cursor()
        assert cursor is not None
        back = type(cursor)(
            number=BlockNumber(1),
            hash=cursor.hash,
            parent_hash=cursor.parent_hash,
            timestamp=cursor.timestamp,
        )
        rewind(books, back, reason="a deep reorg")
        found = difference(connection)
        db_tx.rollback()

    assert found is None
