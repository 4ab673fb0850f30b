"""Payout documents of a settlement's batch, as the command line and the API keep them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from api.documents import DocumentDesk, KeptDocument
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, Hash32
from scripts.settings import Settings
from scripts.wiring import FinalizedFacts
from settlement.payouts.adapters.document_file import read_document
from settlement.payouts.adapters.documents import SqlDocuments, StoredDocument
from settlement.payouts.documents import require_payable


@dataclass(frozen=True, slots=True)
class BatchDocuments:
    """`api.documents.Documents`: read, checked against the settlement, and kept in Postgres."""

    engine: Engine
    settlement: Settlement
    batch: Address

    def add(self, source: bytes, *, added_by: str) -> KeptDocument:
        """Read a document and keep it; the same one again changes nothing.

        Raises:
            BadDocument: it is none, or not for this batch.
            DocumentConflict: its list is kept with other lines.
        """
        given, one = read_document(source), self.settlement
        require_payable(given, chain_id=one.chain_id, contract=self.batch, assets=one.tokens)
        with self.engine.begin() as connection:
            documents = SqlDocuments(connection, one.chain_id, self.batch)
            is_new = documents.add(given, added_by=added_by)
            stored = documents.kept(given.digest)
        return _kept(stored, is_new=is_new)

    def accept(self, digest: Hash32, *, accepted_by: str) -> KeptDocument | None:
        """Accept a document as of the finalized block; None while there is none.

        Raises:
            NotAcceptable: it is not known here, or the same person added it.
        """
        block = FinalizedFacts(self.engine, self.settlement).finalized()
        if block is None:
            return None
        with self.engine.begin() as connection:
            documents = SqlDocuments(connection, self.settlement.chain_id, self.batch)
            stored = documents.accept(digest, accepted_by=accepted_by, at=block.timestamp)
        return _kept(stored, is_new=False)


def document_desks(settings: Settings, engine: Engine) -> Mapping[str, DocumentDesk]:
    """The desks of settlements with a payout batch, if the payout policy names persons."""
    persons = settings.policy.approvers if settings.policy is not None else {}
    batches = [
        (one, batch)
        for one in settings.settlements
        if (batch := one.payments.get(ContractName.PAYOUT_BATCH)) is not None
    ]
    return {
        one.name: DocumentDesk(documents=BatchDocuments(engine, one, batch), persons=persons)
        for one, batch in batches
        if persons
    }


def _kept(stored: StoredDocument, *, is_new: bool) -> KeptDocument:
    return KeptDocument(
        document=stored.document,
        is_new=is_new,
        added_by=stored.added_by,
        accepted_by=stored.accepted_by,
        accepted_at=stored.accepted_at,
    )
