"""What a request can reach: the dependencies of the app, and the settlement that it asks about.

Nothing is global: everything hangs on one `Context`, which `create_app` makes and the app carries.
"""

from asyncio import Semaphore
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.adapters.snapshot import Pool, Snapshot, snapshot
from api.adapters.standpoint import Standpoint, read_standpoint
from api.auth_access import Access
from api.documents import DocumentDesk
from api.entitlements import BalanceSource, EntitlementDesk
from api.errors import NotFound
from api.heads import Heads, HeadSource
from api.metrics import RequestMetrics
from api.sessions import KnownSessions
from api.trees import TreeCache
from contracts.addresses import Settlement
from contracts.evm import Address, ChainId, Timestamp
from reconciliation.close_figures import AssetUnit
from settlement.payments.verify_payment import PaymentDesk

WRITERS_MAX = 5
"""Threads that write about payments; each may hold two of the database's fifteen connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the service.

    A request waits `pool_wait_s` for one of `connections_max` connections, and each query runs for
    at most `statement_timeout_ms`. `/readyz` refuses above `lag_blocks_max` or `lag_s_max` (None
    means no such bound), or when an indexer has not reported for `report_s_max`. The cache of trees
    holds `tree_leaves_max` leaves (64 bytes each).
    """

    connections_max: int = 10
    pool_wait_s: float = 2.0
    statement_timeout_ms: int = 5_000
    query_bytes_max: int = 2_048
    body_bytes_max: int = 65_536
    body_wait_s: float = 10.0
    lag_blocks_max: int | None = 50
    lag_s_max: int | None = None
    report_s_max: int = 60
    tree_leaves_max: int = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """What the composition root gives the API.

    `database_url` is in libpq's form. `chain_ids` are the indexed chains, those of the settlements
    among them. `now` is wall-clock time, for lags, sessions and rates. Without
    `head_of` the lag in blocks is unknown, without `balances` no gate is read. `payments` are the
    desks of settlements by name: what is written about payments goes through them; `documents` are
    those for payout documents. `units` are how people write the tokens of settlements, by name, as
    far as it is known by now.
    """

    database_url: str
    chain_ids: tuple[ChainId, ...]
    settlements: tuple[Settlement, ...]
    now: Callable[[], Timestamp]
    head_of: HeadSource | None
    limits: Limits
    access: Access = field(default_factory=Access)
    balances: BalanceSource | None = None
    payments: Mapping[str, PaymentDesk] = field(default_factory=dict)
    documents: Mapping[str, DocumentDesk] = field(default_factory=dict)
    units: Mapping[str, Mapping[Address, AssetUnit]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What lives as long as the app."""

    deps: Deps
    pool: Pool
    metrics: RequestMetrics
    trees: TreeCache
    heads: Heads
    known: KnownSessions
    direct: Pool
    entitlements: EntitlementDesk
    writers: Semaphore = field(default_factory=lambda: Semaphore(WRITERS_MAX))

    @property
    def chain_ids(self) -> tuple[ChainId, ...]:
        """The indexed chains, ascending."""
        return tuple(sorted(self.deps.chain_ids))

    def named(self, name: str) -> Settlement:
        """The settlement of this name.

        Raises:
            NotFound: there is none.
        """
        for settlement in self.deps.settlements:
            if settlement.name == name:
                return settlement
        raise NotFound(f"no settlement is named {name!r}", field="settlement", value=name)

    def only(self) -> Settlement:
        """The settlement, where there is exactly one.

        Raises:
            NotFound: there are none or more.
        """
        if len(self.deps.settlements) == 1:
            return self.deps.settlements[0]
        names = ", ".join(settlement.name for settlement in self.deps.settlements) or "none"
        raise NotFound(
            f"name the settlement: /v1/settlements/{{settlement}}/…; there are: {names}",
            field="settlement",
            value="",
        )


def the_context(request: Request) -> Context:
    """The context of the app that serves this request."""
    context = request.app.state.context
    if not isinstance(context, Context):
        raise TypeError(f"the app carries a {type(context).__name__}, not a Context")
    return context


@dataclass(frozen=True, slots=True)
class View:
    """One settlement, ready to be read. Nothing is asked of the database before it is entered."""

    context: Context
    settlement: Settlement

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[Snapshot]:
        """One snapshot of the database."""
        async with snapshot(self.context.pool) as reads:
            yield reads

    @asynccontextmanager
    async def standpoint(self) -> AsyncIterator[tuple[Snapshot, Standpoint]]:
        """One snapshot, with the finalized block that all parts of the answer end at."""
        async with snapshot(self.context.pool) as reads:
            yield reads, await read_standpoint(reads, self.settlement)


ContextOf = Annotated[Context, Depends(the_context)]


def the_view(request: Request, context: ContextOf) -> View:
    """The settlement in the path, or the only one."""
    name = request.path_params.get("settlement")
    return View(context, context.only() if name is None else context.named(name))


ViewOf = Annotated[View, Depends(the_view)]
