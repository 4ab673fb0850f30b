"""Reconciliations: when books and chain were compared, and where they disagreed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.adapters.reconciliation import RunRow, read_found, read_run, read_runs
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import envelope_of
from api.conditional import answer_at_block
from api.context import ViewOf
from api.errors import NotFound
from api.fields import UINT64_MAX, NumberIn
from api.pagination import PageOf, encode_cursor, page_of
from api.schemas.reconciliation import DiscrepancyPage, RunPage
from contracts.addresses import Settlement

router = APIRouter(prefix="/reconciliation", tags=["reconciliation"])
_RUNS, _DISCREPANCIES = "runs", "discrepancies"


@router.get("/runs", response_model=RunPage)
async def list_runs(request: Request, view: ViewOf, page: PageOf) -> Response:
    """Every recorded run, newest first."""
    key = page.key(_RUNS, (int,))
    before = UINT64_MAX if key is None else key[0]
    async with view.standpoint() as (reads, at):
        rows = await read_runs(reads, at.settlement, before=before, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: encode_cursor(_RUNS, row.id))
    items = [row.shown() for row in shown]
    answer = RunPage(**at.envelope, items=items, next_cursor=cursor)
    return answer_at_block(request, answer, at.finalized.hash)


@router.get("/discrepancies", response_model=DiscrepancyPage)
async def list_discrepancies(
    request: Request,
    view: ViewOf,
    page: PageOf,
    run: Annotated[NumberIn | None, Query(description="by default the newest run")] = None,
) -> Response:
    """What one run found; a cursor stays inside its run, whatever runs come after."""
    run, after = page.key(_DISCREPANCIES, (int, int)) or (run, -1)
    async with view.standpoint() as (reads, at):
        row = await _the_run(reads, view.settlement, run)
        found = (
            []
            if row is None
            else await read_found(reads, view.settlement, row.id, after=after, limit=page.limit + 1)
        )
    number, block = (None, at.finalized) if row is None else (row.id, row.block)
    shown, cursor = page_of(
        found, page.limit, lambda one: encode_cursor(_DISCREPANCIES, number or 0, one.ordinal)
    )
    answer = DiscrepancyPage(
        **envelope_of(view.settlement, block),
        run=number,
        items=[one.shown() for one in shown],
        next_cursor=cursor,
    )
    return answer_at_block(request, answer, block.hash)


async def _the_run(reads: Snapshot, settlement: Settlement, run: int | None) -> RunRow | None:
    """The run of this number; without a number the newest, if there is one."""
    if run is None:
        newest = await read_runs(reads, settlement, before=UINT64_MAX, limit=1)
        return newest[0] if newest else None
    row = await read_run(reads, settlement, run)
    if row is None:
        raise NotFound(f"there is no run {run}", field="run", value=run)
    return row
