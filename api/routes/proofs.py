"""Proofs: what a work can withdraw for an epoch, and the check of such a proof."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.adapters.epochs import is_paid_out, read_epoch_row, state_of
from api.conditional import answer_under_root
from api.context import ViewOf
from api.fields import AddressIn, HashIn, NumberIn
from api.problem_details import problems
from api.proofs import ProofQuestion, proof_answer, verdict
from api.routes.epochs import require_epoch
from api.schemas.proofs import ProofAnswer, VerifyAnswer, VerifyRequest

router = APIRouter(tags=["proofs"])


@router.get("/proofs/{epoch}/{work}", response_model=ProofAnswer)
async def show_proof(
    *,
    request: Request,
    view: ViewOf,
    epoch: NumberIn,
    work: HashIn,
    asset: Annotated[
        AddressIn | None, Query(description="needed where the work earned in several assets")
    ] = None,
    part: Annotated[
        NumberIn | None, Query(description="needed where the work has more than 32 payees")
    ] = None,
) -> Response:
    """A leaf of the standing attempt, with its proof and the call that withdraws it."""
    question = ProofQuestion(epoch=epoch, work_id=work, asset=asset, part=part)
    async with view.standpoint() as (reads, at):
        require_epoch(at, epoch)
        answer = await proof_answer(view.context.trees, reads, at, question)
    return answer_under_root(request, answer, answer.root)


@router.post("/proofs/verify", responses=problems(415))
async def verify_proof(view: ViewOf, claim: VerifyRequest) -> VerifyAnswer:
    """Check a proof against the root that the chain holds for the epoch."""
    async with view.standpoint() as (reads, at):
        require_epoch(at, claim.epoch)
        row = await read_epoch_row(reads, at, claim.epoch)
        is_settled = row.active_at is not None and await is_paid_out(reads, at, claim.epoch)
    return verdict(at, claim, row, state_of(at, row, is_paid_out=is_settled))
