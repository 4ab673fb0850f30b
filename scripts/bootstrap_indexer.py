"""The composition root of indexing: builds the indexer of one chain from its settings."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection, Engine

from contracts.evm import Address, BlockNumber, ChainId
from indexer.adapters.backfill import PostgresBackfill
from indexer.adapters.endpoints import Endpoints, open_endpoints
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.adapters.rpc import RPCReader
from indexer.adapters.sources import held_sources
from indexer.adapters.store import PostgresFacts, owned_chain
from indexer.adapters.workers import RangesAhead
from indexer.backfill import Backfill
from indexer.chain_profiles import chain_profile_named
from indexer.endpoint_health import EndpointHealth, with_counts_of
from indexer.fetch_range import RangesHere
from indexer.finality import FinalityRule, FinalityTag
from indexer.levels import Level
from indexer.opening import open_indexer
from indexer.plan import IndexedChain, SyncLimits
from indexer.ports import WitnessedChain
from indexer.sync import Indexer
from scripts.settings import ChainSettings

RPC_LIMITS = RPCLimits(timeout_s=30, calls_max=100, answer_bytes_max=64 * 1024 * 1024)
_WINDOW_BLOCKS_MAX = 500
_RANGE_LOGS_MAX = 20_000
_WORKERS_BEHIND_BLOCKS = 1_000


@dataclass(frozen=True, slots=True)
class RunningIndexer:
    """An indexer, and how the endpoints have served it and its workers so far; for any thread."""

    indexer: Indexer
    health: Callable[[], tuple[EndpointHealth, ...]]


@contextmanager
def running_indexer(
    engine: Engine, chain: ChainSettings, *, end_block: BlockNumber | None
) -> Iterator[RunningIndexer]:
    """The indexer of one chain, as the chain's one owner while the context lasts.

    What it started to fetch ahead ends with the context.
    """
    plan = indexed_chain(chain, end_block=end_block)
    with ExitStack() as stack:
        rpcs = [JSONRPC(url, RPC_LIMITS) for url in chain.rpc]
        for rpc in rpcs:
            stack.callback(rpc.close)
        endpoints = Endpoints([RPCReader(rpc) for rpc in rpcs], chain.id, time.monotonic_ns)
        store = stack.enter_context(owned_chain(engine, chain.id))
        with store.transaction() as db_tx:
            sources = held_sources(db_tx, plan)
        now = replace(plan, sources=sources)
        ranges = RangesAhead(
            RangesHere(endpoints, now.question),
            partial(open_endpoints, chain.rpc, chain.id, RPC_LIMITS),
            now.question,
            workers=chain.workers,
            behind_blocks_min=_WORKERS_BEHIND_BLOCKS,
        )
        stack.callback(ranges.close)
        indexer = open_indexer(
            now,
            endpoints,
            store,
            ranges=ranges,
            now_ms=lambda: time.monotonic_ns() // 1_000_000,
            backfill=_backfill(plan, now, endpoints, store),
        )
        yield RunningIndexer(indexer, lambda: with_counts_of(endpoints.health(), ranges.health()))


def _backfill(
    plan: IndexedChain, now: IndexedChain, chain: WitnessedChain, store: PostgresFacts
) -> Backfill | None:
    """What leads from the sources that the index holds to the planned ones, if these are more."""
    if now == plan:
        return None
    return Backfill(plan, now.sources, chain, PostgresBackfill(store, plan, _read_again))


def _read_again(db_tx: Connection, chain_id: ChainId, added: Sequence[Address]) -> None:
    from scripts.late_facts import read_again  # noqa: PLC0415 - an indexer seldom needs the books

    read_again(db_tx, chain_id, added)


def indexed_chain(chain: ChainSettings, *, end_block: BlockNumber | None) -> IndexedChain:
    """What is indexed of a chain.

    Raises:
        UnknownChainProfile: there is no profile of the configured name.
    """
    return IndexedChain(
        chain_id=chain.id,
        start_block=chain.start_block,
        end_block=end_block,
        sources=chain.sources(),
        finality=finality_rule(chain),
        limits=SyncLimits(window_blocks_max=_WINDOW_BLOCKS_MAX, range_logs_max=_RANGE_LOGS_MAX),
        level=Level(chain.verify),
        profile=chain_profile_named(chain.profile),
    )


def finality_rule(chain: ChainSettings) -> FinalityRule:
    """When a block of the chain is final."""
    return FinalityRule(
        tag=FinalityTag(chain.finality_tag), depth_blocks=chain.finality_depth_blocks
    )
