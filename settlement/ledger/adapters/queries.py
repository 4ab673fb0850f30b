"""Parts of queries over postings, and the lock under which a book is written."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    case,
    func,
    literal,
    select,
    union_all,
)

from contracts.evm import BlockNumber, Hash32, keccak
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.rows import account_columns
from settlement.ledger.adapters.tables import (
    ACCOUNT,
    JOURNAL_ENTRY,
    LEAF,
    POSTING,
    RESERVATION,
    RESERVATION_OUTCOME,
    REWIND,
)


def lock_book(connection: Connection, book: Book) -> None:
    """Keep every other writer of a book, its sealer too, out until the transaction ends."""
    name = f"ledger {book.chain_id}/{book.contract}"
    key = int.from_bytes(keccak(name.encode())[:8], "big", signed=True)
    connection.execute(select(func.pg_advisory_xact_lock(key)))


def select_balances(book: Book, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Debits, credits and pending units by account (as `account_from_row` reads it) and asset."""
    sides = union_all(
        _side(POSTING.c.debit_account, book, conditions, is_debit=True),
        _side(POSTING.c.credit_account, book, conditions, is_debit=False),
    ).subquery()
    keys = (sides.c.id, *account_columns(sides), sides.c.asset)
    return (
        select(
            *keys,
            func.sum(sides.c.debit).label("debits"),
            func.sum(sides.c.credit).label("credits"),
            func.sum(sides.c.pending).label("pending"),
        )
        .group_by(sides.c.id, *(sides.c[key.name] for key in keys[1:]))
        .order_by(sides.c.kind, sides.c.epoch, sides.c.work_id, sides.c.part)
        .order_by(sides.c.payee, sides.c.asset)
    )


def _side(
    account_id: ColumnElement[Any],
    book: Book,
    conditions: tuple[ColumnElement[bool], ...],
    *,
    is_debit: bool,
) -> Select[Any]:
    posted = case((POSTING.c.status == "posted", POSTING.c.amount), else_=0)
    is_open = (
        select_open_reservations().where(RESERVATION.c.entry_id == POSTING.c.entry_id).exists()
    )
    is_pending = and_(
        POSTING.c.status == "pending", POSTING.c.version == current_version(book), is_open
    )
    zero = literal(0, BigInteger)
    return (
        select(
            ACCOUNT.c.id,
            *account_columns(ACCOUNT),
            POSTING.c.asset,
            (posted if is_debit else zero).label("debit"),
            (zero if is_debit else posted).label("credit"),
            case((is_pending, POSTING.c.amount), else_=0).label("pending"),
        )
        .join(POSTING, account_id == ACCOUNT.c.id)
        .where(*is_of(ACCOUNT, book), *conditions)
    )


def select_open_reservations(*columns: ColumnElement[Any]) -> Select[Any]:
    """Reservations without an outcome, of any version.

    Without `columns`, it is to ask whether one exists.
    """
    is_ended = (
        select(RESERVATION_OUTCOME.c.op_id)
        .where(
            RESERVATION_OUTCOME.c.op_id == RESERVATION.c.op_id,
            RESERVATION_OUTCOME.c.version == RESERVATION.c.version,
            RESERVATION_OUTCOME.c.attempt == RESERVATION.c.attempt,
        )
        .exists()
    )
    return select(*(columns or (RESERVATION.c.op_id,))).where(~is_ended)


def settled_of_line() -> ColumnElement[Any]:
    """Units that were posted out of the payable account of a leaf's line."""
    settling = POSTING.alias("settling")
    return (
        select(func.coalesce(func.sum(settling.c.amount), 0))
        .where(
            settling.c.debit_account == POSTING.c.credit_account,
            settling.c.asset == LEAF.c.asset,
            settling.c.version == LEAF.c.version,
            settling.c.status == "posted",
        )
        .scalar_subquery()
    )


def is_settled_above(since: BlockNumber) -> ColumnElement[bool]:
    """Whether an entry of a later block took units out of a leaf's line."""
    settling = POSTING.alias("settling")
    return (
        select(settling.c.entry_id)
        .join(JOURNAL_ENTRY, JOURNAL_ENTRY.c.id == settling.c.entry_id)
        .where(
            settling.c.debit_account == POSTING.c.credit_account,
            settling.c.asset == LEAF.c.asset,
            settling.c.version == LEAF.c.version,
            settling.c.status == "posted",
            JOURNAL_ENTRY.c.block_number > since,
        )
        .exists()
    )


def names_account(account_id: Hash32) -> ColumnElement[bool]:
    """Whether a posting of an entry names an account, on either side."""
    named = [
        select(POSTING.c.entry_id).where(side == account_id)
        for side in (POSTING.c.debit_account, POSTING.c.credit_account)
    ]
    return JOURNAL_ENTRY.c.id.in_(union_all(*named))


def current_version(book: Book) -> ScalarSelect[int]:
    """The number of rewinds of a book."""
    return (
        select(func.coalesce(func.max(REWIND.c.version), 0))
        .where(*is_of(REWIND, book))
        .scalar_subquery()
    )


def is_current(table: FromClause, book: Book) -> list[ColumnElement[bool]]:
    """The conditions that narrow a table to the current version of one book."""
    return [*is_of(table, book), table.c.version == current_version(book)]


def is_of(table: FromClause, book: Book) -> list[ColumnElement[bool]]:
    """The conditions that narrow a table to one book."""
    return [table.c.chain_id == book.chain_id, table.c.contract == book.contract]
