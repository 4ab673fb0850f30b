"""Accounts and entries from their rows; an entry is checked when it is read back."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, Select, literal, select, tuple_

from contracts.evm import Hash32
from settlement.errors import EntryConflict
from settlement.ledger.accounts import Account, AccountKind
from settlement.ledger.adapters.tables import ACCOUNT, JOURNAL_ENTRY, POSTING
from settlement.ledger.balances import JournalKey
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    Source,
    SourceKind,
)

_ATTRIBUTES = ("kind", "epoch", "work_id", "part", "payee")
_DEBIT = ACCOUNT.alias("debit")
_CREDIT = ACCOUNT.alias("credit")


def account_columns(source: FromClause, prefix: str = "") -> list[ColumnElement[Any]]:
    """The columns that `account_from_row` reads."""
    return [source.c[name].label(prefix + name) for name in _ATTRIBUTES]


def account_from_row(row: Row[Any], prefix: str = "") -> Account:
    """Read an account selected by `account_columns`."""
    values = row._mapping
    return Account(
        kind=AccountKind(values[prefix + "kind"]),
        epoch=values[prefix + "epoch"],
        work_id=values[prefix + "work_id"],
        part=values[prefix + "part"],
        payee=values[prefix + "payee"],
    )


def select_entries() -> Select[Any]:
    """Every posting with its entry and both accounts; narrow it, and order by entry."""
    return (
        select(
            JOURNAL_ENTRY,
            POSTING.c.ordinal,
            POSTING.c.asset,
            POSTING.c.amount,
            *account_columns(_DEBIT, "debit_"),
            *account_columns(_CREDIT, "credit_"),
        )
        .join(POSTING, POSTING.c.entry_id == JOURNAL_ENTRY.c.id)
        .join(_DEBIT, _DEBIT.c.id == POSTING.c.debit_account)
        .join(_CREDIT, _CREDIT.c.id == POSTING.c.credit_account)
    )


def select_page(
    *conditions: ColumnElement[bool], after: JournalKey | None, entries_max: int
) -> Select[Any]:
    """The rows of `entries_max` entries, or fewer, that meet the conditions; in journal order."""
    page = (
        select(JOURNAL_ENTRY.c.id)
        .where(*conditions)
        .order_by(JOURNAL_ENTRY.c.effective_at, JOURNAL_ENTRY.c.id)
        .limit(entries_max)
    )
    if after is not None:
        place = tuple_(JOURNAL_ENTRY.c.effective_at, JOURNAL_ENTRY.c.id)
        page = page.where(place > tuple_(after.effective_at, literal(after.entry_id)))
    return (
        select_entries()
        .where(JOURNAL_ENTRY.c.id.in_(page))
        .order_by(JOURNAL_ENTRY.c.effective_at, JOURNAL_ENTRY.c.id, POSTING.c.ordinal)
    )


def entries_from_rows(rows: Iterable[Row[Any]]) -> list[JournalEntry]:
    """Rows of `select_entries` as entries; the rows of an entry are adjacent, in order.

    Raises:
        EntryConflict: what is stored does not have the id or digest that is stored with it.
    """
    return [
        checked_entry(Hash32(entry_id), list(group))
        for entry_id, group in groupby(rows, key=lambda row: bytes(row.id))
    ]


def checked_entry(entry_id: Hash32, rows: list[Row[Any]]) -> JournalEntry:
    """The rows of one entry, its postings in order, as `entries_from_rows` reads them."""
    entry = entry_from_rows(rows)
    if entry.id != entry_id or entry.content_digest != rows[0].content_digest:
        raise EntryConflict("journal entry", entry_id)
    return entry


def entry_from_rows(rows: list[Row[Any]]) -> JournalEntry:
    """What the rows of one entry say, whatever id and digest stand beside it.

    Raises:
        BadEntry: they are no entry.
    """
    head = rows[0]
    evidence = None
    if head.block_number is not None:
        evidence = Evidence(block_number=head.block_number, block_hash=head.block_hash)
    return JournalEntry(
        source=Source(SourceKind(head.source_kind), bytes(head.source_id), head.version),
        leg=head.leg,
        status=EntryStatus(head.status),
        effective_at=head.effective_at,
        effective_block=head.effective_block,
        evidence=evidence,
        postings=tuple(
            Posting(
                asset=row.asset,
                amount=row.amount,
                debit=account_from_row(row, "debit_"),
                credit=account_from_row(row, "credit_"),
            )
            for row in rows
        ),
    )
