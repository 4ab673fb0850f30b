"""Reads of books: entries in the order of their recording, seals, and what proofs are made of.

An entry is checked against its id and its digest when it is read, as everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from api.adapters.snapshot import Snapshot
from api.errors import JournalDiffers
from api.schemas.envelope import Block
from contracts.evm import Address, BlockNumber, Epoch, Hash32, Timestamp
from contracts.units import BaseUnits
from settlement.errors import BadEntry
from settlement.ledger.accounts import Account, AccountKind, Book
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    Source,
    SourceKind,
)
from settlement.ledger.seal import Link, RecordedEntry, Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRow:
    """Where a book is."""

    contract: bytes
    number: int
    hash: bytes
    timestamp: int
    version: int
    numbered: int
    sealed_to: int

    @property
    def block(self) -> Block:
        """The last block whose events it has."""
        return Block(number=self.number, hash=Hash32(self.hash), timestamp=self.timestamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it was recorded, with its place in the chain and the epoch that seals it."""

    recorded: RecordedEntry
    link: Link | None
    sealed_in: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeadRow:
    id: bytes
    source_kind: str
    source_id: bytes
    leg: int
    version: int
    status: str
    effective_at: int
    effective_block: int
    block_hash: bytes | None
    booked_at: int
    period: int
    arrival: int
    recorded_at_us: int
    content_digest: bytes
    posting_count: int
    sequence: int | None
    leaf: bytes | None
    link: bytes | None
    sealed_in: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _PostingRow:
    entry_id: bytes
    asset: bytes
    amount: int
    debit_kind: str
    debit_epoch: int | None
    debit_work_id: bytes | None
    debit_part: int | None
    debit_payee: bytes | None
    credit_kind: str
    credit_epoch: int | None
    credit_work_id: bytes | None
    credit_part: int | None
    credit_payee: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _BlockRow:
    hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which entries of a journal: under a seal, naming an account, in effect at a block.

    What is in effect at block `upto` is of the current version; None narrows nothing.
    """

    version: int
    under: Seal | None
    account: Account | None
    upto: int | None


_BOOKS = """
    SELECT DISTINCT ON (c.contract) c.contract, c.block_number AS number, c.block_hash AS hash,
           c.timestamp, c.version,
           coalesce((SELECT max(sequence) FROM ledger_link l
                     WHERE l.chain_id = c.chain_id AND l.contract = c.contract), 0) AS numbered,
           coalesce((SELECT last_sequence FROM ledger_seal s
                     WHERE s.chain_id = c.chain_id AND s.contract = c.contract
                     ORDER BY epoch DESC LIMIT 1), 0) AS sealed_to
    FROM ledger_cursor c
    WHERE c.chain_id = %(chain_id)s
      AND (%(contract)s::bytea IS NULL OR c.contract = %(contract)s)
    ORDER BY c.contract, c.version DESC
"""

_BLOCK = """
    SELECT hash, timestamp FROM block
    WHERE chain_id = %(chain_id)s AND number = %(number)s
"""

_ENTRY_COLUMNS = """
    e.id, e.source_kind, e.source_id, e.leg, e.version, e.status, e.effective_at,
    e.effective_block, e.block_hash, e.booked_at, e.period, e.arrival,
    (extract(epoch FROM e.recorded_at) * 1000000)::bigint AS recorded_at_us,
    e.content_digest, e.posting_count, l.sequence, l.leaf, l.link, (
        SELECT s.epoch FROM ledger_seal s
        WHERE s.chain_id = l.chain_id AND s.contract = l.contract
          AND l.sequence BETWEEN s.first_sequence AND s.last_sequence
    ) AS sealed_in
"""

_RECORDED = f"""
    SELECT {_ENTRY_COLUMNS} FROM journal_entry e LEFT JOIN ledger_link l ON l.entry_id = e.id
    WHERE e.chain_id = %(chain_id)s AND e.contract = %(contract)s AND e.arrival > %(after)s
"""  # noqa: S608 - of constants

_NUMBERED = f"""
    SELECT {_ENTRY_COLUMNS} FROM ledger_link l JOIN journal_entry e ON e.id = l.entry_id
    WHERE l.chain_id = %(chain_id)s AND l.contract = %(contract)s
      AND l.sequence BETWEEN %(first)s AND %(last)s AND e.arrival > %(after)s
"""  # noqa: S608 - of constants

_OF_ACCOUNT = """
    AND e.id IN (SELECT entry_id FROM posting WHERE debit_account = %(account)s
                 UNION ALL SELECT entry_id FROM posting WHERE credit_account = %(account)s)
"""

_UP_TO = " AND e.version = %(version)s AND e.effective_block <= %(upto)s"

_PAGE = " ORDER BY e.arrival LIMIT %(limit)s"

_NAMED = f"""
    SELECT {_ENTRY_COLUMNS} FROM journal_entry e LEFT JOIN ledger_link l ON l.entry_id = e.id
    WHERE e.chain_id = %(chain_id)s AND e.contract = %(contract)s AND e.id = %(id)s
"""  # noqa: S608 - of constants

_POSTINGS = """
    SELECT p.entry_id, p.asset, p.amount,
           d.kind AS debit_kind, d.epoch AS debit_epoch, d.work_id AS debit_work_id,
           d.part AS debit_part, d.payee AS debit_payee,
           c.kind AS credit_kind, c.epoch AS credit_epoch, c.work_id AS credit_work_id,
           c.part AS credit_part, c.payee AS credit_payee
    FROM posting p
    JOIN ledger_account d ON d.id = p.debit_account
    JOIN ledger_account c ON c.id = p.credit_account
    WHERE p.entry_id = ANY(%(ids)s::bytea[]) ORDER BY p.entry_id, p.ordinal
"""


async def read_books(reads: Snapshot, chain_id: int, contract: Address | None) -> list[BookRow]:
    """All books of a chain, or the one of a contract, in which anything was ever posted."""
    values = {"chain_id": chain_id, "contract": None if contract is None else bytes(contract)}
    return await reads.rows(BookRow, _BOOKS, values)


async def read_block(reads: Snapshot, row: BookRow, chain_id: int, number: int) -> Block | None:
    """A block that a book has reached; None where it has not, or the block is not indexed."""
    if number > row.number:
        return None
    if number == row.number:
        return row.block
    values = {"chain_id": chain_id, "number": number}
    found = await reads.rows(_BlockRow, _BLOCK, values)
    if not found:
        return None
    return Block(number=number, hash=Hash32(found[0].hash), timestamp=found[0].timestamp)


async def read_journal(
    reads: Snapshot, book: Book, which: Which, *, after: int, limit: int
) -> list[StoredEntry]:
    """Entries recorded after an arrival, in that order.

    Raises:
        JournalDiffers: an entry is not what was recorded.
    """
    values = _scope(book) | {"after": after, "limit": limit}
    query = _RECORDED
    if which.under is not None:
        query = _NUMBERED
        values |= {"first": which.under.first_sequence, "last": which.under.last_sequence}
    if which.account is not None:
        query += _OF_ACCOUNT
        values |= {"account": bytes(book.account_id(which.account))}
    if which.upto is not None:
        query += _UP_TO
        values |= {"version": which.version, "upto": which.upto}
    return await _with_postings(reads, await reads.rows(_HeadRow, query + _PAGE, values))


async def read_entry(reads: Snapshot, book: Book, entry_id: Hash32) -> StoredEntry | None:
    """One entry of a book.

    Raises:
        JournalDiffers: it is not what was recorded.
    """
    heads = await reads.rows(_HeadRow, _NAMED, _scope(book) | {"id": bytes(entry_id)})
    found = await _with_postings(reads, heads)
    return found[0] if found else None


async def _with_postings(reads: Snapshot, heads: Sequence[_HeadRow]) -> list[StoredEntry]:
    values = {"ids": [head.id for head in heads]}
    rows = await reads.rows(_PostingRow, _POSTINGS, values) if heads else []
    postings = {key: list(group) for key, group in groupby(rows, key=lambda row: row.entry_id)}
    return [_stored(head, postings.get(head.id, [])) for head in heads]


def _stored(head: _HeadRow, rows: Sequence[_PostingRow]) -> StoredEntry:
    try:
        entry = _entry(head, rows)
    except (BadEntry, ValueError) as error:
        raise JournalDiffers(Hash32(head.id), str(error)) from error
    digest = entry.content_digest
    if (entry.id, digest, len(rows)) != (head.id, head.content_digest, head.posting_count):
        raise JournalDiffers(Hash32(head.id), "it does not have its id and digest")
    link = None
    if head.sequence is not None and head.leaf is not None and head.link is not None:
        link = Link(head.sequence, entry.id, Hash32(head.leaf), Hash32(head.link))
    recorded = RecordedEntry(
        entry=entry,
        arrival=head.arrival,
        booked_at=Timestamp(head.booked_at),
        period=head.period,
        recorded_at_us=head.recorded_at_us,
    )
    return StoredEntry(recorded=recorded, link=link, sealed_in=head.sealed_in)


def _entry(head: _HeadRow, rows: Sequence[_PostingRow]) -> JournalEntry:
    number = BlockNumber(head.effective_block)
    evidence = None
    if head.block_hash is not None:
        evidence = Evidence(block_number=number, block_hash=Hash32(head.block_hash))
    return JournalEntry(
        source=Source(SourceKind(head.source_kind), head.source_id, head.version),
        leg=head.leg,
        status=EntryStatus(head.status),
        effective_at=Timestamp(head.effective_at),
        effective_block=number,
        evidence=evidence,
        postings=tuple(
            Posting(
                asset=Address(row.asset),
                amount=BaseUnits(row.amount),
                debit=_account(
                    row.debit_kind,
                    row.debit_epoch,
                    row.debit_work_id,
                    row.debit_part,
                    row.debit_payee,
                ),
                credit=_account(
                    row.credit_kind,
                    row.credit_epoch,
                    row.credit_work_id,
                    row.credit_part,
                    row.credit_payee,
                ),
            )
            for row in rows
        ),
    )


def _account(
    kind: str, epoch: int | None, work_id: bytes | None, part: int | None, payee: bytes | None
) -> Account:
    return Account(
        kind=AccountKind(kind),
        epoch=None if epoch is None else Epoch(epoch),
        work_id=None if work_id is None else Hash32(work_id),
        part=part,
        payee=None if payee is None else Address(payee),
    )


def _scope(book: Book) -> dict[str, object]:
    return {"chain_id": book.chain_id, "contract": bytes(book.contract)}
