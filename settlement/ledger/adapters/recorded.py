"""Entries as they were recorded, in the order of arrival, read back and checked.

The sealer asks for those without a link, thousands at a time, so the rows of a page are asked for
table by table, and spelled as they come: an object a posting would cost more than all else. An
account that many postings name is read, and its id computed from what its row says, once.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row

from contracts.evm import Hash32, Timestamp
from settlement.errors import EntryConflict
from settlement.ledger.accounts import Account, AccountKind, Book
from settlement.ledger.adapters.bulk import rows_of
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
_ACCOUNTS = """
    SELECT id, kind, epoch, work_id, part, payee FROM ledger_account
    WHERE id IN (
        SELECT substring(%(ids)s FROM n * 32 - 31 FOR 32) FROM generate_series(1, %(count)s) n
    )
"""


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
    return [_checked(head, postings[head[0]]) for head in heads]


def recorded_entry(head: Row[Any], entry: JournalEntry) -> RecordedEntry:
    """An entry with what its row says of its recording."""
    return RecordedEntry(
        entry=entry,
        arrival=head.arrival,
        booked_at=Timestamp(head.booked_at),
        period=head.period,
        recorded_at_us=microseconds(head.recorded_at),
    )


@lru_cache(maxsize=1_024)  # what is recorded at once, has one time
def microseconds(at: datetime) -> int:
    """A time of the database's clock as the chain contains it."""
    return (at - _START) // _MICROSECOND


def _spelled_accounts(
    connection: Connection, book: Book, ids: Collection[bytes]
) -> dict[bytes, bytes]:
    """The accounts of these ids as digests contain them, each named by its id in this book."""
    if not ids:
        return {}
    found: dict[bytes, bytes] = {}
    for account_id, kind, epoch, work_id, part, payee in rows_of(
        connection, _ACCOUNTS, {"ids": b"".join(ids), "count": len(ids)}
    ):
        account = Account(
            kind=AccountKind(kind), epoch=epoch, work_id=work_id, part=part, payee=payee
        )
        if book.account_id(account) == account_id:
            found[account_id] = account.spelled
    for account_id in ids:
        if account_id not in found:
            raise EntryConflict("account", Hash32(account_id))
    return found


def _checked(head: tuple[Any, ...], postings: list[SpelledPosting]) -> SpelledEntry:
    """A row of `_HEADS` with its postings, if its id and digest are those of what they say."""
    (key, kind, source_id, leg, version, status, at, block, number, block_hash, *rest) = head
    digest, booked_at, period, recorded_at = rest
    evidence = b"" if number is None else spelled_block(number, block_hash)
    name = entry_id(kind, source_id, leg, version)
    if name != key or digest != content_digest(name, status, at, evidence, postings):
        raise EntryConflict("journal entry", Hash32(key))
    return SpelledEntry(
        name,
        kind,
        source_id,
        leg,
        version,
        status,
        at,
        block,
        block_hash or b"",
        postings,
        booked_at,
        period,
        microseconds(recorded_at),
    )
