"""Solvency: what each contract owes and holds, and the proof of one's own line in it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.adapters.balances import read_books
from api.adapters.snapshot import Snapshot
from api.adapters.solvency import newest_epoch, read_line_proofs, read_stated
from api.adapters.standpoint import envelope_of
from api.conditional import answer_at_block
from api.context import ViewOf
from api.errors import NotFound, StatementDiffers
from api.fields import AddressIn, NumberIn
from api.schemas.solvency import LineProofOut, SolvencyPage, SolvencyProofs
from api.solvency import proof_out, statement_out
from contracts.addresses import Settlement
from reconciliation.solvency_proof_check import check_line

router = APIRouter(tags=["solvency"])
EpochIn = Annotated[
    NumberIn | None, Query(description="by default the newest epoch with statements")
]


@router.get("/solvency", response_model=SolvencyPage)
async def list_solvency(request: Request, view: ViewOf, epoch: EpochIn = None) -> Response:
    """What each contract owed at the end of an epoch, asset by asset, and what it held."""
    async with view.reads() as reads:
        books = await read_books(reads, view.settlement)
        wanted = await _epoch(reads, view.settlement, epoch)
        stated = [] if wanted is None else await read_stated(reads, view.settlement, wanted)
    answer = SolvencyPage(
        **envelope_of(view.settlement, books.block),
        epoch=wanted,
        statements=[statement_out(one) for one in stated],
    )
    return answer_at_block(request, answer, books.block.hash)


@router.get("/accounts/{address}/solvency", response_model=SolvencyProofs)
async def prove_solvency(
    request: Request, view: ViewOf, address: AddressIn, epoch: EpochIn = None
) -> Response:
    """The lines of one account under the statements of an epoch, each with its way to the root.

    Every proof is checked before it is answered; `quittance solvency verify` does so offline.
    """
    async with view.reads() as reads:
        books = await read_books(reads, view.settlement)
        wanted = await _epoch(reads, view.settlement, epoch)
        stated = [] if wanted is None else await read_stated(reads, view.settlement, wanted)
        if wanted is None or not stated:
            raise NotFound("no statement of this epoch", field="epoch", value=epoch)
        proofs = await read_line_proofs(reads, stated, address)
    shown = [proof_out(proof, of) for proof, of in proofs]
    _require_proved(shown)
    answer = SolvencyProofs(
        **envelope_of(view.settlement, books.block), account=address, epoch=wanted, proofs=shown
    )
    return answer_at_block(request, answer, books.block.hash)


async def _epoch(reads: Snapshot, settlement: Settlement, asked: int | None) -> int | None:
    return await newest_epoch(reads, settlement) if asked is None else asked


def _require_proved(proofs: Sequence[LineProofOut]) -> None:
    """A stored line whose proof does not hold is not answered; a reserve that is short is."""
    for proof in proofs:
        outcome = check_line(proof.model_dump(mode="json", exclude={"reserve"}))
        if outcome.problems:
            raise StatementDiffers(f"solvency {proof.digest}: {'; '.join(outcome.problems)}")
