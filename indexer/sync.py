"""The indexer's use case: bring the stored facts one step closer to the chain.

`Indexer.step` does one thing, in one database transaction: facts, the cursor and the finalized
block move together or not at all. Backfill and tail are the same code. A step begins with a look at
the chain, but far below the finalized block, where nothing moves, one look serves several steps.

Where there is nothing to fetch, a step goes on with contracts that are being added (`backfill.py`),
proves blocks that were stored at a lower level, or brings the balances of tokens up to the
finalized block.
"""

import logging
from collections.abc import Callable, Sequence
from typing import assert_never

from contracts.evm import BlockNumber, BlockRef
from contracts.units import mul_div_down
from indexer.backfill import Backfill
from indexer.blame import blaming
from indexer.chain import LocalChain
from indexer.disputes import Disputes
from indexer.errors import (
    BlockDisputed,
    ReorgTooDeep,
    Transient,
)
from indexer.failures import narrower, wanted_pause_s
from indexer.fetched import FetchedRange, check_events, check_on_head
from indexer.finality import finalized_block
from indexer.look import View, fit, last_common, look
from indexer.outcomes import (
    Advanced,
    Backfilled,
    Disputed,
    Finalized,
    Folded,
    Idle,
    Lagging,
    Narrowed,
    Outcome,
    Proved,
    Rewound,
    SourcesAdded,
    Waiting,
)
from indexer.plan import IndexedChain
from indexer.ports import Extension, FactStore, RangeSource, Replacement, WitnessedChain
from indexer.ranges import BlockRange, Halve, Window, next_range
from indexer.reorg import Extend, Rewind, TooDeep
from indexer.upkeep import Upkeep

log = logging.getLogger(__name__)

_STEPS_PER_LOOK = 16
_FIRST_BLOCKS = 100
"""Nothing is known yet of how many logs a block has."""

_WAITS_MAX = 3
"""After so many waits in a row we ask for less too: what sounds like a limit on the number of
requests may be one on their size, and would never end."""


class Indexer:
    """Indexes one chain into one store.

    Its own state can be lost: the size of the next range, and the last look at the chain. `now_ms`
    is a clock that never goes back.
    """

    def __init__(
        self,
        plan: IndexedChain,
        chain: WitnessedChain,
        store: FactStore,
        *,
        ranges: RangeSource,
        now_ms: Callable[[], int],
        backfill: Backfill | None = None,
    ) -> None:
        self._plan, self._chain, self._store = plan, chain, store
        self._ranges, self._now_ms = ranges, now_ms
        limit = plan.limits.window_blocks_max
        self._window = Window(min(_FIRST_BLOCKS, limit), limit)
        self._blocks_max = limit
        self._view: View | None = None
        self._steps_on_view = 0
        self._waits = 0
        self._upkeep = Upkeep(plan, store)
        self._disputes = Disputes(plan, chain, store)
        self._backfill = backfill

    def step(self) -> Outcome:
        """Do the next thing, in one transaction.

        Raises:
            Transient: the chain or the database was unavailable, the node does not have the blocks,
                or a single block could not be fetched; nothing was stored.
            Rejected: the node will never answer our request for logs, or a contract is not what it
                is configured to be; nothing was stored.
            ReorgTooDeep: the chain replaced a finalized block; nothing was stored.
            ProofContradicts: a stored block is not what its header commits to.
            Corrupt: a header, a log or the stored rows contradict themselves.
        """
        try:
            return self._next()
        except BlockDisputed as error:
            self._view = None
            return self._disputes.opened(error)
        except Transient as error:
            self._view = None
            after_s = wanted_pause_s(error)
            if after_s is None:
                raise
            return self._waiting(after_s, error)

    def _next(self) -> Outcome:
        local = self._store.local_chain()
        if self._upkeep.is_fold_due and self._upkeep.fold(local.finalized):
            return Folded()
        view = self._view_of(local)
        if view is not None:
            return self._extend(local, view)
        return self._disputes.still_open() or self._fitted(local, self._looked())

    def _looked(self) -> View:
        """A new look; a refused answer is put down to its endpoint, and another one is asked."""
        view = blaming(self._chain, lambda: look(self._chain, self._plan))
        self._disputes.note_fork()
        self._view, self._steps_on_view = view, 0
        return view

    def _view_of(self, local: LocalChain) -> View | None:
        """The last look, if all that the next range can be was final then, and it is not old."""
        view = self._view
        if view is None or self._steps_on_view >= _STEPS_PER_LOOK:
            return None
        if self._start(local) + self._window.blocks > min(view.final_end, self._end(view)):
            return None
        self._steps_on_view += 1
        return view

    def _fitted(self, local: LocalChain, view: View) -> Outcome:
        """What is due after a new look, by how the chain fits onto ours."""
        finalized = local.finalized
        if finalized is not None and view.head.number < finalized.number:
            return self._behind(finalized, view.head)
        found = blaming(self._chain, lambda: fit(self._chain, self._plan, local, view.head))
        match found:
            case Extend():
                return self._extend(local, view)
            case Rewind():
                return self._rewind(found, view.head)
            case TooDeep():
                raise self._too_deep(found.finalized, found.remote)
            case _:
                assert_never(found)

    def _behind(self, finalized: BlockRef, head: BlockRef) -> Lagging:
        """The node merely lags if its head is a block of ours below the finalized one."""
        held = self._store.block(head.number)
        if held is not None and held.hash != head.hash:
            raise self._too_deep(finalized, head)
        return Lagging(head.number, finalized.number)

    def _too_deep(self, finalized: BlockRef, remote: BlockRef) -> ReorgTooDeep:
        """The error, with the last block of ours that still stands."""
        chain, plan, held = self._chain, self._plan, self._store.block
        common = blaming(chain, lambda: last_common(chain, plan, held, below=finalized.number))
        return ReorgTooDeep(plan.chain_id, finalized, remote, common)

    def _rewind(self, found: Rewind, new_head: BlockRef) -> Rewound:
        below = self._plan.start_block - 1 if found.ancestor is None else found.ancestor.number
        depth_blocks = found.head.number - below
        removed = self._store.replace(
            Replacement(
                expected_head=found.head,
                ancestor=found.ancestor,
                new_head=new_head,
                depth_blocks=depth_blocks,
            )
        )
        log.warning(
            "blocks were rewound",
            extra={
                "chain_id": self._plan.chain_id,
                "old_head": str(found.head.hash),
                "new_head": str(new_head.hash),
                "depth_blocks": depth_blocks,
            },
        )
        return Rewound(
            ancestor=found.ancestor,
            old_head=found.head,
            new_head=new_head,
            depth_blocks=depth_blocks,
            removed=removed,
        )

    def _extend(self, local: LocalChain, view: View) -> Outcome:
        end = self._end(view)
        blocks = next_range(
            self._start(local),
            final_end=view.final_end,
            end=end,
            window=min(self._window.blocks, self._blocks_max),
        )
        if blocks is None:
            return self._settle(local, view)
        started_ms = self._now_ms()
        try:
            fetched = self._ranges.take(
                blocks,
                is_final=blocks.end <= view.final_end,
                ahead_end=min(view.final_end, end),
            )
            check_on_head(fetched.blocks, local.head)
            finalized = _finalized(local, fetched.blocks.refs(), view)
        except Transient as error:
            return self._failed(blocks, error)
        held = {one: self._store.has_events_of(one) for one in fetched.decoded.mismatched}
        check_events(fetched.decoded, self._plan.sources, held)
        fetched_ms = self._now_ms()
        self._store.extend(
            Extension(
                expected_head=local.head,
                sources_digest=self._plan.sources_digest,
                blocks=fetched.blocks,
                decoded=fetched.decoded,
                finalized=finalized,
            )
        )
        stored_ms = self._now_ms()
        self._upkeep.stored(fetched, finalized)
        self._learn(blocks=len(fetched.range), logs_read=fetched.logs_read)
        return self._advanced(
            fetched,
            view,
            finalized,
            fetch_stall_ms=fetched_ms - started_ms,
            store_ms=stored_ms - fetched_ms,
        )

    def _start(self, local: LocalChain) -> BlockNumber:
        """The next block to fetch."""
        return BlockNumber(self._plan.start_block if local.head is None else local.head.number + 1)

    def _end(self, view: View) -> BlockNumber:
        """The first block that is not to be fetched now."""
        end = view.head.number + 1
        return BlockNumber(end if self._plan.end_block is None else min(end, self._plan.end_block))

    def _learn(self, *, blocks: int, logs_read: int) -> None:
        """A larger range next time, but not so large that its logs would take too much memory."""
        self._window, self._waits = self._window.succeeded(), 0
        logs_max = self._plan.limits.range_logs_max
        self._blocks_max = max(mul_div_down(blocks, logs_max, max(logs_read, 1)), 1)

    def _settle(self, local: LocalChain, view: View) -> Outcome:
        """Nothing is left to fetch: finish what follows from what we hold."""
        finalized = _finalized(local, (), view)
        if finalized is not None and finalized != local.finalized:
            self._store.finalize(finalized)
            return Finalized(finalized)
        more = self._add_sources(local, view) or self._prove()
        if more is not None:
            return more
        if self._upkeep.fold(local.finalized):
            return Folded()
        return Idle(view.head.number)

    def _add_sources(
        self, local: LocalChain, view: View
    ) -> Backfilled | SourcesAdded | Narrowed | None:
        """The next step towards contracts that are being added; None if none are."""
        head = local.head
        if self._backfill is None or head is None:
            return None
        most = min(self._window.blocks, self._blocks_max)
        due = self._backfill.due(head, final_end=view.final_end, blocks_max=most)
        if not isinstance(due, BlockRange):
            return due
        try:
            done, logs_read = self._backfill.fetch(due, head, is_final=due.end <= view.final_end)
        except Transient as error:
            return self._failed(due, error)
        self._learn(blocks=len(due), logs_read=logs_read)
        return done

    def _prove(self) -> Proved | Narrowed | None:
        """Fetch finalized blocks that lack a proof again, and keep the proof; None if none do."""
        held = self._upkeep.unproved(blocks_max=self._window.blocks)
        if held is None:
            return None
        blocks = BlockRange(held.start, held.end)
        try:
            again = self._ranges.take(blocks, is_final=True, ahead_end=blocks.end)
        except Transient as error:
            return self._failed(blocks, error)
        self._upkeep.prove(held, again.blocks)
        return Proved(blocks)

    def _failed(self, blocks: BlockRange, error: Transient) -> Narrowed:
        """Ask for less; the cursor stays where it is. Raises the error if that cannot help."""
        self._view = None
        self._window = self._window.failed(blocks, narrower(error, blocks))
        log.warning(
            "a range failed and was narrowed",
            extra={
                "chain_id": self._plan.chain_id,
                "start_block": blocks.start,
                "end_block": blocks.end,
                "window_blocks": self._window.blocks,
                "cause": str(error),
            },
        )
        return Narrowed(self._window.blocks, str(error))

    def _waiting(self, after_s: int, error: Transient) -> Waiting:
        self._waits += 1
        if self._waits % _WAITS_MAX == 0:
            asked = BlockRange(BlockNumber(0), BlockNumber(self._window.blocks))
            self._window = self._window.failed(asked, Halve())
        log.warning(
            "the provider wants to be asked less often",
            extra={"chain_id": self._plan.chain_id, "after_s": after_s, "cause": str(error)},
        )
        return Waiting(after_s, str(error))

    def _advanced(
        self,
        fetched: FetchedRange,
        view: View,
        finalized: BlockRef | None,
        *,
        fetch_stall_ms: int,
        store_ms: int,
    ) -> Advanced:
        outcome = Advanced(
            blocks=fetched.range,
            facts=fetched.decoded.rows,
            unknown=fetched.decoded.unknown,
            malformed=fetched.decoded.malformed,
            head=view.head.number,
            finalized=None if finalized is None else finalized.number,
            fetch_stall_ms=fetch_stall_ms,
            store_ms=store_ms,
        )
        log.info(
            "a range was indexed",
            extra={
                "chain_id": self._plan.chain_id,
                "start_block": fetched.range.start,
                "end_block": fetched.range.end,
                "head": outcome.head,
                "facts": outcome.facts,
                "malformed": outcome.malformed,
                "fetch_stall_ms": fetch_stall_ms,
                "store_ms": store_ms,
            },
        )
        return outcome


def run_until(
    indexer: Indexer, is_done: Callable[[Outcome], bool], *, wait: Callable[[], None]
) -> Outcome:
    """Step until `is_done` says so, and return the last outcome; `wait` where nothing can be done.

    Raises:
        IndexerError: whatever a step raises; what was done before it is stored.
    """
    while True:
        outcome = indexer.step()
        if is_done(outcome):
            return outcome
        if isinstance(outcome, Idle | Lagging | Waiting | Disputed):
            wait()


def is_synced(outcome: Outcome) -> bool:
    """Whether the step found nothing more to do."""
    return isinstance(outcome, Idle)


def _finalized(local: LocalChain, added: Sequence[BlockRef], view: View) -> BlockRef | None:
    grown = LocalChain(local.finalized, (*local.unfinalized, *added))
    return finalized_block(grown, number=view.final, tagged=view.tagged)
