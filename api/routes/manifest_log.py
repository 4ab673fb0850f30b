"""The log of committed manifests: its root, and proofs that it only ever grows."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.adapters.commitments import CommitmentRow, read_commitments
from api.conditional import answer_under_root
from api.context import ViewOf
from api.errors import BadValue, NotFound
from api.fields import NumberIn
from api.schemas.manifest_log import ConsistencyAnswer, InclusionAnswer, LogAnswer
from contracts.evm import Hash32
from settlement.royalties.manifest_log import (
    consistency_proof,
    entry_hash,
    inclusion_proof,
    log_root,
)

router = APIRouter(tags=["log"])

_Size = Annotated[
    NumberIn | None, Query(description="entries of the log to prove it in; all by default")
]


@router.get("/log", response_model=LogAnswer)
async def show_log(request: Request, view: ViewOf) -> Response:
    """Size and root of the log of committed manifests, as they are final."""
    async with view.standpoint() as (reads, at):
        leaves = _leaves(await read_commitments(reads, at))
    answer = LogAnswer(**at.envelope, size=len(leaves), root=log_root(leaves))
    return answer_under_root(request, answer, answer.root)


@router.get("/log/inclusion", response_model=InclusionAnswer)
async def show_inclusion(
    *,
    request: Request,
    view: ViewOf,
    epoch: NumberIn,
    attempt: Annotated[
        NumberIn | None, Query(description="the last committed one by default")
    ] = None,
    size: _Size = None,
) -> Response:
    """The proof that the committed manifest of an epoch is in the log."""
    async with view.standpoint() as (reads, at):
        rows = await read_commitments(reads, at)
    whole = _bounded(size, len(rows), "size")
    index = _index_of(rows[:whole], epoch, attempt)
    leaves = _leaves(rows[:whole])
    answer = InclusionAnswer(
        **at.envelope,
        epoch=rows[index].epoch,
        attempt=rows[index].attempt,
        manifest_digest=Hash32(rows[index].manifest_digest),
        index=index,
        leaf_hash=leaves[index],
        size=whole,
        root=log_root(leaves),
        path=list(inclusion_proof(leaves, index)),
    )
    return answer_under_root(request, answer, answer.root)


@router.get("/log/consistency", response_model=ConsistencyAnswer)
async def show_consistency(
    *,
    request: Request,
    view: ViewOf,
    from_size: Annotated[NumberIn, Query(alias="from", description="entries of the old log")],
    to_size: Annotated[
        NumberIn | None, Query(alias="to", description="entries of the new log; all by default")
    ] = None,
) -> Response:
    """The proof that an older log is the beginning of a newer one."""
    async with view.standpoint() as (reads, at):
        leaves = _leaves(await read_commitments(reads, at))
    whole = leaves[: _bounded(to_size, len(leaves), "to")]
    old = _bounded(from_size, len(whole), "from")
    answer = ConsistencyAnswer(
        **at.envelope,
        from_size=old,
        from_root=log_root(whole[:old]),
        to_size=len(whole),
        to_root=log_root(whole),
        path=list(consistency_proof(whole, old)),
    )
    return answer_under_root(request, answer, answer.to_root)


def _leaves(rows: Sequence[CommitmentRow]) -> list[Hash32]:
    return [entry_hash(row.manifest_digest) for row in rows]


def _index_of(rows: Sequence[CommitmentRow], epoch: int, attempt: int | None) -> int:
    """The entry of that attempt; without one, of the last that was committed.

    Raises:
        NotFound: no such commitment is in the log.
    """
    for index in reversed(range(len(rows))):
        if rows[index].epoch == epoch and attempt in (None, rows[index].attempt):
            return index
    raise NotFound(
        f"no such attempt at epoch {epoch} is among the {len(rows)} entries",
        field="epoch",
        value=epoch,
    )


def _bounded(size: int | None, largest: int, field: str) -> int:
    """A size of the log, the largest by default.

    Raises:
        BadValue: zero, or more than there are.
    """
    if size is None:
        return largest
    if not 1 <= size <= largest:
        raise BadValue(f"{field}: {size} is not among 1 to {largest}", field=field, value=str(size))
    return size
