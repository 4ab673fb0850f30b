"""Manual entries of one book in Postgres, as the canonical JSON of all that they say."""

import json
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, Timestamp
from contracts.units import BaseUnits
from settlement.errors import EntryConflict
from settlement.ledger.accounts import Book, account_from_path
from settlement.ledger.adapters.period_tables import MANUAL, MANUAL_DECISION
from settlement.ledger.adapters.queries import is_of
from settlement.ledger.adapters.tables import JOURNAL_ENTRY
from settlement.ledger.journal import Posting, SourceKind
from settlement.ledger.manual import Decided, Decision, ManualEntry


def add(connection: Connection, manual: ManualEntry) -> None:
    """Insert a proposal; the same one again is harmless."""
    row = {
        "id": manual.id,
        "chain_id": manual.book.chain_id,
        "contract": manual.book.contract,
        "maker": manual.maker,
        "effective_block": manual.effective_block,
        "content": _content(manual),
    }
    connection.execute(insert(MANUAL).on_conflict_do_nothing(), [row])


def find(connection: Connection, manual_id: Hash32) -> tuple[ManualEntry, Decided | None] | None:
    """A proposal and what was decided."""
    query = _select().where(MANUAL.c.id == manual_id)
    found = connection.execute(query).one_or_none()
    return None if found is None else _read(found)


def listed(connection: Connection, book: Book) -> list[tuple[ManualEntry, Decided | None]]:
    """All proposals of a book with what was decided, oldest first."""
    query = _select().where(*is_of(MANUAL, book)).order_by(MANUAL.c.recorded_at, MANUAL.c.id)
    return [_read(row) for row in connection.execute(query)]


def decide(connection: Connection, manual: ManualEntry, decided: Decided) -> None:
    """Insert the decision; Postgres refuses one by the maker."""
    row = {
        "manual_id": manual.id,
        "maker": manual.maker,
        "checker": decided.checker,
        "decision": decided.decision.value,
        "reason": decided.reason,
    }
    connection.execute(insert(MANUAL_DECISION), [row])


def unbooked(connection: Connection, book: Book, version: int, upto: BlockRef) -> list[ManualEntry]:
    """Approved ones that take effect up to a block and are not booked in a version; by id."""
    is_booked = (
        select(JOURNAL_ENTRY.c.id)
        .where(
            JOURNAL_ENTRY.c.source_kind == SourceKind.MANUAL.value,
            JOURNAL_ENTRY.c.source_id == MANUAL.c.id,
            JOURNAL_ENTRY.c.version == version,
            *is_of(JOURNAL_ENTRY, book),
        )
        .exists()
    )
    query = (
        _select()
        .where(*is_of(MANUAL, book), MANUAL.c.effective_block <= upto.number)
        .where(MANUAL_DECISION.c.decision == Decision.APPROVED.value, ~is_booked)
        .order_by(MANUAL.c.id)
    )
    return [_read(row)[0] for row in connection.execute(query)]


def _select() -> Any:  # noqa: ANN401 - a Select of two tables' columns
    decision = (MANUAL_DECISION.c.decision, MANUAL_DECISION.c.checker, MANUAL_DECISION.c.reason)
    return select(MANUAL.c.id, MANUAL.c.content, *decision).outerjoin(
        MANUAL_DECISION, MANUAL_DECISION.c.manual_id == MANUAL.c.id
    )


def _read(row: Any) -> tuple[ManualEntry, Decided | None]:  # noqa: ANN401
    manual = _manual(row.content)
    if manual.id != row.id:
        raise EntryConflict("manual entry", row.id)
    if row.decision is None:
        return manual, None
    return manual, Decided(decision=Decision(row.decision), checker=row.checker, reason=row.reason)


def _content(manual: ManualEntry) -> bytes:
    document = {
        "chain_id": manual.book.chain_id,
        "contract": str(manual.book.contract),
        "maker": manual.maker,
        "reason": manual.reason,
        "document_digest": str(manual.document_digest),
        "effective_at": manual.effective_at,
        "effective_block": manual.effective_block,
        "postings": [
            {
                "asset": str(posting.asset),
                "amount": str(posting.amount),
                "debit": posting.debit.path,
                "credit": posting.credit.path,
            }
            for posting in manual.postings
        ],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _manual(content: bytes) -> ManualEntry:
    document = json.loads(content)
    return ManualEntry(
        book=Book(
            chain_id=ChainId(document["chain_id"]),
            contract=Address.from_hex(document["contract"]),
        ),
        maker=document["maker"],
        reason=document["reason"],
        document_digest=Hash32.from_hex(document["document_digest"]),
        effective_at=Timestamp(document["effective_at"]),
        effective_block=BlockNumber(document["effective_block"]),
        postings=tuple(
            Posting(
                asset=Address.from_hex(posting["asset"]),
                amount=BaseUnits(int(posting["amount"])),
                debit=account_from_path(posting["debit"]),
                credit=account_from_path(posting["credit"]),
            )
            for posting in document["postings"]
        ),
    )
