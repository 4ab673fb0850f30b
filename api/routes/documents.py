"""Payout documents: added by one signed-in person, accepted by another, signed by their keys."""

import json

from fastapi import APIRouter, Response, status

from api.auth import Visitor, VisitorOf
from api.context import View, ViewOf
from api.documents import (
    DocumentDesk,
    KeptDocument,
    accept_document,
    add_document,
    sign_document,
    signed_document,
)
from api.errors import NotFound
from api.fields import HashIn
from api.problem_details import problems
from api.schemas.documents import (
    DocumentMessage,
    DocumentOut,
    DocumentRequest,
    DocumentStored,
    SignatureRequest,
    SignedDocumentFile,
)
from settlement.payouts.acceptance import SignedDocument, typed_data
from settlement.payouts.adapters.signed_document_file import to_file
from settlement.payouts.documents import op_ids_of, totals

router = APIRouter(tags=["payouts"])


@router.post(
    "/payout-documents",
    response_model=DocumentStored,
    status_code=status.HTTP_201_CREATED,
    responses={status.HTTP_200_OK: {"model": DocumentStored}, **problems(401, 403, 409, 415)},
)
async def add(
    view: ViewOf, wanted: DocumentRequest, visitor: VisitorOf, response: Response
) -> DocumentStored:
    """Keep a document of lines until another person accepts it; 200 where it was kept before.

    Who adds must be signed in as an approver of the payout policy. 409 where the list is known, or
    was paid, with other lines: its op-ids stand for what it said at first, for ever. Longer
    documents than a request may be are added at the command line.
    """
    desk = _desk(view)
    kept = await add_document(
        desk,
        _source(wanted),
        added_by=_person(desk, view, visitor),
        writers=view.context.writers,
    )
    if not kept.is_new:
        response.status_code = status.HTTP_200_OK
    return _stored(view, kept)


@router.post(
    "/payout-documents/{digest}/acceptance",
    response_model=DocumentStored,
    responses=problems(401, 403, 409),
)
async def accept(view: ViewOf, digest: HashIn, visitor: VisitorOf) -> DocumentStored:
    """Accept what another person added: from the finalized block on it is owed."""
    desk = _desk(view)
    kept = await accept_document(
        desk,
        digest,
        accepted_by=_person(desk, view, visitor),
        settlement=view.settlement.name,
        writers=view.context.writers,
    )
    return _stored(view, kept)


@router.post(
    "/payout-documents/{digest}/signatures",
    response_model=SignedDocumentFile,
    responses=problems(401, 403, 409, 415),
)
async def sign(
    view: ViewOf, digest: HashIn, wanted: SignatureRequest, visitor: VisitorOf
) -> SignedDocumentFile:
    """Stand for a document with one's key (EIP-712), so that others can check who accepted it.

    What is signed is given by `/payout-documents/{digest}/message`. The signature must be of who is
    signed in, as an approver of the payout policy. 409 where the document was never added.
    """
    kept = await sign_document(
        _desk(view),
        digest,
        wanted.signature,
        account=visitor.account_on(view.settlement.chain_id),
        writers=view.context.writers,
    )
    return _file(kept)


@router.get(
    "/payout-documents/{digest}/message",
    response_model=DocumentMessage,
    responses=problems(401, 403, 404),
)
async def message(view: ViewOf, digest: HashIn, visitor: VisitorOf) -> DocumentMessage:
    """What an approver signs who stands for a document: typed data of EIP-712, for any wallet."""
    desk = _desk(view)
    _person(desk, view, visitor)
    kept = await signed_document(desk, digest, view.context.writers)
    return DocumentMessage.model_validate(typed_data(kept.document))


@router.get(
    "/payout-documents/{digest}/signed",
    response_model=SignedDocumentFile,
    responses=problems(401, 403, 404),
)
async def signed(view: ViewOf, digest: HashIn, visitor: VisitorOf) -> SignedDocumentFile:
    """The file that shows who signed a document: `quittance payout document verify` checks it."""
    desk = _desk(view)
    _person(desk, view, visitor)
    return _file(await signed_document(desk, digest, view.context.writers))


def _file(kept: SignedDocument) -> SignedDocumentFile:
    return SignedDocumentFile.model_validate(to_file(kept))


def _desk(view: View) -> DocumentDesk:
    """Where documents of a settlement are written.

    Raises:
        NotFound: it has no payout batch, or nobody who may.
    """
    name = view.settlement.name
    desk = view.context.deps.documents.get(name)
    if desk is None:
        raise NotFound(f"{name!r} takes no payout documents here", field="settlement", value=name)
    return desk


def _person(desk: DocumentDesk, view: View, visitor: Visitor) -> str:
    return desk.person(visitor.account_on(view.settlement.chain_id))


def _source(wanted: DocumentRequest) -> bytes:
    """The document as the one reader of documents takes it."""
    lines = [
        {"payee": str(one.payee), "asset": str(one.asset), "amount": str(one.amount)}
        for one in wanted.lines
    ]
    document = {
        "list": wanted.name,
        "chain_id": str(wanted.chain_id),
        "contract": str(wanted.contract),
        "lines": lines,
    }
    return json.dumps(document).encode()


def _stored(view: View, kept: KeptDocument) -> DocumentStored:
    one = kept.document
    document = DocumentOut(
        digest=one.digest,
        list=one.name,
        list_id=one.list_id,
        lines=len(one.lines),
        totals={str(asset): str(units) for asset, units in sorted(totals(one.lines).items())},
        op_ids=list(op_ids_of(one, len(one.lines))),
        settled=list(kept.settled),
        added_by=kept.added_by,
        accepted_by=kept.accepted_by,
        accepted_at=kept.accepted_at,
    )
    return DocumentStored(
        settlement=view.settlement.name, chain_id=view.settlement.chain_id, document=document
    )
