"""Opening an index: its endpoint and database are what the plan says, or nothing is begun."""

from collections.abc import Callable

from indexer.backfill import Backfill
from indexer.errors import LevelUnreachable, StartBlockInFuture, WrongChain
from indexer.plan import IndexedChain
from indexer.ports import FactStore, RangeSource, WitnessedChain
from indexer.sync import Indexer


def open_indexer(
    plan: IndexedChain,
    chain: WitnessedChain,
    store: FactStore,
    *,
    ranges: RangeSource,
    now_ms: Callable[[], int],
    backfill: Backfill | None = None,
) -> Indexer:
    """An indexer whose endpoint and database are what the plan says.

    With a backfill, the plan is that of the sources which the index holds.

    Raises:
        LevelUnreachable: the chain commits to less than the plan wants proved.
        WrongChain: the endpoint serves another chain.
        StartBlockInFuture: the chain has not reached the start block.
        SourcesChanged: the index was built from other sources.
        Transient: the chain or the database was unavailable.
    """
    reach = plan.profile.reach(plan.start_block)
    if not reach.level.reaches(plan.level):
        raise LevelUnreachable(plan.profile.name, plan.level.value, reach.reason)
    actual = chain.chain_id()
    if actual != plan.chain_id:
        raise WrongChain(expected=plan.chain_id, actual=actual)
    store.check_sources(plan.sources_digest)
    head = chain.head()
    if store.local_chain().head is None and head.number < plan.start_block:
        raise StartBlockInFuture(start_block=plan.start_block, head=head.number)
    return Indexer(plan, chain, store, ranges=ranges, now_ms=now_ms, backfill=backfill)
