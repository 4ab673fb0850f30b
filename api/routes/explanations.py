"""Explanations: why an account earned its part of a work, down to event ids."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.conditional import answer_under_root
from api.context import ViewOf
from api.explanations import ExplainQuestion, explanation_answer
from api.fields import AddressIn, HashIn, NumberIn
from api.pagination import PageOf
from api.routes.epochs import require_epoch
from api.schemas.explanations import ExplanationAnswer

router = APIRouter(tags=["accounts"])


@router.get("/accounts/{address}/explain", response_model=ExplanationAnswer)
async def explain_earning(
    *,
    request: Request,
    view: ViewOf,
    address: AddressIn,
    epoch: NumberIn,
    work: HashIn,
    page: PageOf,
    asset: Annotated[
        AddressIn | None, Query(description="needed where the work earned in several assets")
    ] = None,
) -> Response:
    """The integer derivation of what a payee earned with a work, a page of subscribers at a time.

    Every number is computed again from events named by chain, block and log, and compared with what
    was computed for the root.
    """
    question = ExplainQuestion(account=address, epoch=epoch, work_id=work, asset=asset)
    async with view.standpoint() as (reads, at):
        require_epoch(at, epoch)
        answer = await explanation_answer(reads, at, question, page)
    return answer_under_root(request, answer, answer.root)
