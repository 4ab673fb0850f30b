"""Signatures over payout documents in Postgres: kept once they are checked, and never changed."""

from typing import Any

from sqlalchemy import Connection, Result, select
from sqlalchemy.dialects.postgresql import insert

from settlement.payouts.acceptance import Acceptance, SignedDocument
from settlement.payouts.adapters.document_tables import PAYOUT_DOCUMENT_SIGNATURE
from settlement.payouts.documents import PayoutDocument


class SqlDocumentSignatures:
    """What was signed for documents that are kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, document: PayoutDocument, acceptance: Acceptance) -> bool:
        """Keep a checked signature; False if one of the same key is kept already."""
        row = {
            "digest": document.digest,
            "signer": acceptance.signer,
            "signature": acceptance.signature,
        }
        inserted = self._connection.execute(
            insert(PAYOUT_DOCUMENT_SIGNATURE)
            .values(row)
            .on_conflict_do_nothing()
            .returning(PAYOUT_DOCUMENT_SIGNATURE.c.signer)
        )
        return inserted.first() is not None

    def signed(self, document: PayoutDocument) -> SignedDocument:
        """A document with all its signatures as they are stored, by signer: not checked."""
        table = PAYOUT_DOCUMENT_SIGNATURE.c
        query = select(table.signer, table.signature).where(table.digest == document.digest)
        rows: Result[Any] = self._connection.execute(query.order_by(table.signer))
        found = tuple(Acceptance(row.signer, bytes(row.signature)) for row in rows)
        return SignedDocument(document, found)
