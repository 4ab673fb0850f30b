"""Indexing one chain until it is done or stopped: waits, failures, progress, and the report.

At the first contact with node and database every failure ends the run, so that whoever started it
is told at once. Later, what was unavailable is waited for. After a failure of the database the
indexer is opened again: a lost connection has lost the chain's lock with it.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Engine

from contracts.evm import BlockNumber
from indexer.adapters.status import SqlStatus
from indexer.endpoint_health import EndpointHealth, with_counts_of
from indexer.errors import ChainOwned, Corrupt, OwnershipLost, StoreUnavailable, Transient
from indexer.levels import Level
from indexer.outcomes import Advanced, Disputed, Idle, Lagging, Outcome, SourcesAdded, Waiting
from indexer.status import Coverage, IndexerStatus, Tally, failed, halted, seen, standing
from indexer.sync import Indexer
from scripts.bootstrap_indexer import running_indexer
from scripts.errors import IndexingStalled, NodeLags
from scripts.errors import Transient as ScriptTransient
from scripts.progress import Progress
from scripts.settings import ChainSettings
from scripts.status_reporter import Reporter

log = logging.getLogger(__name__)

_POLLS_MISSED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOrder:
    """What ends a run: all blocks below `end_block` are held, or nothing is left to do.

    Without either it follows the head until it is stopped, and looks every `poll_s` seconds. It is
    stalled when nothing has moved for `stalled_after_s`.
    """

    end_block: BlockNumber | None
    until_synced: bool
    poll_s: float
    stalled_after_s: float

    @property
    def is_bounded(self) -> bool:
        """Whether the run ends by itself."""
        return self.until_synced or self.end_block is not None

    @property
    def stalled_after_ms(self) -> int:
        """How long nothing may move; who looks seldom may also find nothing for longer."""
        return round(1000 * max(self.stalled_after_s, _POLLS_MISSED * self.poll_s))

    def is_done(self, idle: Idle) -> bool:
        """Whether nothing is left to do, at this head of the chain."""
        return self.until_synced or (self.end_block is not None and idle.head + 1 >= self.end_block)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainResult:
    """What a run has done on one chain."""

    chain: ChainSettings
    tally: Tally
    duration_ms: int


class ChainRun:
    """One chain from the first contact to the end."""

    def __init__(
        self,
        engine: Engine,
        chain: ChainSettings,
        order: IndexOrder,
        *,
        stop: threading.Event,
        progress: Progress,
    ) -> None:
        self._engine, self._chain, self._order = engine, chain, order
        self._stop, self._progress = stop, progress
        now_ms = _now_ms()
        self._tally = Tally(began_ms=now_ms, moved_at_ms=now_ms, height=None, finalized=None)
        self._health: Callable[[], tuple[EndpointHealth, ...]] = tuple
        self._reporter: Reporter | None = None

    @property
    def name(self) -> str:
        """The chain's."""
        return self._chain.name

    def run(self) -> ChainResult:
        """Index until the order is done or somebody stops it.

        Raises:
            NodeLags: the run is bounded, and the node is behind what we hold as final.
            IndexingStalled: the run is bounded, and does not get on.
            Transient: at the first contact, something was unavailable.
            Rejected: the chain, the configuration or our question is wrong.
            Corrupt: facts contradict each other. The status says so before this is raised.
        """
        with ExitStack() as stack:
            try:
                self._index(stack)
            except (Transient, ScriptTransient, ChainOwned):
                raise  # it has not halted: it may be started again, or another is at work
            except Exception as error:
                if self._reporter is None and isinstance(error, Corrupt):
                    with suppress(StoreUnavailable):  # the error itself says more
                        self._reporter = self._begin(stack)
                self._tell(halted(self._tally, str(error)))
                raise
        return ChainResult(
            chain=self._chain, tally=self._tally, duration_ms=_now_ms() - self._tally.began_ms
        )

    def status(self, coverage: Coverage) -> IndexerStatus:
        """Where the index stands now; for any thread."""
        tally = self._tally
        state, reason = standing(
            tally, at_ms=_now_ms(), stalled_after_ms=self._order.stalled_after_ms
        )
        return IndexerStatus(
            chain_id=self._chain.id,
            level=Level(self._chain.verify),
            state=state,
            reason=reason,
            tally=tally,
            coverage=coverage,
            endpoints=self._health(),
        )

    def _index(self, stack: ExitStack) -> None:
        while not self._stop.is_set():
            try:
                with running_indexer(
                    self._engine, self._chain, end_block=self._order.end_block
                ) as running:
                    self._health = partial(_since_start, running.health, self._health())
                    if self._reporter is None:
                        self._reporter = self._begin(stack)
                    if self._follow(running.indexer):
                        return
            except Transient as error:
                if self._reporter is None:
                    raise
                self._failed(error)
                self._wait(self._order.poll_s)

    def _begin(self, stack: ExitStack) -> Reporter:
        """From now on there is something to report."""
        store = SqlStatus(self._engine, self._chain.id)
        height, finalized = store.place()
        self._tally = replace(self._tally, height=height, finalized=finalized)
        return stack.enter_context(
            Reporter(store, self.status, start_block=self._chain.start_block)
        )

    def _follow(self, indexer: Indexer) -> bool:
        """Step until the order is done or we are stopped; False if it is to be opened again."""
        while not self._stop.is_set():
            outcome = self._stepped(indexer)
            match outcome:
                case Advanced():
                    self._show(outcome)
                case Idle() if self._order.is_done(outcome):
                    return True
                case SourcesAdded():
                    return False
                case Lagging(head=head, finalized=finalized) if self._order.is_bounded:
                    raise NodeLags(self._chain.name, head=head, finalized=finalized)
                case Waiting(after_s=after_s):
                    self._wait(after_s)
                case None | Idle() | Disputed() | Lagging():
                    self._wait(self._order.poll_s)
                case _:
                    pass  # there is more to do at once
        return True

    def _stepped(self, indexer: Indexer) -> Outcome | None:
        """What a step did; None if something outside kept it from being done.

        Raises:
            StoreUnavailable, OwnershipLost: the indexer has to be opened again.
        """
        try:
            outcome = indexer.step()
        except (StoreUnavailable, OwnershipLost):
            raise
        except Transient as error:
            self._failed(error)
            return None
        self._tell(seen(self._tally, outcome, at_ms=_now_ms()))
        return outcome

    def _failed(self, error: Transient) -> None:
        log.warning("indexing waits", extra={"chain": self._chain.name, "error": str(error)})
        self._tell(failed(self._tally, str(error)))

    def _wait(self, duration_s: float) -> None:
        """Wait; a bounded run does not wait for ever.

        Raises:
            IndexingStalled: it has waited too long.
        """
        still_ms = self._tally.still_ms(_now_ms())
        if self._order.is_bounded and still_ms > self._order.stalled_after_ms:
            raise IndexingStalled(
                self._chain.name, still_s=still_ms // 1000, reason=self._tally.reason
            )
        self._stop.wait(duration_s)

    def _tell(self, tally: Tally) -> None:
        is_other = (tally.state, tally.disputed) != (self._tally.state, self._tally.disputed)
        self._tally = tally
        if is_other and self._reporter is not None:
            self._reporter.state_changed()

    def _show(self, outcome: Advanced) -> None:
        end = outcome.head + 1
        if self._order.end_block is not None:
            end = min(end, self._order.end_block)
        self._progress.moved(
            done=outcome.blocks.end,
            total=end,
            besides={"events": self._tally.events},
            notes={"bottleneck": self._tally.bottleneck, "endpoint": self._host()},
        )

    def _host(self) -> str:
        """The endpoint that was asked most."""
        return max(self._health(), key=lambda one: one.requests).host


def _since_start(
    health: Callable[[], tuple[EndpointHealth, ...]], before: tuple[EndpointHealth, ...]
) -> tuple[EndpointHealth, ...]:
    """How endpoints serve now, with the counts of indexers that were opened before this one."""
    return with_counts_of(health(), before)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
