"""Verification of one book against its own rows: reads all of them, changes none."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select, text

from contracts.evm import Address, BlockNumber, BlockRef, Epoch, Hash32
from settlement.errors import BadEntry
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.period_reads import closes_of
from settlement.ledger.adapters.protections import protections
from settlement.ledger.adapters.queries import is_of
from settlement.ledger.adapters.record_checks import record_differences
from settlement.ledger.adapters.recorded import recorded_entry
from settlement.ledger.adapters.rows import account_columns, account_from_row, entry_from_rows
from settlement.ledger.adapters.seal_tables import LINK
from settlement.ledger.adapters.seals import SealReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.adapters.tables import ACCOUNT, JOURNAL_ENTRY, POSTING
from settlement.ledger.seal import Link
from settlement.ledger.verify import (
    BookCheck,
    Difference,
    StoredEntry,
    account_differences,
    evidence_difference,
    totals_difference,
)

_ENTRIES_PER_PAGE = 2_000
_DEBIT, _CREDIT = ACCOUNT.alias("debit"), ACCOUNT.alias("credit")

FinalizedHashes = Callable[[Collection[BlockNumber]], Mapping[BlockNumber, Hash32]]
"""Hashes of finalized blocks, as far as they are indexed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was checked, and the first thing that differs.

    `unsealed` and `unsealed_closes` count the newest entries and closed months.
    `is_kept_by_permission`: whoever asked may not change the books even without their triggers.
    """

    entries: int
    numbered: int
    seals: int
    unsealed: int
    unsealed_closes: int
    cursor: BlockRef | None
    is_kept_by_permission: bool
    difference: Difference | None


def verify_book(
    connection: Connection,
    book: Book,
    *,
    published: Mapping[Epoch, Hash32],
    finalized: FinalizedHashes,
    told: Callable[[int, int], None],
    closed: int | None = None,
) -> Verified:
    """Check everything that the book says against everything else that it says.

    Args:
        connection: in one REPEATABLE READ transaction.
        book: which.
        published: roots of seals that were published before.
        finalized: the finalized chain, to compare evidence with.
        told: is told how many entries of how many are done.
        closed: a month that was reported as closed: nothing else shows that closes were taken away
            which no seal was over.
    """
    store, seals = LedgerStore(connection, book), SealReads(connection, book).seals()
    check = BookCheck(
        book=book,
        cursor=store.cursor(),
        version=store.version(),
        seals=seals,
        closes=closes_of(connection, book),
    )
    difference = (
        check.expected(published)
        or _closed(store.closed_period(), closed)
        or next(_accounts(connection, book), None)
        or _cursor(check.cursor, finalized)
        or _entries(connection, check, finalized, told)
        or check.finish(_count(connection, book))
        or next(_totals(connection, book), None)
        or next(
            record_differences(connection, book, version=check.version, cursor=check.cursor), None
        )
        or next(_unprotected(connection), None)
    )
    numbered = check.last.sequence if check.last else 0
    return Verified(
        entries=check.entries,
        numbered=numbered,
        seals=len(seals),
        unsealed=max(0, check.entries - (seals[-1].last_sequence if seals else 0)),
        unsealed_closes=check.unsealed_closes,
        cursor=check.cursor,
        is_kept_by_permission=all(table.by_permission for table in protections(connection)),
        difference=difference,
    )


def _closed(stored: int | None, reported: int | None) -> Difference | None:
    if reported is None or (stored is not None and stored >= reported):
        return None
    wanted, actual = f"{reported} or later", str(stored)
    return Difference(what="closed period", where="the newest", expected=wanted, actual=actual)


def _entries(
    connection: Connection,
    check: BookCheck,
    finalized: FinalizedHashes,
    told: Callable[[int, int], None],
) -> Difference | None:
    total = connection.execute(
        select(func.count()).where(*is_of(JOURNAL_ENTRY, check.book))
    ).scalar_one()
    after, done = 0, 0
    while heads := _heads(connection, check.book, after):
        page = list(_stored(connection, check.book, heads))
        for stored in page:
            if found := _checked(check, stored):
                return found
        if found := _evidence(page, check.version, finalized):
            return found
        after, done = heads[-1].arrival, done + len(heads)
        told(done, total)
    return None


def _checked(check: BookCheck, stored: StoredEntry) -> Difference | None:
    try:
        return check.entry(stored)
    except OverflowError as error:  # a negative number where there is none
        where = f"entry {stored.entry_id}"
        return Difference(what="entry", where=where, expected="whole", actual=str(error))


def _heads(connection: Connection, book: Book, after: int) -> list[Row[Any]]:
    query = (
        select(JOURNAL_ENTRY, LINK.c.sequence, LINK.c.leaf, LINK.c.link)
        .outerjoin(LINK, LINK.c.entry_id == JOURNAL_ENTRY.c.id)
        .where(*is_of(JOURNAL_ENTRY, book), JOURNAL_ENTRY.c.arrival > after)
        .order_by(JOURNAL_ENTRY.c.arrival)
        .limit(_ENTRIES_PER_PAGE)
    )
    return list(connection.execute(query))


def _stored(connection: Connection, book: Book, heads: list[Row[Any]]) -> Iterator[StoredEntry]:
    """The entries of a page with their postings, which are read apart: some may be missing."""
    query = (
        select(
            JOURNAL_ENTRY,
            POSTING.c.entry_id,
            POSTING.c.ordinal,
            POSTING.c.asset,
            POSTING.c.amount,
            POSTING.c.version.label("posting_version"),
            POSTING.c.status.label("posting_status"),
            POSTING.c.posting_count.label("count_of_posting"),
            POSTING.c.effective_block.label("posting_block"),
            *account_columns(_DEBIT, "debit_"),
            *account_columns(_CREDIT, "credit_"),
        )
        .join(POSTING, POSTING.c.entry_id == JOURNAL_ENTRY.c.id)
        .outerjoin(_DEBIT, and_(_DEBIT.c.id == POSTING.c.debit_account, *is_of(_DEBIT, book)))
        .outerjoin(_CREDIT, and_(_CREDIT.c.id == POSTING.c.credit_account, *is_of(_CREDIT, book)))
        .where(*is_of(JOURNAL_ENTRY, book), JOURNAL_ENTRY.c.arrival >= heads[0].arrival)
        .where(JOURNAL_ENTRY.c.arrival <= heads[-1].arrival)
        .order_by(JOURNAL_ENTRY.c.arrival, POSTING.c.ordinal)
    )
    rows = {
        entry_id: list(group)
        for entry_id, group in groupby(
            connection.execute(query), key=lambda row: bytes(row.entry_id)
        )
    }
    for head in heads:
        yield _stored_entry(head, rows.get(bytes(head.id), []))


def _stored_entry(head: Row[Any], rows: list[Row[Any]]) -> StoredEntry:
    link = None
    if head.sequence is not None:
        link = Link(head.sequence, head.id, head.leaf, head.link)
    problem, recorded = _problem(head, rows), None
    if problem is None:
        try:
            recorded = recorded_entry(head, entry_from_rows(rows))
        except (BadEntry, ValueError) as error:
            problem = str(error)
    return StoredEntry(
        entry_id=head.id,
        content_digest=head.content_digest,
        recorded=recorded,
        problem=problem,
        link=link,
    )


def _problem(head: Row[Any], rows: list[Row[Any]]) -> str | None:
    """What keeps the rows of an entry from being one."""
    if [row.ordinal for row in rows] != list(range(head.posting_count)):
        return f"{len(rows)} of {head.posting_count} postings"
    for row in rows:
        if row.debit_kind is None or row.credit_kind is None:
            return f"posting {row.ordinal} of an account that this book does not have"
        repeated = (
            row.posting_version,
            row.posting_status,
            row.count_of_posting,
            row.posting_block,
        )
        wanted = (head.version, head.status, head.posting_count, head.effective_block)
        if repeated != wanted:
            return f"posting {row.ordinal} that says {repeated}, not {wanted}"
    return None


def _evidence(
    page: list[StoredEntry], version: int, finalized: FinalizedHashes
) -> Difference | None:
    """Evidence of this version is on the chain, wherever its block is still indexed."""
    proofs = [
        (stored.entry_id, stored.recorded.entry.evidence)
        for stored in page
        if stored.recorded is not None and stored.recorded.entry.source.version == version
    ]
    hashes = finalized({proof.block_number for _, proof in proofs if proof is not None})
    for entry_id, proof in proofs:
        if proof is not None and proof.block_number in hashes:
            number = proof.block_number
            found = evidence_difference(
                entry_id, number=number, recorded=proof.block_hash, finalized=hashes[number]
            )
            if found is not None:
                return found
    return None


def _cursor(cursor: BlockRef | None, finalized: FinalizedHashes) -> Difference | None:
    if cursor is None:
        return None
    actual = finalized({cursor.number}).get(cursor.number, cursor.hash)
    if actual == cursor.hash:
        return None
    where = f"block {cursor.number}"
    return Difference(what="cursor", where=where, expected=str(actual), actual=str(cursor.hash))


def _accounts(connection: Connection, book: Book) -> Iterator[Difference]:
    query = select(ACCOUNT.c.id, *account_columns(ACCOUNT)).where(*is_of(ACCOUNT, book))
    rows = connection.execute(query)
    yield from account_differences(book, ((row.id, _account(row)) for row in rows))


def _account(row: Row[Any]) -> Account | None:
    try:
        return account_from_row(row)
    except (BadEntry, ValueError):
        return None


def _count(connection: Connection, book: Book) -> int:
    return connection.execute(select(func.count()).where(*is_of(LINK, book))).scalar_one()


_SUMS = """
    WITH busy AS (
        SELECT DISTINCT c.account_id, c.asset, c.version
        FROM ledger_checkpoint c JOIN ledger_account a ON a.id = c.account_id
        WHERE a.chain_id = :chain_id AND a.contract = :contract
    ), marks AS (
        SELECT version, array_agg(block_number ORDER BY block_number) AS blocks
        FROM ledger_checkpoint_mark
        WHERE chain_id = :chain_id AND contract = :contract GROUP BY version
    ), lines AS (
        SELECT b.*, p.effective_block, p.amount AS debit, 0 AS credit
        FROM busy b JOIN posting p ON p.debit_account = b.account_id
            AND p.asset = b.asset AND p.version = b.version
        WHERE p.status = 'posted' AND NOT p.is_late
        UNION ALL
        SELECT b.*, p.effective_block, 0, p.amount
        FROM busy b JOIN posting p ON p.credit_account = b.account_id
            AND p.asset = b.asset AND p.version = b.version
        WHERE p.status = 'posted' AND NOT p.is_late
    ), shares AS (
        SELECT account_id, asset, version,
               blocks[width_bucket(effective_block - 1, blocks) + 1] AS block_number,
               sum(debit) AS debits, sum(credit) AS credits
        FROM lines JOIN marks USING (version) GROUP BY 1, 2, 3, 4
    ), sums AS (
        SELECT account_id, asset, version, block_number,
               sum(debits) OVER up_to AS debits, sum(credits) OVER up_to AS credits
        FROM shares WHERE block_number IS NOT NULL
        WINDOW up_to AS (PARTITION BY account_id, asset, version ORDER BY block_number)
    )
    SELECT c.account_id, c.asset, c.block_number, c.debits, c.credits,
           coalesce(s.debits, 0), coalesce(s.credits, 0)
    FROM busy JOIN ledger_checkpoint c USING (account_id, asset, version)
    LEFT JOIN sums s USING (account_id, asset, version, block_number)
    WHERE s.debits IS DISTINCT FROM c.debits OR s.credits IS DISTINCT FROM c.credits
    ORDER BY c.block_number, c.account_id, c.asset LIMIT 1
"""


def _totals(connection: Connection, book: Book) -> Iterator[Difference]:
    """Drawn totals that are not the sums of the postings."""
    for row in connection.execute(text(_SUMS), _values(book)):
        found = totals_difference(
            (Hash32(row[0]), Address(row[1])),
            row[2],
            wanted=(int(row[5]), int(row[6])),
            stored=(int(row[3]), int(row[4])),
        )
        if found is not None:
            yield found


def _values(book: Book) -> dict[str, object]:
    return {"chain_id": book.chain_id, "contract": bytes(book.contract)}


def _unprotected(connection: Connection) -> Iterator[Difference]:
    """Tables of the books whose trigger is gone or switched off."""
    for table in protections(connection):
        if not table.by_trigger:
            where = f"table {table.table}"
            yield Difference(
                what="protection", where=where, expected="a trigger", actual="none, or off"
            )
