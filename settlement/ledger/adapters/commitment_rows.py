"""Commitments of one book in Postgres: their entries, and how they ended."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import BlockNumber, Epoch, Hash32, LogIndex, LogRef
from settlement.errors import EntryConflict
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.queries import is_current
from settlement.ledger.adapters.rows import entries_from_rows, select_entries
from settlement.ledger.adapters.tables import (
    COMMITMENT,
    COMMITMENT_OUTCOME,
    JOURNAL_ENTRY,
    POSTING,
)
from settlement.ledger.commitments import Commitment, CommitmentOutcome
from settlement.ledger.journal import JournalEntry

_KEYS = ("chain_id", "contract", "version", "epoch", "attempt")


def add(connection: Connection, book: Book, version: int, commitment: Commitment) -> None:
    """Insert or verify; its entry must be recorded."""
    row = _key(book, version, commitment) | {
        "block_number": commitment.ref.block_number,
        "log_index": commitment.ref.log_index,
        "manifest_digest": commitment.manifest_digest,
        "root": commitment.root,
        "active_at": commitment.active_at,
        "entry_id": commitment.entry.id if commitment.entry else None,
    }
    connection.execute(insert(COMMITMENT).on_conflict_do_nothing(), [row])
    if find(connection, book, commitment.epoch, commitment.attempt) != commitment:
        raise EntryConflict("commitment", (commitment.epoch, commitment.attempt))


def find(connection: Connection, book: Book, epoch: Epoch, attempt: int) -> Commitment | None:
    """A commitment of the current version, open or not."""
    is_it = (COMMITMENT.c.epoch == epoch, COMMITMENT.c.attempt == attempt)
    found = _commitments(connection, book, is_it)
    return found[0] if found else None


def find_open(connection: Connection, book: Book) -> Commitment | None:
    """The commitment that is neither activated nor vetoed.

    Raises:
        EntryConflict: there are several, which the contract rules out.
    """
    is_closed = (
        select(COMMITMENT_OUTCOME.c.epoch)
        .where(and_(*(COMMITMENT_OUTCOME.c[key] == COMMITMENT.c[key] for key in _KEYS)))
        .exists()
    )
    found = _commitments(connection, book, [~is_closed])
    if len(found) > 1:
        raise EntryConflict("open commitment", [each.epoch for each in found])
    return found[0] if found else None


def close(
    connection: Connection,
    book: Book,
    version: int,
    commitment: Commitment,
    outcome: CommitmentOutcome,
) -> None:
    """Insert or verify how a commitment ended."""
    key = _key(book, version, commitment)
    row = key | {"outcome": outcome.value}
    connection.execute(insert(COMMITMENT_OUTCOME).on_conflict_do_nothing(), [row])
    is_it = (COMMITMENT_OUTCOME.c[name] == value for name, value in key.items())
    query = select(COMMITMENT_OUTCOME.c.outcome).where(*is_it)
    if connection.execute(query).scalar_one() != outcome.value:
        raise EntryConflict("commitment outcome", (commitment.epoch, commitment.attempt))


def _key(book: Book, version: int, commitment: Commitment) -> dict[str, Any]:
    values = (book.chain_id, book.contract, version, commitment.epoch, commitment.attempt)
    return dict(zip(_KEYS, values, strict=True))


def _commitments(
    connection: Connection, book: Book, conditions: Iterable[ColumnElement[bool]]
) -> list[Commitment]:
    query = select(COMMITMENT).where(*is_current(COMMITMENT, book), *conditions)
    return [
        Commitment(
            ref=LogRef(book.chain_id, BlockNumber(row.block_number), LogIndex(row.log_index)),
            epoch=row.epoch,
            attempt=row.attempt,
            manifest_digest=row.manifest_digest,
            root=row.root,
            active_at=row.active_at,
            entry=_entry(connection, row.entry_id) if row.entry_id else None,
        )
        for row in connection.execute(query).all()
    ]


def _entry(connection: Connection, entry_id: Hash32) -> JournalEntry:
    query = select_entries().where(JOURNAL_ENTRY.c.id == entry_id)
    return entries_from_rows(connection.execute(query.order_by(POSTING.c.ordinal)))[0]
