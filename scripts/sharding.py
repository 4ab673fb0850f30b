"""The job that allocates large epochs in shards: what one worker does when it is told to look.

Every worker does the same, on any number of machines: it finds the epoch that is due, and takes
whatever unit of it is open. Facts are read in one snapshot; units are stored one by one.
"""

import threading
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, Engine, func, select

from contracts.addresses import Settlement
from contracts.events import CONSUMPTION_SUBMITTED
from contracts.evm import BlockRef, Epoch
from indexer.adapters.reads import FactReads
from indexer.adapters.shard_reads import ShardReads
from indexer.adapters.tables import FACTS
from scripts.usage_progress import CountedUsage, Readings
from scripts.wiring import snapshot
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.allocate_shards import SHARDS_MAX, ShardFacts, allocate_shards
from settlement.royalties.due import due_epoch
from settlement.royalties.shard_order import shard_order
from settlement.royalties.shard_result import ShardResult

SHARD_COUNT_MIN = 8
SUBMISSIONS_PER_SHARD = 125_000
"""What one shard holds in memory: with ten rows each, some hundred mebibytes."""
SUBMISSIONS_MIN = 50_000
"""Below this an epoch is computed in one piece, which takes seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardedAllocation:
    """Allocates the epochs of one settlement; one unit at a time in this process.

    With `readings` whoever waits for it sees how far each reading of the usage is.
    """

    engine: Engine
    settlement: Settlement
    shard_count_min: int = SHARD_COUNT_MIN
    submissions_min: int = SUBMISSIONS_MIN
    readings: Readings | None = None
    _is_at_work: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> ShardResult | None:
        """Do what is open of the epoch that is due; its total, if it is known then."""
        one = self.settlement
        with snapshot(self.engine) as connection:
            latest = ComputedAttempts(connection).latest(one.chain_id, one.payouts)
            epoch = due_epoch(latest, settlement=one, source=FactReads(connection, one))
        if epoch is None or not self.is_large(epoch):
            return None
        return self.allocate(epoch)

    def is_large(self, epoch: Epoch) -> bool:
        """Whether an epoch is computed from shards, and not in one piece."""
        return self._submissions(epoch, self.submissions_min) >= self.submissions_min

    def allocate(self, epoch: Epoch) -> ShardResult | None:
        """Do what is open of a large epoch; its total, if it is known then.

        Nothing is done while another thread of this process is at it.
        """
        if not self._is_at_work.acquire(blocking=False):
            return None
        try:
            return self._allocate(epoch)
        finally:
            self._is_at_work.release()

    def _allocate(self, epoch: Epoch) -> ShardResult | None:
        one = self.settlement
        with snapshot(self.engine) as connection:
            source = FactReads(connection, one)
            due = shard_order(epoch, settlement=one, source=source, shard_count=1)
            if due is None:
                return None
            order = replace(due.order, shard_count=self.shard_count(epoch))
            facts = self.usage(
                connection, epoch, due.boundary, due.reference, purpose="sharing fees"
            )
            return allocate_shards(order, facts=facts, store=SqlShards(self.engine))

    def usage(
        self,
        connection: Connection,
        epoch: Epoch,
        boundary: BlockRef,
        reference: BlockRef,
        *,
        purpose: str,
    ) -> ShardFacts:
        """Subscriptions of an epoch up to its boundary block, usage up to its reference block."""
        facts = ShardReads(
            connection, self.settlement, epoch, boundary=boundary, reference=reference
        )
        if self.readings is None:
            return facts
        total = self._submissions(epoch, SUBMISSIONS_PER_SHARD * SHARDS_MAX)
        return CountedUsage(facts, total, self.readings(purpose))

    def shard_count(self, epoch: Epoch) -> int:
        """Into how many shards a large epoch is cut, so that each fits into memory."""
        submissions = self._submissions(epoch, SUBMISSIONS_PER_SHARD * SHARDS_MAX)
        return max(self.shard_count_min, -(-submissions // SUBMISSIONS_PER_SHARD))

    def _submissions(self, epoch: Epoch, limit: int) -> int:
        """How many submissions the epoch has, counted no further than the limit."""
        facts = FACTS[CONSUMPTION_SUBMITTED.table].c
        some = (
            select(facts.log_index)
            .where(facts.chain_id == self.settlement.chain_id, facts.epoch == epoch)
            .where(facts.address == self.settlement.contracts[CONSUMPTION_SUBMITTED.contract])
            .limit(limit)
            .subquery()
        )
        with self.engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(some)) or 0)
