"""Reconciliations: when books and chain were compared, where they disagreed, what became of it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api.adapters.reconciliation import RunRow, read_found, read_run, read_runs
from api.adapters.register import RegisterFilter, read_history, read_register, read_registered
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import envelope_of
from api.conditional import answer_at_block
from api.context import ViewOf
from api.errors import NotFound
from api.fields import UINT64_MAX, AddressIn, HashIn, NumberIn
from api.pagination import PageOf, encode_cursor, page_of
from api.schemas.reconciliation import DiscrepancyPage, HistoryOut, RegisterPage, RunPage
from contracts.addresses import Settlement
from reconciliation.discrepancy import Kind
from reconciliation.runbook import Severity

router = APIRouter(prefix="/reconciliation", tags=["reconciliation"])
_RUNS, _DISCREPANCIES, _REGISTER = "runs", "discrepancies", "register"
_BEFORE_ALL = (0, -1, b"")
StatusIn = Literal["open", "explained", "absent", "resolved"]


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


@router.get("/register", response_model=RegisterPage)
async def list_register(  # noqa: PLR0917 - the filters of a list
    request: Request,
    view: ViewOf,
    page: PageOf,
    status: Annotated[StatusIn | None, Query(description="where it stands")] = None,
    kind: Annotated[Kind | None, Query(description="one of the sixteen types")] = None,
    severity: Severity | None = None,
    asset: AddressIn | None = None,
) -> Response:
    """Everything that was ever found, most severe first, then oldest."""
    key = page.key(_REGISTER, (int, int, bytes)) or _BEFORE_ALL
    wanted = RegisterFilter(
        status=status,
        kind=kind.value if kind else None,
        severity=severity.value if severity else None,
        asset=bytes(asset) if asset else None,
    )
    async with view.standpoint() as (reads, at):
        rows = await read_register(
            reads,
            view.settlement,
            wanted,
            after=(key[0], key[1], key[2]),
            limit=page.limit + 1,
        )
    shown, cursor = page_of(
        rows, page.limit, lambda row: encode_cursor(_REGISTER, row.rank, row.opened_at, row.id)
    )
    items = [row.shown(view.settlement) for row in shown]
    answer = RegisterPage(**at.envelope, items=items, next_cursor=cursor)
    return answer_at_block(request, answer, at.finalized.hash)


@router.get("/register/{discrepancy}", response_model=HistoryOut)
async def show_discrepancy(request: Request, view: ViewOf, discrepancy: HashIn) -> Response:
    """One discrepancy with its history: runs, explanations, acceptance, entries."""
    async with view.standpoint() as (reads, at):
        row = await read_registered(reads, view.settlement, discrepancy)
        steps = await read_history(reads, view.settlement, discrepancy)
    if row is None:
        raise NotFound(
            f"no discrepancy {discrepancy} was ever found", field="discrepancy", value=discrepancy
        )
    answer = HistoryOut(
        **at.envelope,
        discrepancy=row.shown(view.settlement),
        history=[step.shown() for step in steps],
    )
    return answer_at_block(request, answer, at.finalized.hash)


async def _the_run(reads: Snapshot, settlement: Settlement, run: int | None) -> RunRow | None:
    """The run of this number; without a number the newest, if there is one."""
    if run is None:
        newest = await read_runs(reads, settlement, before=UINT64_MAX, limit=1)
        return newest[0] if newest else None
    row = await read_run(reads, settlement, run)
    if row is None:
        raise NotFound(f"there is no run {run}", field="run", value=run)
    return row
