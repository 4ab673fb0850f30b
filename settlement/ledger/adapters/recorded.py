"""Entries as they were recorded, in the order of arrival, read back and checked.

The sealer asks for thousands at a time, so the rows of a page are asked for table by table, and
spelled as they come: an object a posting would cost more than all else. An account that many
postings name is read, and its id computed from what its row says, once.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from contracts.evm import Hash32, Timestamp
from settlement.errors import EntryConflict
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.bulk import is_one_of, rows_of
from settlement.ledger.adapters.rows import account_columns, account_from_row
from settlement.ledger.adapters.tables import ACCOUNT
from settlement.ledger.journal import (
    JournalEntry,
    SpelledPosting,
    content_digest,
    entry_id,
    spelled_block,
)
from settlement.ledger.seal import RecordedEntry, SpelledEntry

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_HEADS = """
    SELECT id, source_kind, source_id, leg, version, status, effective_at, effective_block,
           block_number, block_hash, content_digest, booked_at, period, recorded_at
    FROM journal_entry
    WHERE chain_id = %(chain_id)s AND contract = %(contract)s AND arrival > %(after)s
    ORDER BY arrival LIMIT %(count)s
"""
_POSTINGS = """
    SELECT e.id, p.asset, p.amount, p.debit_account, p.credit_account
    FROM (
        SELECT id, arrival FROM journal_entry
        WHERE chain_id = %(chain_id)s AND contract = %(contract)s AND arrival > %(after)s
        ORDER BY arrival LIMIT %(count)s
    ) e CROSS JOIN LATERAL (
        SELECT ordinal, asset, amount::text, debit_account, credit_account
        FROM posting WHERE entry_id = e.id OFFSET 0
    ) p
    ORDER BY e.arrival, p.ordinal
"""


class _Head(NamedTuple):
    """A row of `_HEADS`."""

    id: bytes
    source_kind: str
    source_id: bytes
    leg: int
    version: int
    status: str
    effective_at: int
    effective_block: int
    block_number: int | None
    block_hash: bytes | None
    content_digest: bytes
    booked_at: int
    period: int
    recorded_at: datetime


def spelled_after(
    connection: Connection, book: Book, *, arrival: int, entries_max: int
) -> list[SpelledEntry]:
    """The entries that were recorded next after an arrival, as the chain contains them.

    Raises:
        EntryConflict: what is stored does not have the id or digest that is stored with it.
    """
    values = {
        "chain_id": book.chain_id,
        "contract": bytes(book.contract),
        "after": arrival,
        "count": entries_max,
    }
    heads = rows_of(connection, _HEADS, values)
    lines = rows_of(connection, _POSTINGS, values)
    named = {line[3] for line in lines} | {line[4] for line in lines}
    accounts = _spelled_accounts(connection, book, named)
    postings: dict[bytes, list[SpelledPosting]] = {head[0]: [] for head in heads}
    for entry, asset, amount, debit, credit in lines:
        units = int(amount).to_bytes(32, "big")
        postings[entry].append(SpelledPosting(asset, units, accounts[debit], accounts[credit]))
    return [_checked(_Head(*head), postings[head[0]]) for head in heads]


def recorded_entry(head: Row[Any], entry: JournalEntry) -> RecordedEntry:
    """An entry with what its row says of its recording."""
    return RecordedEntry(
        entry=entry,
        arrival=head.arrival,
        booked_at=Timestamp(head.booked_at),
        period=head.period,
        recorded_at_us=_microseconds(head.recorded_at),
    )


@lru_cache(maxsize=1_024)  # what is recorded at once, has one time
def _microseconds(at: datetime) -> int:
    return (at - _START) // _MICROSECOND


def _spelled_accounts(
    connection: Connection, book: Book, ids: Collection[bytes]
) -> dict[bytes, bytes]:
    """The accounts of these ids as digests contain them, each named by its id in this book."""
    if not ids:
        return {}
    query = select(ACCOUNT.c.id, *account_columns(ACCOUNT)).where(is_one_of(ACCOUNT.c.id, ids))
    found = {bytes(row[0]): account_from_row(row) for row in connection.execute(query)}
    for account_id in ids:
        if account_id not in found or book.account_id(found[account_id]) != account_id:
            raise EntryConflict("account", Hash32(account_id))
    return {account_id: account.spelled for account_id, account in found.items()}


def _checked(head: _Head, postings: list[SpelledPosting]) -> SpelledEntry:
    block_hash = head.block_hash or b""
    evidence = b"" if head.block_number is None else spelled_block(head.block_number, block_hash)
    name = entry_id(head.source_kind, head.source_id, head.leg, head.version)
    digest = content_digest(name, head.status, head.effective_at, evidence, postings)
    if name != head.id or digest != head.content_digest:
        raise EntryConflict("journal entry", Hash32(head.id))
    return SpelledEntry(
        id=head.id,
        source_kind=head.source_kind,
        source_id=head.source_id,
        leg=head.leg,
        version=head.version,
        status=head.status,
        effective_at=head.effective_at,
        effective_block=head.effective_block,
        block_hash=block_hash,
        postings=postings,
        booked_at=head.booked_at,
        period=head.period,
        recorded_at_us=_microseconds(head.recorded_at),
    )
