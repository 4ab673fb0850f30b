"""The HTTP application: `create_app(deps)`.

Order of a request: HEAD as GET → timer → headers of its answer → origin of the page → rate of the
client → bounds on its size → router → parse → one snapshot → schema. Every error ends as a problem
document.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI, Path
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRouter

from api.adapters.direct import new_direct_pool
from api.adapters.rate_limits import RedisWindows
from api.adapters.snapshot import NewPool, Pool, new_pool
from api.context import Context, Deps
from api.entitlements import EntitlementDesk
from api.examples import show_examples
from api.glossary import explain_words
from api.head_requests import HeadAsGet
from api.heads import Heads
from api.metrics import RequestMetrics
from api.middleware import OriginGate, RequestBounds, RequestLimiter, RequestTimer
from api.problem_details import install_handlers, problems, share_problems
from api.query_parameters import require_known_parameters
from api.rate_limits import Limiter
from api.rate_limits_clients import Peers
from api.routes import (
    accounts,
    console,
    differences,
    documents,
    entitlements,
    epochs,
    explanations,
    ledger,
    manifest_log,
    operations,
    payments,
    payouts,
    proofs,
    reconciliation,
    sessions,
    settlements,
    solvency,
    statements,
    status,
    works,
)
from api.security_headers import SecurityHeaders, headers_of
from api.sessions import KnownSessions
from api.trees import TreeCache

VERSION = "1"
_DESCRIPTION = (
    "Read-only, but for signing in, payments and payout documents. Money is a decimal string of "
    "base units. Answers about a chain name `block` and `finality`. What belongs to a settlement "
    "is found under `/v1/settlements/{settlement}/…`, and under `/v1/…` where the server has "
    "exactly one."
)
_OF_ONE_SETTLEMENT = (
    epochs,
    differences,
    proofs,
    works,
    accounts,
    explanations,
    payments,
    documents,
    payouts,
    reconciliation,
    manifest_log,
    statements,
    solvency,
    ledger,
)
_PROBLEMS = problems(400, 404, 413, 414, 422, 429, 503)
_SHORT, _FULL = "/v1", "/v1/settlements/{settlement}"


async def _declare_settlement(settlement: str = Path(description="Name of the settlement")) -> None:
    """Puts the name into the OpenAPI document; `context.the_view` reads it."""


_SETTLEMENT = (Depends(_declare_settlement),)
_KNOWN = (Depends(require_known_parameters),)


def create_app(deps: Deps) -> FastAPI:
    """Build the application. The pool opens with its lifespan, and closes with it."""
    pool, direct = (_bounded(new, deps) for new in (new_pool, new_direct_pool))
    context = Context(
        deps=deps,
        pool=pool,
        metrics=RequestMetrics(),
        trees=TreeCache(deps.limits.tree_leaves_max),
        heads=Heads(deps.head_of),
        known=KnownSessions(),
        direct=direct,
        entitlements=EntitlementDesk(direct=direct, pool=pool, balances=deps.balances),
    )
    url = deps.access.redis_url
    shared = None if url is None else RedisWindows(url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with context.pool, context.direct:
            yield
        if shared is not None:
            await shared.close()

    app = FastAPI(
        title="Quittance",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the way would be told by the name that the client calls us
    )
    app.state.context = context
    install_handlers(app, headers=headers_of(is_secure=deps.access.is_secure))
    # Routes are tried in this order, and this one is asked most.
    entitlements.add_route(app, _SHORT, _PROBLEMS)
    entitlements.add_route(app, _FULL, _PROBLEMS, _SETTLEMENT)
    for router in _routers():
        app.include_router(router)
    _describe(app)
    _add_middleware(app, context, shared)
    return app


def _describe(app: FastAPI) -> None:
    """Let the OpenAPI document say more than the framework finds in the routes."""
    found = app.openapi

    def openapi() -> dict[str, Any]:
        document = found()
        explain_words(document)
        show_examples(document)
        share_problems(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _bounded(new: NewPool, deps: Deps) -> Pool:
    limits = deps.limits
    return new(
        deps.database_url,
        connections_max=limits.connections_max,
        wait_s=limits.pool_wait_s,
        statement_timeout_ms=limits.statement_timeout_ms,
    )


def _add_middleware(app: FastAPI, context: Context, shared: RedisWindows | None) -> None:
    """The last one added is the first to see a request."""
    limits, access = context.deps.limits, context.deps.access
    app.add_middleware(
        RequestBounds,
        query_bytes_max=limits.query_bytes_max,
        body_bytes_max=limits.body_bytes_max,
        body_wait_s=limits.body_wait_s,
    )
    app.add_middleware(
        RequestLimiter,
        limiter=Limiter(access.rates, shared),
        peers=Peers(access.proxies),
        known=context.known,
        cookie_name=access.cookie_name,
        now=context.deps.now,
    )
    if access.origins:
        app.add_middleware(
            OriginGate,
            with_origin=partial(
                CORSMiddleware,
                allow_origins=access.origins,
                allow_credentials=True,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=("Content-Type", "If-None-Match"),
                expose_headers=("ETag", "Retry-After", "RateLimit", "RateLimit-Policy"),
            ),
        )
    app.add_middleware(SecurityHeaders, headers=headers_of(is_secure=access.is_secure))
    app.add_middleware(RequestTimer, metrics=context.metrics)
    app.add_middleware(HeadAsGet)


def _routers() -> tuple[APIRouter, ...]:
    short = APIRouter(prefix=_SHORT, responses=_PROBLEMS, dependencies=_KNOWN)
    full = APIRouter(prefix=_FULL, responses=_PROBLEMS, dependencies=(*_SETTLEMENT, *_KNOWN))
    for module in _OF_ONE_SETTLEMENT:
        short.include_router(module.router)
        full.include_router(module.router)
    for module in (status, settlements, sessions):
        short.include_router(module.router)
    return short, full, operations.router, console.router
