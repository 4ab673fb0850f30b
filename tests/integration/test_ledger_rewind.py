"""A rewind of the books in Postgres: the contract, and what reads and raw SQL show."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

import scripts.migrations
from contracts.evm import BlockNumber
from scripts.bootstrap import migrate, open_database
from scripts.embedded.postgres import PostgresServer
from settlement.ledger.accounts import AccountKind
from settlement.ledger.adapters import schema, tables
from settlement.ledger.adapters.line_tables import DOCUMENT, LINE
from settlement.ledger.adapters.reads import LedgerReads, books_of
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.balances import Balance
from settlement.ledger.reserve import reserve
from settlement.ledger.rewind import rewind
from tests.ledger_builders import (
    ALICE,
    BOB,
    BOOK,
    Computed,
    MoneyChain,
    leaf,
    op_id_of,
    post_all,
    totals,
    work,
)
from tests.ledger_contract import LEAF, active_epoch
from tests.ledger_rewind_contract import OTHER, RewindContract

MIGRATIONS = Path(scripts.migrations.__path__[0])
EVERYTHING = schema.TABLES
NET = """
    SELECT version, account, asset, status, sum(units) FROM (
        SELECT version, debit_account AS account, asset, status, amount AS units FROM posting
        UNION ALL
        SELECT version, credit_account, asset, status, -amount FROM posting
    ) AS sides GROUP BY version, account, asset, status HAVING sum(units) <> 0
"""


@pytest.fixture(scope="module")
def database_with_tables(postgres_server: PostgresServer) -> Iterator[Engine]:
    engine = create_engine(postgres_server.url("ledger_rewind"))
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection, tables=EVERYTHING)
        for statement in schema.EXTRA_DDL:
            connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(database_with_tables: Engine) -> Iterator[Connection]:
    """Empty books, whatever a test writes is rolled back."""
    with database_with_tables.connect() as connection, connection.begin() as db_tx:
        yield connection
        db_tx.rollback()


@pytest.fixture
def books(connection: Connection) -> LedgerStore:
    return LedgerStore(connection, BOOK)


class TestLedgerStore(RewindContract):
    """The contract."""


def net_versions(connection: Connection) -> Counter[int]:
    """How many (account, asset, status) of each version do not sum to nothing."""
    return Counter(row[0] for row in connection.execute(text(NET)))


def standing_balances(connection: Connection) -> list[Balance]:
    balances = LedgerReads(connection, BOOK).balances()
    return [line for line in balances if line.posted or line.pending]


def half_paid(books: LedgerStore) -> MoneyChain:
    """Two leaves: one is paid with a refused line, the other is reserved."""
    chain, computed = MoneyChain(), Computed()
    active_epoch(chain, computed, LEAF, OTHER)
    chain.withdrawn(LEAF, refused=[BOB])
    post_all(chain, computed, books)
    reserve(books, op_id_of(OTHER))
    return chain


def test_rewind__open_and_ended_entries__version_sums_to_nothing(
    connection: Connection, books: LedgerStore
) -> None:
    chain = half_paid(books)
    before = net_versions(connection)

    rewind(books, chain.blocks[1], reason="a deep reorg")

    assert set(before) == {0}
    assert net_versions(connection) == Counter()
    assert standing_balances(connection) == []
    reads = LedgerReads(connection, BOOK)
    assert (reads.payable_leaves(), reads.flows(), reads.standing_commitments()) == ([], [], [])
    assert reads.leaf_lines(since=chain.blocks[0].number) == []
    assert sum(line.debits - line.credits for line in reads.trial_balance()) == 0
    assert reads.overdrawn() == []


def test_post__other_chain_after_a_rewind__as_books_that_never_saw_the_first(
    connection: Connection, books: LedgerStore
) -> None:
    half_paid(books)
    rewind(books, MoneyChain().blocks[0], reason="a deep reorg")
    chain, computed = MoneyChain(), Computed()
    active_epoch(chain, computed, leaf({ALICE: 50}), OTHER, paid=70)
    chain.withdrawn(OTHER)

    post_all(chain, computed, books)

    reads = LedgerReads(connection, BOOK)
    answers = (
        standing_balances(connection),
        reads.payable_leaves(),
        reads.flows(),
        reads.leaf_lines(since=chain.blocks[0].number),
        reads.standing_commitments(),
        books.cursor(),
    )
    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    connection.exec_driver_sql(f"TRUNCATE {', '.join(table.name for table in EVERYTHING)}")
    books = LedgerStore(connection, BOOK)
    post_all(chain, computed, books)
    assert answers == (
        standing_balances(connection),
        reads.payable_leaves(),
        reads.flows(),
        reads.leaf_lines(since=chain.blocks[0].number),
        reads.standing_commitments(),
        books.cursor(),
    )


def test_payable_leaves__reserved_before_the_rewind__open_until_reserved_again(
    connection: Connection, books: LedgerStore
) -> None:
    chain, computed = MoneyChain(), Computed()
    active_epoch(chain, computed, LEAF, OTHER)
    post_all(chain, computed, books)
    reserve(books, op_id_of(OTHER))
    rewind(books, chain.blocks[1], reason="a deep reorg")
    post_all(chain, computed, books)
    reads = LedgerReads(connection, BOOK)

    open_again = [one.is_reserved for one in reads.payable_leaves()]
    reserve(books, op_id_of(OTHER))
    reserved = {one.op_id: one.is_reserved for one in reads.payable_leaves()}
    (transit,) = reads.balances(kind=AccountKind.IN_TRANSIT)

    assert open_again == [False, False]
    assert reserved == {op_id_of(LEAF): False, op_id_of(OTHER): True}
    assert (transit.posted, transit.pending) == (0, OTHER.amount)


def test_reservation__of_the_version_before__never_ended(
    connection: Connection, books: LedgerStore
) -> None:
    chain = half_paid(books)
    rewind(books, chain.blocks[1], reason="a deep reorg")
    again, computed = MoneyChain(), Computed()
    active_epoch(again, computed, LEAF, OTHER)
    again.withdrawn(OTHER)

    post_all(again, computed, books)

    ended = connection.execute(select(tables.RESERVATION_OUTCOME.c.version)).all()
    assert ended == []


def test_leaf_lines__settled_above_in_the_version_before_only__left_out(
    connection: Connection, books: LedgerStore
) -> None:
    first, second, computed = MoneyChain(), MoneyChain(), Computed()
    active_epoch(first, computed, LEAF)
    active_epoch(second, computed, LEAF)
    for _ in range(5):
        first.mine()
    first.withdrawn(LEAF)
    since = second.withdrawn(LEAF).ref.block_number
    post_all(first, computed, books)
    rewind(books, first.blocks[1], reason="a deep reorg")

    post_all(second, computed, books)

    assert LedgerReads(connection, BOOK).leaf_lines(since) == []
    assert len(LedgerReads(connection, BOOK).leaf_lines(BlockNumber(since - 1))) == 1


def test_open_commitment__of_the_version_before__not_open(
    connection: Connection, books: LedgerStore
) -> None:
    chain, computed = MoneyChain(), Computed()
    chain.funded(100)
    chain.committed(computed.add([LEAF]), [totals(100, 90)])
    post_all(chain, computed, books)
    assert books.open_commitment() is not None

    rewind(books, chain.blocks[0], reason="a deep reorg")
    post_all(chain, computed, books)

    opened = books.open_commitment()
    assert opened is not None
    assert opened.entry is not None
    assert opened.entry.source.version == 1


def test_rewind__journal__whole_history_with_the_block_as_evidence(
    connection: Connection, books: LedgerStore
) -> None:
    chain = MoneyChain()
    entry_block = chain.funded(5).ref.block_number
    post_all(chain, Computed(), books)
    to = chain.blocks[0]

    rewind(books, to, reason="a deep reorg")

    journal = LedgerReads(connection, BOOK).journal(after=None, entries_max=9)
    places = [one.evidence.block_number for one in journal if one.evidence]
    assert places == [to.number, entry_block]
    assert [one.effective_at for one in journal] == [to.timestamp, chain.blocks[1].timestamp]


def test_standing__entries__as_many_as_a_rewind_reverses(
    connection: Connection, books: LedgerStore
) -> None:
    chain = half_paid(books)
    count = LedgerReads(connection, BOOK).standing()

    rewound = rewind(books, chain.blocks[1], reason="a deep reorg")

    assert rewound is not None
    assert rewound.entries == count > 0
    assert LedgerReads(connection, BOOK).standing() == 0


def test_books_of__chain__those_with_a_cursor_in_any_version(
    connection: Connection, books: LedgerStore
) -> None:
    assert books_of(connection, BOOK.chain_id) == []
    chain = MoneyChain()
    chain.funded(5)
    post_all(chain, Computed(), books)
    rewind(books, chain.blocks[0], reason="a deep reorg")

    assert books_of(connection, BOOK.chain_id) == [BOOK]


def test_raw_sql__rewind_without_a_reason__refused(connection: Connection) -> None:
    statement = text(
        "INSERT INTO ledger_rewind (chain_id, contract, version, block_number, block_hash, reason)"
        " VALUES (1, :contract, 1, 1, :hash, '')"
    )

    with pytest.raises(DBAPIError, match="ledger_rewind_has_a_reason"):
        connection.execute(statement, {"contract": bytes(20), "hash": bytes(work(1))})


_BOOKS_OF_0001 = (
    "INSERT INTO ledger_account (id, chain_id, contract, kind)"
    " VALUES ('a', 1, 'c', 'cash'), ('b', 1, 'c', 'in_transit')",
    "INSERT INTO journal_entry (id, chain_id, contract, source_kind, source_id, leg, status,"
    " effective_at, posting_count, content_digest)"
    " VALUES ('e', 1, 'c', 'log', 'e', 0, 'posted', 1, 1, 'e')",
    "INSERT INTO posting (entry_id, ordinal, status, posting_count, asset, amount, debit_account,"
    " credit_account) VALUES ('e', 0, 'posted', 1, 'x', 5, 'a', 'b')",
    "INSERT INTO ledger_leaf VALUES ('o', 1, 'c', 0, 'w', 0, 'x', 'e')",
    "INSERT INTO reservation (op_id, attempt, entry_id) VALUES ('o', 1, 'e')",
    "INSERT INTO reservation_outcome (op_id, attempt, outcome) VALUES ('o', 1, 'voided')",
    "INSERT INTO ledger_commitment VALUES (1, 'c', 0, 1, 1, 1, 'm', 'r', 1, 'e')",
    "INSERT INTO ledger_commitment_outcome VALUES (1, 'c', 0, 1, 'vetoed')",
    "INSERT INTO ledger_cursor VALUES (1, 'c', 5, 'h', 'p', 9)",
)


def test_migrate__books_from_before_versions__are_version_0(empty_database: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = open_database(empty_database)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with engine.begin() as connection:
        for statement in _BOOKS_OF_0001:
            connection.exec_driver_sql(statement)

    migrate(empty_database)

    later = (tables.ACCOUNT, tables.REWIND, LINE, DOCUMENT)
    versioned = (*(table for table in tables.APPEND_ONLY if table not in later), tables.CURSOR)
    with engine.connect() as connection:
        found = {
            table.name: connection.execute(select(table.c.version)).scalars().all()
            for table in versioned
        }
    engine.dispose()
    assert found == {table.name: [0] for table in versioned}
