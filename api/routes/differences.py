"""Differences: what an epoch pays otherwise than the one before, by payee and by work."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.adapters.differences import (
    ChangeRow,
    Pair,
    is_before_stored,
    read_payees,
    read_totals,
    read_works,
)
from api.adapters.epochs import read_epoch_row, read_manifest
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.conditional import answer_under_root
from api.context import ViewOf
from api.errors import NotFound
from api.fields import NumberIn
from api.pagination import PageOf, PageRequest, encode_cursor, page_of
from api.routes.epochs import require_epoch
from api.schemas.differences import (
    ChangeOut,
    PayeeChangeOut,
    PayeeDifferences,
    TotalChangeOut,
    WorkChangeOut,
    WorkDifferences,
)
from contracts.evm import ZERO_HASH, Address, Hash32
from settlement.royalties.manifest import Manifest, manifest_digest
from settlement.royalties.manifest_reading import manifest_from_bytes

router = APIRouter(tags=["epochs"])
_PAYEES, _WORKS = "payee-differences", "work-differences"
_KEY_TYPES = (bytes, bytes)


@router.get("/epochs/{epoch}/difference/payees", response_model=PayeeDifferences)
async def list_payee_differences(
    request: Request, view: ViewOf, epoch: NumberIn, page: PageOf
) -> Response:
    """What each payee gets by the standing attempt, and what by the epoch before."""
    after = page.key(_PAYEES, _KEY_TYPES) or (b"", b"")
    async with view.standpoint() as (reads, at):
        manifest, pair = await _compared(reads, at, epoch)
        rows = await read_payees(reads, pair, after=after, limit=page.limit + 1)
        head = await _head(reads, at, manifest, pair)
    shown, cursor = _cut(rows, page, _PAYEES)
    items = [
        PayeeChangeOut(payee=Address(row.name), asset=Address(row.asset), change=_change(row))
        for row in shown
    ]
    answer = PayeeDifferences(**head, items=items, next_cursor=cursor)
    return answer_under_root(request, answer, manifest.root)


@router.get("/epochs/{epoch}/difference/works", response_model=WorkDifferences)
async def list_work_differences(
    request: Request, view: ViewOf, epoch: NumberIn, page: PageOf
) -> Response:
    """What each work earned by the standing attempt, and what in the epoch before."""
    after = page.key(_WORKS, _KEY_TYPES) or (b"", b"")
    async with view.standpoint() as (reads, at):
        manifest, pair = await _compared(reads, at, epoch)
        rows = await read_works(reads, pair, after=after, limit=page.limit + 1)
        head = await _head(reads, at, manifest, pair)
    shown, cursor = _cut(rows, page, _WORKS)
    items = [
        WorkChangeOut(work_id=Hash32(row.name), asset=Address(row.asset), change=_change(row))
        for row in shown
    ]
    answer = WorkDifferences(**head, items=items, next_cursor=cursor)
    return answer_under_root(request, answer, manifest.root)


async def _compared(reads: Snapshot, at: Standpoint, epoch: int) -> tuple[Manifest, Pair]:
    """The manifest of the standing attempt, and the one that it follows.

    Raises:
        NotFound: one of the two is not computed here.
    """
    require_epoch(at, epoch)
    row = await read_epoch_row(reads, at, epoch)
    data = (
        None if row.computed_digest is None else await read_manifest(reads, at, epoch, row.attempt)
    )
    if data is None:
        raise NotFound(
            f"no standing attempt at epoch {epoch} is computed here", field="epoch", value=epoch
        )
    manifest = manifest_from_bytes(data)
    pair = Pair(now=manifest_digest(data), before=manifest.previous_manifest_digest)
    if pair.before != ZERO_HASH and not await is_before_stored(reads, pair):
        raise NotFound(
            f"the epoch before {epoch}, manifest {pair.before}, is not computed here",
            field="epoch",
            value=epoch,
        )
    return manifest, pair


async def _head(reads: Snapshot, at: Standpoint, manifest: Manifest, pair: Pair) -> dict[str, Any]:
    """The members of `DifferencePage`."""
    return {
        **at.envelope,
        "epoch": manifest.epoch,
        "attempt": manifest.attempt,
        "manifest_digest": pair.now,
        "previous_manifest_digest": pair.before,
        "totals": [TotalChangeOut.model_validate(one) for one in await read_totals(reads, pair)],
    }


def _cut(rows: list[ChangeRow], page: PageRequest, name: str) -> tuple[list[ChangeRow], str | None]:
    return page_of(rows, page.limit, lambda row: encode_cursor(name, *row.key))


def _change(row: ChangeRow) -> ChangeOut:
    return ChangeOut.model_validate(row.change)
