"""Entries as they were recorded, in the order of arrival, read back and checked."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select

from contracts.evm import Hash32, Timestamp
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.queries import is_of
from settlement.ledger.adapters.rows import checked_entry, select_entries
from settlement.ledger.adapters.tables import JOURNAL_ENTRY, POSTING
from settlement.ledger.journal import JournalEntry
from settlement.ledger.seal import RecordedEntry

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def select_recorded(book: Book, *, after: int, entries_max: int) -> Select[Any]:
    """The rows of the entries that were recorded next after an arrival."""
    arrivals = (
        JOURNAL_ENTRY.select()
        .with_only_columns(JOURNAL_ENTRY.c.id)
        .where(*is_of(JOURNAL_ENTRY, book), JOURNAL_ENTRY.c.arrival > after)
        .order_by(JOURNAL_ENTRY.c.arrival)
        .limit(entries_max)
    )
    return (
        select_entries()
        .where(JOURNAL_ENTRY.c.id.in_(arrivals))
        .order_by(JOURNAL_ENTRY.c.arrival, POSTING.c.ordinal)
    )


def recorded_from_rows(rows: Iterable[Row[Any]]) -> list[RecordedEntry]:
    """Rows of `select_recorded` as entries.

    Raises:
        EntryConflict: what is stored does not have the id or digest that is stored with it.
    """
    groups = groupby(rows, key=lambda row: bytes(row.id))
    return [
        recorded_entry(group[0], checked_entry(Hash32(entry_id), group))
        for entry_id, group in ((entry_id, list(rows)) for entry_id, rows in groups)
    ]


def recorded_entry(head: Row[Any], entry: JournalEntry) -> RecordedEntry:
    """An entry with what its row says of its recording."""
    return RecordedEntry(
        entry=entry,
        arrival=head.arrival,
        booked_at=Timestamp(head.booked_at),
        period=head.period,
        recorded_at_us=(head.recorded_at - _START) // _MICROSECOND,
    )
