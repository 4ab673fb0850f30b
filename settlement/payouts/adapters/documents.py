"""Payout documents in Postgres: added by one person, accepted by another, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Result, Row, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, ChainId, Hash32, Timestamp
from settlement.ledger.documents import AcceptedDocument
from settlement.payouts.adapters.document_file import read_document
from settlement.payouts.adapters.document_tables import (
    PAYOUT_DOCUMENT,
    PAYOUT_DOCUMENT_ACCEPTANCE,
)
from settlement.payouts.documents import PayoutDocument, require_distinct, require_same
from settlement.payouts.errors import DocumentDiffers, NotAcceptable


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document with who added and who accepted it; None where nobody did yet."""

    document: PayoutDocument
    added_by: str
    accepted_by: str | None
    accepted_at: Timestamp | None


class SqlDocuments:
    """`ledger.documents.AcceptedDocuments` of one payout batch, and its records."""

    def __init__(self, connection: Connection, chain_id: ChainId, contract: Address) -> None:
        self._connection = connection
        self._chain_id, self._contract = chain_id, contract

    def add(self, document: PayoutDocument, *, added_by: str) -> bool:
        """Keep a document; False if the same one is kept already.

        Raises:
            DocumentConflict: its list is kept with other lines, or under a name like it.
        """
        inserted = self._connection.execute(
            insert(PAYOUT_DOCUMENT)
            .values(
                digest=document.digest,
                chain_id=self._chain_id,
                contract=self._contract,
                list_id=document.list_id,
                source=document.source,
                added_by=added_by,
            )
            .on_conflict_do_nothing()
            .returning(PAYOUT_DOCUMENT.c.digest)
        ).first()
        (stored,) = self._stored(PAYOUT_DOCUMENT.c.list_id == document.list_id)
        require_same(stored.document, document)
        if inserted is not None:
            require_distinct(document, [one.document.name for one in self._stored()])
        return inserted is not None

    def accept(self, digest: Hash32, *, accepted_by: str, at: Timestamp) -> StoredDocument:
        """Accept a document, from when on its lines are owed; accepting it again changes nothing.

        Raises:
            NotAcceptable: it is not known here, or the same person added it.
            DocumentConflict: one with a name like it was accepted.
        """
        found = self.kept(digest)
        if _is_same_person(found.added_by, accepted_by):
            raise NotAcceptable(digest, f"{accepted_by} added it; another person must accept it")
        if found.accepted_at is None:  # two may have been added at once
            accepted = [one for one in self._stored() if one.accepted_at is not None]
            require_distinct(found.document, [one.document.name for one in accepted])
        self._connection.execute(
            insert(PAYOUT_DOCUMENT_ACCEPTANCE)
            .values(digest=digest, accepted_by=accepted_by, accepted_at=at)
            .on_conflict_do_nothing()
        )
        return self.kept(digest)

    def kept(self, digest: Hash32) -> StoredDocument:
        """A document that was added.

        Raises:
            NotAcceptable: it was not.
        """
        found = self._stored(PAYOUT_DOCUMENT.c.digest == digest)
        if not found:
            raise NotAcceptable(digest, "it was never added here")
        return found[0]

    def all(self) -> list[StoredDocument]:
        """Every document, in the order in which they were added."""
        return self._stored()

    def accepted(self) -> Sequence[AcceptedDocument]:
        """All that were ever accepted, in the order of acceptance."""
        found = [one for one in self._stored() if one.accepted_at is not None]
        documents = [
            AcceptedDocument(
                digest=one.document.digest,
                list_id=one.document.list_id,
                accepted_at=one.accepted_at,
                lines=one.document.lines,
            )
            for one in found
            if one.accepted_at is not None
        ]
        return sorted(documents, key=lambda one: (one.accepted_at, one.digest))

    def _stored(self, *conditions: ColumnElement[bool]) -> list[StoredDocument]:
        table, acceptance = PAYOUT_DOCUMENT.c, PAYOUT_DOCUMENT_ACCEPTANCE.c
        query = (
            select(
                table.digest,
                table.source,
                table.added_by,
                acceptance.accepted_by,
                acceptance.accepted_at,
            )
            .join_from(
                PAYOUT_DOCUMENT,
                PAYOUT_DOCUMENT_ACCEPTANCE,
                acceptance.digest == table.digest,
                isouter=True,
            )
            .where(table.chain_id == self._chain_id, table.contract == self._contract)
            .where(*conditions)
            .order_by(table.recorded_at, table.digest)
        )
        rows: Result[Any] = self._connection.execute(query)
        return [_document(row) for row in rows]


def _is_same_person(one: str, other: str) -> bool:
    """Whether two names are one, however they are spelled."""
    return one.strip().casefold() == other.strip().casefold()


def _document(row: Row[Any]) -> StoredDocument:
    """Read a row.

    Raises:
        DocumentDiffers: its bytes are not those that its digest names.
    """
    document = read_document(bytes(row.source))
    if document.digest != row.digest:
        raise DocumentDiffers(row.digest, document.digest)
    return StoredDocument(
        document=document,
        added_by=row.added_by,
        accepted_by=row.accepted_by,
        accepted_at=None if row.accepted_at is None else Timestamp(row.accepted_at),
    )
