"""Epochs: their state, their money, their manifests."""

from fastapi import APIRouter, Request, Response

from api.adapters.epochs import read_epoch_row, read_epochs, read_manifest, read_quarantine
from api.adapters.standpoint import Standpoint
from api.conditional import answer_at_block, answer_under_root, tagged
from api.context import ViewOf
from api.errors import NotFound
from api.fields import NumberIn
from api.pagination import PageOf, encode_cursor
from api.schemas.epochs import EpochAnswer, EpochPage
from settlement.royalties.manifest import manifest_digest

router = APIRouter(tags=["epochs"])
_LIST = "epochs"


@router.get("/epochs", response_model=EpochPage)
async def list_epochs(request: Request, view: ViewOf, page: PageOf) -> Response:
    """Epochs from the current one back to the first of the settlement."""
    key = page.key(_LIST, (int,))
    async with view.standpoint() as (reads, at):
        high = at.current_epoch if key is None else min(at.current_epoch, key[0] - 1)
        low = max(at.first_epoch, high - page.limit + 1)
        items = await read_epochs(reads, at, low, high)
    answer = EpochPage(
        **at.envelope,
        head=at.head,
        items=items,
        next_cursor=encode_cursor(_LIST, low) if low > at.first_epoch else None,
    )
    return answer_at_block(request, answer, at.finalized.hash)


@router.get("/epochs/{epoch}", response_model=EpochAnswer)
async def show_epoch(request: Request, view: ViewOf, epoch: NumberIn) -> Response:
    """One epoch, up to the next one, for which subscribers may already pay."""
    async with view.standpoint() as (reads, at):
        require_epoch(at, epoch)
        (item,) = await read_epochs(reads, at, epoch, epoch)
        quarantine = (
            await read_quarantine(reads, item.manifest_digest)
            if item.is_computed_here and item.manifest_digest is not None
            else []
        )
    answer = EpochAnswer.model_validate(
        {**at.envelope, **dict(item), "head": at.head, "quarantine": quarantine}
    )
    if item.root is None:
        return answer_at_block(request, answer, at.finalized.hash)
    return answer_under_root(request, answer, item.root)


@router.get(
    "/epochs/{epoch}/manifest",
    responses={200: {"content": {"application/json": {}}, "description": "The stored bytes"}},
    response_class=Response,
)
async def show_manifest(
    request: Request, view: ViewOf, epoch: NumberIn, attempt: NumberIn | None = None
) -> Response:
    """The manifest of an attempt, byte for byte; by default of the one that stands.

    keccak256 of the body is the digest that guardians sign, and the ETag.
    """
    async with view.standpoint() as (reads, at):
        require_epoch(at, epoch)
        if attempt is None:
            row = await read_epoch_row(reads, at, epoch)
            attempt = row.attempt if row.computed_digest is not None else None
        manifest = None if attempt is None else await read_manifest(reads, at, epoch, attempt)
    if manifest is None:
        raise NotFound(
            f"no such attempt at epoch {epoch} is computed here", field="epoch", value=epoch
        )
    return tagged(request, manifest, f'"{manifest_digest(manifest)}"')


def require_epoch(at: Standpoint, epoch: int) -> None:
    """Refuse an epoch that the settlement does not have.

    Raises:
        NotFound: before the first epoch, or after the next one.
    """
    last = at.current_epoch + 1
    if not at.first_epoch <= epoch <= last:
        raise NotFound(
            f"epoch {epoch} is not among {at.first_epoch} to {last}", field="epoch", value=epoch
        )
