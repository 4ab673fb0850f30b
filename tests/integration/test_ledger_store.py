"""The books in Postgres: the same contract as in memory, and what the database itself refuses.

Subjects also: settlement.ledger.adapters.columns, settlement.ledger.adapters.commitment_rows,
settlement.ledger.adapters.record, settlement.ledger.adapters.trigger_functions.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import SQLModel

from contracts.evm import BlockNumber, Hash32, Timestamp
from contracts.leaves import FEES_ID
from contracts.units import UINT256_MAX
from scripts.bootstrap import open_database
from scripts.embedded.postgres import PostgresServer
from settlement.errors import EntryConflict
from settlement.ledger.accounts import CASH, Account, AccountKind, Book, paid_in, unclaimed
from settlement.ledger.adapters import schema, tables
from settlement.ledger.adapters.bulk import ROWS_MAX, chunks, insert_new
from settlement.ledger.adapters.queries import select_balances
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.rows import account_columns, account_from_row
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.adapters.writer_role import WRITER
from settlement.ledger.balances import JournalKey
from settlement.ledger.post import post_step
from settlement.ledger.posting_rules import funded
from settlement.ledger.reserve import reserve, void
from tests.ledger_builders import (
    ALICE,
    ASSET,
    BOB,
    BOOK,
    CAROL,
    SUSPENSE_ID,
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
from tests.ledger_contract import LEAF, BooksContract, active_epoch, posted

EVERYTHING = schema.TABLES


@pytest.fixture(scope="module")
def database_with_tables(postgres_server: PostgresServer) -> Iterator[Engine]:
    engine = create_engine(postgres_server.url("ledger_store"))
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection, tables=EVERYTHING)
        for statement in schema.EXTRA_DDL:
            connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database_with_tables: Engine) -> Engine:
    """Empty books: a superuser can switch the triggers off that refuse to empty them."""
    names = ", ".join(table.name for table in EVERYTHING)
    with database_with_tables.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(f"TRUNCATE {names}")
    return database_with_tables


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin():
        yield connection


class TestLedgerStore(BooksContract):
    @pytest.fixture
    def books(self, connection: Connection) -> LedgerStore:
        return LedgerStore(connection, BOOK)


@pytest.fixture
def settled(engine: Engine) -> MoneyChain:
    """Committed books: two leaves of epoch 0, of which one is paid with a refused line."""
    chain, computed = MoneyChain(), Computed()
    active_epoch(chain, computed, LEAF, leaf({BOB: 5}, work_id=work(8)))
    chain.withdrawn(LEAF, refused=[BOB])
    with engine.begin() as connection:
        post_all(chain, computed, LedgerStore(connection, BOOK))
    return chain


OPEN_LEAF = leaf({BOB: 5}, work_id=work(8))


def account_row(account: Account, book: Book) -> dict[str, Any]:
    names = ("kind", "epoch", "work_id", "part", "payee")
    place = {"chain_id": book.chain_id, "contract": book.contract}
    return {"id": book.account_id(account)} | place | {n: getattr(account, n) for n in names}


@pytest.mark.parametrize("table", [table.name for table in schema.APPEND_ONLY])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET {}"])
def test_books__changed_by_sql__refused(
    engine: Engine, settled: MoneyChain, table: str, change: str
) -> None:
    column = next(iter(SQLModel.metadata.tables[table].primary_key.columns)).name
    statement = change.format(table, f"{column} = {column}")

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)


_ENTRY = (
    "INSERT INTO journal_entry (id, chain_id, contract, source_kind, source_id, leg, version,"
    " status, effective_at, effective_block, booked_at, period, posting_count, content_digest)"
    " VALUES (:id, 31337, :contract, 'log', :id, 0, 0, 'posted', 1, 1, 1, 197001, :count, :id)"
)
_POSTING = (
    "INSERT INTO posting (entry_id, ordinal, version, status, posting_count, asset, amount,"
    " debit_account, credit_account, effective_block, is_late)"
    " VALUES (:id, :ordinal, :version, :status, :count, :asset, CAST(:amount AS NUMERIC),"
    " :debit, :credit, :block, false)"
)


def raw_entry(connection: Connection, count: int = 1) -> None:
    values = {"id": b"\x01" * 32, "contract": bytes(BOOK.contract), "count": count}
    connection.execute(text(_ENTRY), values)


def raw_pair(engine: Engine, *, entry_count: int = 1, **changes: object) -> None:
    """One entry and one posting, in one transaction."""
    with engine.begin() as connection:
        raw_posting(connection, **changes)
        raw_entry(connection, entry_count)


def raw_posting(connection: Connection, **changes: object) -> None:
    values: dict[str, object] = {
        "id": b"\x01" * 32,
        "ordinal": 0,
        "version": 0,
        "status": "posted",
        "count": 1,
        "asset": bytes(ASSET),
        "amount": "1",
        "debit": bytes(BOOK.account_id(CASH)),
        "credit": bytes(BOOK.account_id(unclaimed(BOB))),
        "block": 1,
    }
    connection.execute(text(_POSTING), values | changes)


def test_raw_sql__balanced_entry__accepted(engine: Engine, settled: MoneyChain) -> None:
    raw_pair(engine)

    with engine.connect() as connection:
        assert connection.scalar(select(func.max(tables.POSTING.c.ordinal))) == 1


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"debit": None}, "debit_account"),
        ({"credit": None}, "credit_account"),
        ({"credit": bytes(BOOK.account_id(CASH))}, "posting_moves_between_two_accounts"),
        ({"credit": bytes(32)}, "accounts of one book"),
        ({"amount": "0"}, "posting_amount_is_a_uint256_above_zero"),
        ({"amount": "-1"}, "posting_amount_is_a_uint256_above_zero"),
        ({"amount": str(2**256)}, "posting_amount_is_a_uint256_above_zero"),
        ({"amount": str(10**78)}, "numeric field overflow"),
        ({"asset": None}, "asset"),
        ({"ordinal": 1}, "posting_has_a_place_in_its_entry"),
        ({"ordinal": -1}, "posting_has_a_place_in_its_entry"),
        ({"count": 2}, "lacks postings"),
        ({"status": "pending"}, "lacks postings"),
        ({"version": 1}, "lacks postings"),
        ({"block": 2}, "lacks postings"),
        ({"id": b"\x02" * 32}, "lacks postings"),
    ],
)
def test_raw_sql__half_a_posting__refused(
    engine: Engine, settled: MoneyChain, changes: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(DBAPIError, match=constraint):
        raw_pair(engine, **changes)


def test_raw_sql__entry_with_fewer_postings__refused(engine: Engine, settled: MoneyChain) -> None:
    with pytest.raises(DBAPIError, match="lacks postings"):
        raw_pair(engine, entry_count=2, count=2)


def test_raw_sql__posting_without_its_entry__refused_at_commit(
    engine: Engine, settled: MoneyChain
) -> None:
    with (
        pytest.raises(DBAPIError, match="postings without their journal entry"),
        engine.begin() as connection,
    ):
        raw_posting(connection)


def test_raw_sql__postings_of_an_entry_by_two_statements__accepted(
    engine: Engine, settled: MoneyChain
) -> None:
    with engine.begin() as connection:
        raw_posting(connection, count=2, ordinal=1)
        raw_posting(connection, count=2)
        raw_entry(connection, 2)

    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.UNMATCHED)) == 0


def test_raw_sql__postings_of_an_entry_in_two_books__refused(
    engine: Engine, settled: MoneyChain
) -> None:
    other = Book(chain_id=BOOK.chain_id, contract=ALICE)
    rows = [account_row(account, other) for account in (CASH, unclaimed(BOB))]
    debit, credit = (bytes(row["id"]) for row in rows)

    with engine.connect() as connection, connection.begin():
        insert_new(connection, tables.ACCOUNT, rows, returning=tables.ACCOUNT.c.id)
        raw_posting(connection, count=2)
        raw_posting(connection, count=2, ordinal=1, debit=debit, credit=credit)

        with pytest.raises(DBAPIError, match="lacks postings in its book"):
            raw_entry(connection, 2)


@pytest.mark.parametrize("count", [2, 3])
def test_raw_sql__postings_left_over_beside_an_entry__refused_at_commit(
    engine: Engine, settled: MoneyChain, count: int
) -> None:
    """Of an entry that never comes, whole or not; the one that came has all of its own."""
    with engine.connect() as connection:
        transaction = connection.begin()
        raw_posting(connection)
        raw_entry(connection)
        raw_posting(connection, id=b"\x02" * 32, count=count)
        raw_posting(connection, id=b"\x02" * 32, count=count, ordinal=1)

        with pytest.raises(DBAPIError, match="2 postings without their journal entry"):
            transaction.commit()


_FORGERIES = {
    "row": "INSERT INTO ledger_unmatched (postings) VALUES (-1)",
    "row removed": "DELETE FROM ledger_unmatched",
    "trigger of his own": """CREATE TEMPORARY TABLE mine (posting_count INTEGER);
        CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS recorded
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_is_whole()""",
}


@pytest.mark.parametrize("statement", _FORGERIES.values(), ids=_FORGERIES)
def test_raw_sql__writer_who_would_count_postings_away__refused(
    database: str, statement: str
) -> None:
    engine = open_database(database)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_user")) == WRITER
        with pytest.raises(DBAPIError, match="permission denied"):
            connection.exec_driver_sql(statement)
    engine.dispose()


_MANY_POSTINGS = """
    INSERT INTO posting (entry_id, ordinal, version, status, posting_count, asset, amount,
        debit_account, credit_account, effective_block, is_late)
    SELECT sha256(int8send(n)), 0, 0, 'posted', 1, :asset, 1, :debit, :credit, 1, false
    FROM generate_series(1, 3000) n
"""
_THEIR_ENTRIES = """
    INSERT INTO journal_entry (id, chain_id, contract, source_kind, source_id, leg, version, status,
        effective_at, effective_block, booked_at, period, posting_count, content_digest)
    SELECT entry_id, 31337, :contract, 'log', entry_id, 0, 0, 'posted', 1, 1, 1, 197001, 1, entry_id
    FROM posting WHERE entry_id <> :first AND amount = 1
"""
_LOOKED_UP = """
    SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'posting'
"""


def test_record__many_entries_after_a_plan_for_one__their_postings_alone_are_looked_at(
    engine: Engine, settled: MoneyChain
) -> None:
    """A session keeps the plans of its first entry, when any index would have done."""
    values = {
        "asset": bytes(ASSET),
        "debit": bytes(BOOK.account_id(CASH)),
        "credit": bytes(BOOK.account_id(unclaimed(BOB))),
        "contract": bytes(BOOK.contract),
        "first": b"\x01" * 32,
    }
    with engine.connect() as connection, connection.begin() as db_tx:
        raw_posting(connection, amount="2")
        raw_entry(connection)
        connection.execute(text(_MANY_POSTINGS), values)
        before = connection.execute(text(_LOOKED_UP)).scalar_one()
        connection.execute(text(_THEIR_ENTRIES), values)
        looked_at = connection.execute(text(_LOOKED_UP)).scalar_one() - before
        db_tx.rollback()

    assert 3_000 <= looked_at < 30_000


_MANY_ENTRIES = """
    INSERT INTO journal_entry (id, chain_id, contract, source_kind, source_id, leg, version, status,
        effective_at, effective_block, booked_at, period, posting_count, content_digest)
    SELECT sha256(int8send(n)), :chain_id, :contract, 'log', '', 0, 0, 'posted',
           n, n / 100, n, 202606, 1, ''
    FROM generate_series(1, 40000) n
"""
_NEWEST = "SELECT booked_at FROM ledger_newest_entry(:chain_id, :contract)"


def test_newest_entry__book_that_the_planner_takes_for_one_row__few_pages(engine: Engine) -> None:
    values = {"chain_id": BOOK.chain_id, "contract": bytes(BOOK.contract)}
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(text(_MANY_ENTRIES), values)
        booked_at = connection.execute(text(_NEWEST), values).scalar_one()
        explained = connection.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {_NEWEST}"), values)
        (plan,) = explained.scalar_one()

    assert booked_at == 40_000
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 100


def test_raw_sql__posting_between_two_books__refused(engine: Engine, settled: MoneyChain) -> None:
    other = Book(chain_id=BOOK.chain_id, contract=ALICE)
    with engine.begin() as connection:
        row = account_row(CASH, other)
        insert_new(connection, tables.ACCOUNT, [row], returning=tables.ACCOUNT.c.id)

    with pytest.raises(DBAPIError, match="accounts of one book"):
        raw_pair(engine, credit=bytes(row["id"]))


def test_raw_sql__posting_added_to_a_stored_entry__refused(
    engine: Engine, settled: MoneyChain
) -> None:
    raw_pair(engine)

    with pytest.raises(DBAPIError, match="posting_pkey"), engine.begin() as connection:
        raw_posting(connection)


@pytest.mark.parametrize(
    "values",
    [
        "'cash', 1, NULL, NULL, NULL",
        "'paid_in', NULL, NULL, NULL, NULL",
        "'payable', 1, NULL, 0, NULL",
        "'escrow', 1, NULL, NULL, NULL",
        "'suspense', 1, decode(repeat('03', 32), 'hex'), 0, NULL",
        "'fees', NULL, NULL, NULL, NULL",
        "'unheard_of', NULL, NULL, NULL, NULL",
    ],
)
def test_raw_sql__account_of_wrong_shape__refused(engine: Engine, values: str) -> None:
    head = "INSERT INTO ledger_account (id, chain_id, contract, kind, epoch, work_id, part, payee)"
    statement = f"{head} VALUES (decode(repeat('01', 32), 'hex'), 1, '\\x00'::bytea, {values})"

    with pytest.raises(DBAPIError, match="attributes_of_its_kind"), engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_raw_sql__second_open_reservation__refused(engine: Engine, settled: MoneyChain) -> None:
    with engine.begin() as connection:
        reserve(LedgerStore(connection, BOOK), op_id_of(OPEN_LEAF))
    statement = text(
        "INSERT INTO reservation (op_id, version, attempt, entry_id) VALUES (:op, 0, 2, :entry)"
    )

    raw_pair(engine)
    values = {"op": bytes(op_id_of(OPEN_LEAF)), "entry": b"\x01" * 32}

    with pytest.raises(DBAPIError, match="follows_an_ended_one"), engine.begin() as connection:
        connection.execute(statement, values)


def test_raw_sql__cursor_moved_back__refused(engine: Engine, settled: MoneyChain) -> None:
    with pytest.raises(DBAPIError, match="never moves back"), engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_cursor SET block_number = block_number - 1")


def test_post__crash_before_commit__nothing_there_and_next_run_completes(engine: Engine) -> None:
    chain, computed = MoneyChain(), Computed()
    active_epoch(chain, computed, LEAF)
    with engine.connect() as connection, connection.begin() as db_tx:
        books = LedgerStore(connection, BOOK)
        post_step(chain, computed, books, start_block=BlockNumber(0), blocks_max=99)
        db_tx.rollback()

    with engine.begin() as connection:
        books = LedgerStore(connection, BOOK)
        before = (books.cursor(), posted(books, CASH))
        post_all(chain, computed, books)

        assert before == (None, 0)
        assert (books.cursor(), posted(books, CASH)) == (chain.blocks[-1], 100)


def test_post__two_posters_at_once__each_entry_once(engine: Engine) -> None:
    chain, computed = MoneyChain(), Computed()
    for _ in range(20):
        chain.funded(5)
    barrier, steps, errors = threading.Barrier(2), [], []

    def run() -> None:
        try:
            barrier.wait()
            is_caught_up = False
            while not is_caught_up:
                with engine.begin() as connection:
                    books = LedgerStore(connection, BOOK)
                    step = post_step(
                        chain, computed, books, start_block=BlockNumber(0), blocks_max=2
                    )
                is_caught_up = step.is_caught_up
                steps.append(step.entries)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sum(steps) == 20
    with engine.connect() as connection:
        assert posted(LedgerStore(connection, BOOK), CASH) == 100


def test_writers__of_one_book__one_at_a_time(engine: Engine, settled: MoneyChain) -> None:
    def post(books: LedgerStore) -> object:
        return post_step(settled, Computed(), books, start_block=BlockNumber(0), blocks_max=9)

    writers: list[Callable[[LedgerStore], object]] = [
        post,
        lambda books: reserve(books, op_id_of(OPEN_LEAF)),
        lambda books: void(books, op_id_of(OPEN_LEAF), attempt=1),
    ]
    with engine.begin() as holder, engine.connect() as waiter:
        LedgerStore(holder, BOOK).lock()
        for write in writers:
            with waiter.begin() as db_tx:
                waiter.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
                with pytest.raises(OperationalError, match="lock timeout"):
                    write(LedgerStore(waiter, BOOK))
                db_tx.rollback()
        with waiter.begin():
            LedgerStore(waiter, Book(chain_id=BOOK.chain_id, contract=ALICE)).lock()


def test_record__other_content_under_a_stored_id__conflict(
    engine: Engine, settled: MoneyChain
) -> None:
    chain = MoneyChain()
    chain.mine(seconds=3)
    with engine.begin() as connection:
        (entry,) = LedgerReads(connection, BOOK).journal(after=None, entries_max=1)
        moved = type(entry)(
            source=entry.source,
            leg=entry.leg,
            status=entry.status,
            effective_at=Timestamp(entry.effective_at + 1),
            effective_block=entry.effective_block,
            evidence=entry.evidence,
            postings=entry.postings,
        )

        with pytest.raises(EntryConflict, match=str(entry.id)):
            LedgerStore(connection, BOOK).record([moved])
        with pytest.raises(EntryConflict):
            LedgerStore(connection, BOOK).record([entry, moved])
        assert LedgerStore(connection, BOOK).record([entry, entry]) == 0


def test_books__of_two_settlements__kept_apart(engine: Engine, settled: MoneyChain) -> None:
    other = Book(chain_id=BOOK.chain_id, contract=ALICE)

    with engine.connect() as connection:
        reads, books = LedgerReads(connection, other), LedgerStore(connection, other)

        assert (books.cursor(), books.open_commitment()) == (None, None)
        assert (reads.balances(), reads.payable_leaves(), reads.flows()) == ([], [], [])
        assert reads.journal(after=None, entries_max=10) == []
        assert books.leaves([op_id_of(LEAF)]) == {}


def test_balances__by_payee_epoch_work_and_kind__only_those(
    engine: Engine, settled: MoneyChain
) -> None:
    with engine.connect() as connection:
        reads = LedgerReads(connection, BOOK)
        of_bob = {(line.account.kind, line.posted) for line in reads.balances(payee=BOB)}
        of_epoch = {(line.account.kind, line.posted) for line in reads.balances(epoch=LEAF.epoch)}
        of_work = {line.posted for line in reads.balances(work_id=OPEN_LEAF.work_id)}
        of_kind = [(line.account, line.posted) for line in reads.balances(kind=AccountKind.CASH)]

    assert of_bob == {
        (AccountKind.PAYABLE, 0),
        (AccountKind.PAYABLE, 5),
        (AccountKind.UNCLAIMED, 30),
    }
    assert of_epoch == {
        (AccountKind.PAID_IN, 0),
        (AccountKind.COMMITTED, 0),
        (AccountKind.UNALLOCATED, 5),
        (AccountKind.PAYABLE, 0),
        (AccountKind.PAYABLE, 5),
    }
    assert of_work == {5}
    assert of_kind == [(CASH, 40)]


def test_balances__reserved_leaf__pending_beside_posted(
    engine: Engine, settled: MoneyChain
) -> None:
    with engine.begin() as connection:
        books, reads = LedgerStore(connection, BOOK), LedgerReads(connection, BOOK)
        reserve(books, op_id_of(OPEN_LEAF))
        (while_open,) = reads.balances(work_id=OPEN_LEAF.work_id)
        (transit,) = reads.balances(kind=AccountKind.IN_TRANSIT)
        (reserved,) = reads.payable_leaves()
        void(books, op_id_of(OPEN_LEAF), attempt=1)
        (once_void,) = reads.balances(work_id=OPEN_LEAF.work_id)
        (open_again,) = reads.payable_leaves()

    assert (while_open.posted, while_open.pending) == (5, 5)
    assert (transit.posted, transit.pending) == (0, 5)
    assert (once_void.posted, once_void.pending) == (5, 0)
    assert (reserved.is_reserved, open_again.is_reserved) == (True, False)


def test_payable_leaves__paid_committed_and_open__only_open(engine: Engine) -> None:
    chain, computed = MoneyChain(), Computed()
    active_epoch(chain, computed, LEAF, OPEN_LEAF)
    chain.withdrawn(LEAF, refused=[BOB])
    chain.funded(50, epoch=1)
    chain.committed(computed.add([leaf({BOB: 50}, epoch=1)]), [totals(50, 50)], epoch=1)

    with engine.begin() as connection:
        post_all(chain, computed, LedgerStore(connection, BOOK))
        found = LedgerReads(connection, BOOK).payable_leaves()

    assert [(one.op_id, one.outstanding) for one in found] == [(op_id_of(OPEN_LEAF), 5)]


def test_payable_leaves__line_held__what_is_open_and_what_was_settled(engine: Engine) -> None:
    chain, computed = MoneyChain(), Computed()
    three = leaf({ALICE: 60, BOB: 30, CAROL: 7})
    active_epoch(chain, computed, three)
    chain.withdrawn(three, refused=[CAROL], held=[ALICE, BOB])

    with engine.begin() as connection:
        books, reads = LedgerStore(connection, BOOK), LedgerReads(connection, BOOK)
        post_all(chain, computed, books)
        (held,) = reads.payable_leaves()
        reserve(books, op_id_of(three))
        (pending, *_) = reads.balances(payee=BOB)
        chain.withdrawn(three, held=[BOB], settled=[CAROL])
        post_all(chain, computed, books)
        (rest,) = reads.payable_leaves()
        bits = {one.op_id: one.settled for one in reads.leaf_lines(BlockNumber(0))}

    assert (held.settled, held.is_reserved, held.outstanding) == (0b100, False, 90)
    assert held.open_lines == three.lines[:2]
    assert (pending.posted, pending.pending) == (30, 30)
    assert (rest.settled, rest.is_reserved) == (0b101, False)
    assert rest.open_lines == three.lines[1:2]
    assert bits == {op_id_of(three): 0b101}


def test_payable_leaves__fees_and_escrow__fees_only(engine: Engine) -> None:
    chain, computed = MoneyChain(), Computed()
    fee_leaf, held = leaf({BOB: 8}, work_id=FEES_ID), escrow_leaf(7)
    suspended = escrow_leaf(5, SUSPENSE_ID)
    chain.funded(20)
    made = computed.add([fee_leaf, held, suspended])
    chain.committed(made, [totals(20, 0, fees=8, escrow=12)])
    chain.mine(seconds=VETO_WINDOW)
    chain.escrow_released(held, BOB)

    with engine.begin() as connection:
        post_all(chain, computed, LedgerStore(connection, BOOK))
        reads = LedgerReads(connection, BOOK)
        (payable,) = reads.payable_leaves()
        bits = {one.op_id: one.settled for one in reads.leaf_lines(BlockNumber(0))}
        (in_escrow,) = reads.balances(kind=AccountKind.ESCROW)
        (in_suspense,) = reads.balances(kind=AccountKind.SUSPENSE)
        flows = {(one.debit, one.credit): one.amount for one in reads.flows()}

    assert (payable.work_id, payable.outstanding) == (FEES_ID, 8)
    assert bits == {op_id_of(fee_leaf): 0, op_id_of(held): 1, op_id_of(suspended): 0}
    assert (in_escrow.posted, in_suspense.posted) == (0, 5)
    assert in_suspense.account.path == f"suspense:0:{SUSPENSE_ID}"
    assert flows[AccountKind.ESCROW, AccountKind.UNCLAIMED] == 7
    assert flows[AccountKind.FEES, AccountKind.PAYABLE] == 8


def test_leaf_lines__settled_since__bitmap(engine: Engine, settled: MoneyChain) -> None:
    last = settled.blocks[-1].number
    with engine.connect() as connection:
        reads = LedgerReads(connection, BOOK)
        since_start = {one.op_id: one.settled for one in reads.leaf_lines(BlockNumber(0))}
        since_last = {one.op_id: one.settled for one in reads.leaf_lines(last)}

    assert since_start == {op_id_of(LEAF): 0b11, op_id_of(OPEN_LEAF): 0}
    assert since_last == {op_id_of(OPEN_LEAF): 0}


def test_trial_balance__any_books__debits_equal_credits(
    engine: Engine, settled: MoneyChain
) -> None:
    with engine.begin() as connection:
        reserve(LedgerStore(connection, BOOK), op_id_of(OPEN_LEAF))
        lines = LedgerReads(connection, BOOK).trial_balance()

    assert sum(line.debits for line in lines) == sum(line.credits for line in lines) == 385
    assert AccountKind.CASH in {line.kind for line in lines}


def test_standing_commitments__vetoed_and_active__only_standing(engine: Engine) -> None:
    chain, computed = MoneyChain(), Computed()
    chain.funded(90)
    chain.committed(computed.add([leaf({BOB: 1})]), [totals(90, 1)])
    chain.vetoed()
    made = computed.add([LEAF])
    chain.committed(made, [totals(90, 90)], attempt=2)
    chain.mine(seconds=VETO_WINDOW)

    with engine.begin() as connection:
        post_all(chain, computed, LedgerStore(connection, BOOK))
        (standing,) = LedgerReads(connection, BOOK).standing_commitments()

    assert (standing.attempt, standing.root) == (2, made.root)


def test_journal__in_pages__every_entry_once_in_time(engine: Engine, settled: MoneyChain) -> None:
    with engine.connect() as connection:
        reads = LedgerReads(connection, BOOK)
        whole = reads.journal(after=None, entries_max=99)
        paged, after = [], None
        while page := reads.journal(after=after, entries_max=2):
            paged.extend(page)
            after = JournalKey(page[-1].effective_at, page[-1].id)

    assert paged == whole
    assert len(whole) == 6
    assert [one.effective_at for one in whole] == sorted(one.effective_at for one in whole)


def test_journal__digest_differs_from_content__conflict(
    engine: Engine, settled: MoneyChain
) -> None:
    with engine.begin() as connection:
        raw_posting(connection)
        raw_entry(connection)

        with pytest.raises(EntryConflict, match=str(Hash32(b"\x01" * 32))):
            LedgerReads(connection, BOOK).journal(after=None, entries_max=99)


def test_flows__settled_epoch__by_both_kinds(engine: Engine, settled: MoneyChain) -> None:
    with engine.connect() as connection:
        flows = LedgerReads(connection, BOOK).flows()

    assert {(flow.debit.value, flow.credit.value): flow.amount for flow in flows} == {
        ("cash", "paid_in"): 100,
        ("paid_in", "committed"): 95,
        ("paid_in", "unallocated"): 5,
        ("committed", "payable"): 95,
        ("payable", "cash"): 60,
        ("payable", "unclaimed"): 30,
    }
    assert paid_in(LEAF.epoch).epoch == flows[0].epoch


def test_insert_new__stored_and_new_rows__only_new_returned(engine: Engine) -> None:
    chart = (CASH, paid_in(LEAF.epoch), unclaimed(BOB))
    rows = [account_row(account, BOOK) for account in chart]
    ids = [row["id"] for row in rows]
    table = tables.ACCOUNT
    with engine.begin() as connection:
        first = insert_new(connection, table, rows[:1], returning=table.c.id)
        second = insert_new(connection, table, rows, returning=table.c.id)
        none = insert_new(connection, table, [], returning=table.c.id)
        query = select(table.c.id, *account_columns(table))
        stored = {row.id: account_from_row(row) for row in connection.execute(query)}

    assert (first, second, none) == ({ids[0]}, set(ids[1:]), set())
    assert stored == dict(zip(ids, chart, strict=True))


def test_record__largest_amount_and_many_postings__read_back_exactly(engine: Engine) -> None:
    chain = MoneyChain()
    events = [chain.funded(UINT256_MAX, epoch=epoch) for epoch in range(3)]
    entries = [funded(event, 0) for event in events]
    with engine.begin() as connection:
        new = LedgerStore(connection, BOOK).record(entries)
        stored = LedgerReads(connection, BOOK).journal(after=None, entries_max=9)
        rows = connection.execute(select_balances(BOOK, tables.ACCOUNT.c.kind == "cash")).all()

    assert (new, stored) == (3, entries)
    assert [int(row.debits) for row in rows] == [3 * UINT256_MAX]


def test_chunks__more_than_fit__every_row_once() -> None:
    rows = list(range(2 * ROWS_MAX + 1))

    parts = list(chunks(rows))

    assert [len(part) for part in parts] == [ROWS_MAX, ROWS_MAX, 1]
    assert [row for part in parts for row in part] == rows
