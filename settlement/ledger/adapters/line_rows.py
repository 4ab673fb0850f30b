"""Lines of one book in Postgres: tips that are owed, and lines of documents."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Hash32
from contracts.units import BaseUnits
from settlement.errors import EntryConflict
from settlement.ledger.accounts import Account, Book
from settlement.ledger.adapters.bulk import copied_bytes, copy_in, is_one_of
from settlement.ledger.adapters.line_tables import DOCUMENT, LINE
from settlement.ledger.adapters.queries import is_current
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.journal import JournalEntry
from settlement.ledger.lines import OwedLine

_LINES = (
    "COPY ledger_line (op_id, version, chain_id, contract, list_id, list_index, payee, asset,"
    " amount, payer, owed_since, account_id, entry_id) FROM STDIN"
)


def booked_lists(connection: Connection, book: Book) -> set[Hash32]:
    """Lists of documents that are booked in the current version."""
    query = select(DOCUMENT.c.list_id).where(*is_current(DOCUMENT, book))
    return set(connection.execute(query).scalars())


def add_document(
    connection: Connection, book: Book, version: int, document: AcceptedDocument
) -> None:
    """Say that a document is booked."""
    row = {
        "chain_id": book.chain_id,
        "contract": book.contract,
        "version": version,
        "list_id": document.list_id,
        "digest": document.digest,
    }
    connection.execute(insert(DOCUMENT), [row])


def add_lines(
    connection: Connection,
    book: Book,
    new: Sequence[tuple[OwedLine, JournalEntry]],
    spelled_id: Callable[[Account], str],
) -> None:
    """Insert lines, or verify them, with the entries that owe them.

    `spelled_id` is how COPY reads the id of an account.

    Raises:
        EntryConflict: a line of this op-id has other content.
    """
    if not new:
        return
    stored = lines(connection, book, [line.op_id for line, _ in new])
    fresh: dict[Hash32, tuple[OwedLine, JournalEntry]] = {}
    for line, entry in new:
        if stored.setdefault(line.op_id, line) is line:
            fresh[line.op_id] = line, entry
        elif stored[line.op_id] != line:
            raise EntryConflict("line", line.op_id)
    if fresh:
        copy_in(connection, _LINES, _copied(book, fresh.values(), spelled_id))


def lines(connection: Connection, book: Book, op_ids: Sequence[Hash32]) -> dict[Hash32, OwedLine]:
    """Lines by op-id, as far as they are known in the current version."""
    query = select(LINE).where(*is_current(LINE, book), is_one_of(LINE.c.op_id, op_ids))
    return {row.op_id: line_from_row(row) for row in connection.execute(query)} if op_ids else {}


def line_from_row(row: Row[Any]) -> OwedLine:
    """Read a line."""
    return OwedLine(
        op_id=row.op_id,
        list_id=row.list_id,
        index=row.list_index,
        payee=row.payee,
        asset=row.asset,
        amount=BaseUnits(row.amount),
        payer=row.payer,
        owed_since=row.owed_since,
    )


def _copied(
    book: Book,
    new: Iterable[tuple[OwedLine, JournalEntry]],
    spelled_id: Callable[[Account], str],
) -> Iterator[str]:
    place = f"{book.chain_id}\t{copied_bytes(book.contract)}"
    for line, entry in new:
        payer = "\\N" if line.payer is None else copied_bytes(line.payer)
        yield (
            f"{copied_bytes(line.op_id)}\t{entry.source.version}\t{place}"
            f"\t{copied_bytes(line.list_id)}\t{line.index}\t{copied_bytes(line.payee)}"
            f"\t{copied_bytes(line.asset)}\t{line.amount}\t{payer}\t{line.owed_since}"
            f"\t{spelled_id(line.account)}\t{copied_bytes(entry.id)}"
        )
