"""Works: their terms, and what they earned."""

from fastapi import APIRouter, Request, Response

from api.adapters.earnings import read_work_earnings
from api.adapters.leaves import is_under_verdict
from api.adapters.works import read_registration, read_terms
from api.conditional import answer_at_block
from api.context import ViewOf
from api.earnings import OF_WORK
from api.errors import NotFound
from api.fields import HashIn
from api.pagination import PageOf
from api.schemas.accounts import WorkEarnings
from api.schemas.works import WorkAnswer
from contracts.evm import Address, Timestamp

router = APIRouter(tags=["works"])


@router.get("/works/{work}", response_model=WorkAnswer)
async def show_work(request: Request, view: ViewOf, work: HashIn) -> Response:
    """Registrant, verdict and terms of a work, as they are final."""
    async with view.standpoint() as (reads, at):
        epoch = at.timeline.epoch_at(Timestamp(at.finalized.timestamp))
        registration = await read_registration(reads, at, work)
        terms, next_terms = await read_terms(reads, at, work, epoch)
        is_held = await is_under_verdict(reads, at, work)
    if registration is None or terms is None:
        raise NotFound(f"work {work} is not registered", field="work", value=work)
    answer = WorkAnswer(
        **at.envelope,
        work_id=work,
        registrant=Address(registration.registrant),
        registered_block=registration.block_number,
        is_under_verdict=is_held,
        epoch=epoch,
        terms=terms,
        next_terms=next_terms,
    )
    return answer_at_block(request, answer, at.finalized.hash)


@router.get("/works/{work}/earnings", response_model=WorkEarnings)
async def list_work_earnings(
    request: Request, view: ViewOf, work: HashIn, page: PageOf
) -> Response:
    """Leaves of a work under standing attempts, newest epoch first."""
    wanted = OF_WORK.wanted(page)
    async with view.standpoint() as (reads, at):
        if await read_registration(reads, at, work) is None:
            raise NotFound(f"work {work} is not registered", field="work", value=work)
        rows = await read_work_earnings(reads, at, work, wanted)
        items, cursor = await OF_WORK.shown(reads, at, rows, page.limit)
    answer = WorkEarnings(**at.envelope, work_id=work, items=items, next_cursor=cursor)
    return answer_at_block(request, answer, at.finalized.hash)
