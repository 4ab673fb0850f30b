"""The HTTP application: `create_app(deps)`.

Order of a request: timer → bounds on its size → router → parse → one snapshot → schema. Every error
ends as a problem document.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Path
from fastapi.routing import APIRouter

from api.adapters.snapshot import new_pool
from api.context import Context, Deps
from api.heads import Heads
from api.metrics import RequestMetrics
from api.middleware import RequestBounds, RequestTimer
from api.problem_details import Problem, install_handlers
from api.routes import (
    accounts,
    console,
    differences,
    epochs,
    explanations,
    manifest_log,
    operations,
    payouts,
    proofs,
    reconciliation,
    settlements,
    status,
    works,
)
from api.trees import TreeCache

VERSION = "1"
_DESCRIPTION = (
    "Read-only. Money is a decimal string of base units. Answers about a chain name `block` and "
    "`finality`. What belongs to a settlement is found under `/v1/settlements/{settlement}/…`, and "
    "under `/v1/…` where the server has exactly one."
)
_OF_ONE_SETTLEMENT = (
    epochs,
    differences,
    proofs,
    works,
    accounts,
    explanations,
    payouts,
    reconciliation,
    manifest_log,
)
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in (
        (404, "Nothing is known under this name"),
        (422, "A value is not acceptable"),
        (503, "The database is away, or the chain is not indexed yet"),
    )
}


def create_app(deps: Deps) -> FastAPI:
    """Build the application. The pool opens with its lifespan, and closes with it."""
    limits = deps.limits
    context = Context(
        deps=deps,
        pool=new_pool(
            deps.database_url,
            connections_max=limits.connections_max,
            wait_s=limits.pool_wait_s,
            statement_timeout_ms=limits.statement_timeout_ms,
        ),
        metrics=RequestMetrics(),
        trees=TreeCache(limits.tree_leaves_max),
        heads=Heads(deps.head_of),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with context.pool:
            yield

    app = FastAPI(
        title="Quittance",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    install_handlers(app)
    for router in _routers():
        app.include_router(router)
    # The last one added is the first to see a request.
    app.add_middleware(
        RequestBounds,
        query_bytes_max=limits.query_bytes_max,
        body_bytes_max=limits.body_bytes_max,
    )
    app.add_middleware(RequestTimer, metrics=context.metrics)
    return app


def _routers() -> tuple[APIRouter, ...]:
    short = APIRouter(prefix="/v1", responses=_PROBLEMS)
    full = APIRouter(
        prefix="/v1/settlements/{settlement}",
        responses=_PROBLEMS,
        dependencies=[Depends(_declare_settlement)],
    )
    for module in _OF_ONE_SETTLEMENT:
        short.include_router(module.router)
        full.include_router(module.router)
    for module in (status, settlements):
        short.include_router(module.router)
    return operations.router, console.router, short, full


def _declare_settlement(settlement: str = Path(description="Name of the settlement")) -> None:
    """Puts the name into the OpenAPI document; `context.the_view` reads it."""
