"""The job that allocates large epochs in shards: what one worker does when it is told to look.

Every worker does the same, on any number of machines: it finds the epoch that is due, and takes
whatever unit of it is open. Facts are read in one snapshot; units are stored one by one.
"""

import threading
from dataclasses import dataclass, field

from sqlalchemy import Engine, func, select

from contracts.addresses import Settlement
from contracts.events import CONSUMPTION_SUBMITTED
from contracts.evm import Epoch
from indexer.adapters.reads import FactReads
from indexer.adapters.shard_reads import ShardReads
from indexer.adapters.tables import FACTS
from scripts.wiring import snapshot
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.allocate_shards import allocate_shards
from settlement.royalties.derivation import ComputedEpoch
from settlement.royalties.due import due_epoch
from settlement.royalties.shard_distribution import require_same
from settlement.royalties.shard_order import shard_order
from settlement.royalties.shard_result import ShardResult

SHARD_COUNT = 8
SUBMISSIONS_MIN = 50_000
"""Below this an epoch is computed in one piece, which takes seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardedAllocation:
    """Allocates the epochs of one settlement; one unit at a time in this process."""

    engine: Engine
    settlement: Settlement
    shard_count: int = SHARD_COUNT
    submissions_min: int = SUBMISSIONS_MIN
    _is_at_work: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> ShardResult | None:
        """Do what is open of the epoch that is due; its total, if it is known then."""
        if not self._is_at_work.acquire(blocking=False):
            return None
        try:
            return self._allocate_due()
        finally:
            self._is_at_work.release()

    def is_allocated(self, epoch: Epoch) -> bool:
        """Whether the epoch is small, or its shards are done: then it may be computed."""
        return self._submissions(epoch) < self.submissions_min or self._total(epoch) is not None

    def check(self, computed: ComputedEpoch) -> None:
        """Compare a computed epoch with what its shards came to, if it was allocated in shards.

        Raises:
            ShardsDisagree: it is another.
        """
        total = self._total(computed.manifest.epoch)
        if total is not None:
            require_same(total, computed)

    def _total(self, epoch: Epoch) -> ShardResult | None:
        with snapshot(self.engine) as connection:
            due = shard_order(
                epoch,
                settlement=self.settlement,
                source=FactReads(connection, self.settlement),
                shard_count=self.shard_count,
            )
        return None if due is None else SqlShards(self.engine).total(due.order.key)

    def _allocate_due(self) -> ShardResult | None:
        one = self.settlement
        with snapshot(self.engine) as connection:
            source = FactReads(connection, one)
            latest = ComputedAttempts(connection).latest(one.chain_id, one.payouts)
            epoch = due_epoch(latest, settlement=one, source=source)
            if epoch is None or self._submissions(epoch) < self.submissions_min:
                return None
            due = shard_order(epoch, settlement=one, source=source, shard_count=self.shard_count)
            if due is None:
                return None
            facts = ShardReads(
                connection, one, epoch, boundary=due.boundary, reference=due.reference
            )
            return allocate_shards(due.order, facts=facts, store=SqlShards(self.engine))

    def _submissions(self, epoch: Epoch) -> int:
        """How many submissions the epoch has, counted no further than it matters."""
        facts = FACTS[CONSUMPTION_SUBMITTED.table].c
        some = (
            select(facts.log_index)
            .where(facts.chain_id == self.settlement.chain_id, facts.epoch == epoch)
            .where(facts.address == self.settlement.contracts[CONSUMPTION_SUBMITTED.contract])
            .limit(self.submissions_min)
            .subquery()
        )
        with self.engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(some)) or 0)
