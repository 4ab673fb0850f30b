"""What those who run the server ask: does it live, is it ready, what are its numbers."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.adapters.snapshot import snapshot
from api.context import ContextOf, Limits
from api.errors import DatabaseUnavailable, NotReady
from api.metrics import exposition
from api.problem_details import problems
from api.readings import read_metrics
from api.routes.status import read_statuses
from api.schemas.service import ChainStatus, Health, Readiness

router = APIRouter(tags=["operations"], responses=problems(413, 414))

STUCK = frozenset({"absent", "silent", "disputed", "stalled", "halted"})
"""States that do not pass by themselves."""


@router.get("/healthz")
async def show_health() -> Health:
    """The process runs; nothing else is asked."""
    return Health()


@router.get("/readyz", responses=problems(503))
async def show_readiness(context: ContextOf) -> Readiness:
    """The database answers, no chain's indexer is stuck, and none lags more than its bound."""
    async with snapshot(context.pool) as reads:
        chains = await read_statuses(context, reads)
    reasons = [why_not_ready(chain.status, context.deps.limits) for chain in chains]
    if any(reasons):
        raise NotReady("; ".join(reason for reason in reasons if reason))
    return Readiness()


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format"}},
)
async def show_metrics(context: ContextOf) -> Response:
    """Numbers for a monitor; also while the database is away, which is one of them."""
    try:
        async with snapshot(context.pool) as reads:
            reading = await read_metrics(context, reads)
    except DatabaseUnavailable:
        reading = None
    return Response(exposition(context.metrics, reading), media_type=CONTENT_TYPE_LATEST)


def why_not_ready(chain: ChainStatus, limits: Limits) -> str | None:
    """Why a chain's indexer is stuck, or else the first bound that its index breaks."""
    if chain.state in STUCK:
        return f"the indexer of chain {chain.chain_id} is {chain.state}: {chain.reason}"
    if chain.indexed is None:
        return f"chain {chain.chain_id} is not indexed yet"
    for name, lag, bound in (
        ("blocks", chain.lag_blocks, limits.lag_blocks_max),
        ("seconds", chain.lag_s, limits.lag_s_max),
    ):
        if lag is not None and bound is not None and lag > bound:
            return f"the index of chain {chain.chain_id} lags {lag} {name}, more than {bound}"
    return None
