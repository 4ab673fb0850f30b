"""Payout documents of a settlement's batch, as the command line and the API keep them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from api.documents import DocumentDesk, KeptDocument
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, Hash32
from indexer.adapters.book_reads import BookFacts
from indexer.adapters.reads import FactReads
from scripts.settings import Settings
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.store import LedgerStore
from settlement.payouts.acceptance import (
    SignedDocument,
    acceptance_of,
    proof_problems,
)
from settlement.payouts.adapters.document_file import read_document
from settlement.payouts.adapters.document_signatures import SqlDocumentSignatures
from settlement.payouts.adapters.documents import SqlDocuments, StoredDocument
from settlement.payouts.documents import (
    PayoutDocument,
    op_ids_of,
    require_payable,
    settled_lines,
)
from settlement.payouts.errors import BadAcceptance, NotAcceptable


@dataclass(frozen=True, slots=True)
class BatchDocuments:
    """`api.documents.Documents`: read, checked against the settlement, and kept in Postgres.

    Where `signers` are named, two of them must have signed what is accepted.
    """

    engine: Engine
    settlement: Settlement
    batch: Address
    signers: frozenset[Address] | None = None

    def add(self, source: bytes, *, added_by: str) -> KeptDocument:
        """Read a document and keep it; the same one again changes nothing.

        Raises:
            BadDocument: it is none, or not for this batch.
            DocumentConflict: its list is kept, or was paid, with other lines.
        """
        given, one = read_document(source), self.settlement
        require_payable(given, chain_id=one.chain_id, contract=self.batch, assets=one.tokens)
        with self.engine.begin() as connection:
            documents = SqlDocuments(connection, one.chain_id, self.batch)
            settled = self._settled(connection, given)
            is_new = documents.add(given, added_by=added_by)
            stored = documents.kept(given.digest)
        return _kept(stored, is_new=is_new, settled=settled)

    def accept(self, digest: Hash32, *, accepted_by: str) -> KeptDocument | None:
        """Accept a document as of the finalized block; None while there is none.

        The book is locked meanwhile: what is posted before is no later than the acceptance, so that
        every line that had ended by then is told apart from what it is owed for afterwards.

        Raises:
            NotAcceptable: it is not known here, or the same person added it, or two signatures are
                needed and it has not got them.
            DocumentConflict: the chain has settled its lines otherwise.
        """
        one = self.settlement
        with self.engine.begin() as connection:
            LedgerStore(connection, Book(chain_id=one.chain_id, contract=self.batch)).lock()
            block = FactReads(connection, one).finalized()
            if block is None:
                return None
            documents = SqlDocuments(connection, one.chain_id, self.batch)
            self._require_signed(connection, documents.kept(digest).document)
            stored = documents.accept(digest, accepted_by=accepted_by, at=block.timestamp)
            settled = self._settled(connection, stored.document)
        return _kept(stored, is_new=False, settled=settled)

    def sign(
        self, digest: Hash32, signature: bytes, *, persons: Mapping[Address, str]
    ) -> SignedDocument:
        """Keep the signature of one of these persons over a document that was added.

        Raises:
            NotAcceptable: it is not known here.
            BadAcceptance: the signature is of something else, or of nobody among them.
        """
        with self.engine.begin() as connection:
            document = SqlDocuments(connection, self.settlement.chain_id, self.batch).kept(digest)
            acceptance = acceptance_of(document.document, signature)
            if acceptance.signer not in persons:
                why = f"it is of {acceptance.signer}, who is no approver here, or of something else"
                raise BadAcceptance(digest, why)
            signatures = SqlDocumentSignatures(connection)
            signatures.keep(document.document, acceptance)
            return signatures.signed(document.document)

    def signed(self, digest: Hash32) -> SignedDocument:
        """A document with all signatures that are kept of it.

        Raises:
            NotAcceptable: it is not known here.
        """
        with self.engine.begin() as connection:
            stored = SqlDocuments(connection, self.settlement.chain_id, self.batch).kept(digest)
            return SqlDocumentSignatures(connection).signed(stored.document)

    def _require_signed(self, connection: Connection, document: PayoutDocument) -> None:
        if self.signers is None:
            return
        signed = SqlDocumentSignatures(connection).signed(document)
        problems = proof_problems(signed, self.signers)
        if problems:
            raise NotAcceptable(document.digest, "; ".join(problems))

    def _settled(self, connection: Connection, document: PayoutDocument) -> tuple[int, ...]:
        """Lines that the chain has settled by the finalized block.

        Raises:
            DocumentConflict: otherwise than the document says.
        """
        facts = BookFacts(connection, self.settlement, ContractName.PAYOUT_BATCH)
        block = facts.finalized()
        if block is None:
            return ()
        op_ids = op_ids_of(document, len(document.lines) + 1)
        return settled_lines(document, facts.line_ends(op_ids, block))


def document_desks(settings: Settings, engine: Engine) -> Mapping[str, DocumentDesk]:
    """The desks of settlements with a payout batch, if the payout policy names persons."""
    persons, signers = settings.policy.approvers if settings.policy else {}, signers_of(settings)
    batches = [
        (one, batch)
        for one in settings.settlements
        if (batch := one.payments.get(ContractName.PAYOUT_BATCH)) is not None
    ]
    return {
        one.name: DocumentDesk(
            documents=BatchDocuments(engine, one, batch, signers), persons=persons
        )
        for one, batch in batches
        if persons
    }


def signers_of(settings: Settings) -> frozenset[Address] | None:
    """Two of whom must sign a document, where the policy says so."""
    policy = settings.policy
    return frozenset(policy.approvers) if policy and policy.are_documents_signed else None


def _kept(stored: StoredDocument, *, is_new: bool, settled: tuple[int, ...]) -> KeptDocument:
    return KeptDocument(
        document=stored.document,
        is_new=is_new,
        settled=settled,
        added_by=stored.added_by,
        accepted_by=stored.accepted_by,
        accepted_at=stored.accepted_at,
    )
