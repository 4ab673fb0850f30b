"""A thread that reports where one chain's index stands, while another thread does the indexing.

So a step that takes long, or hangs, is reported too, and a report can never hold up a step. It is
written every second and at every change of state; a database that does not take it is tried again.
"""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from contracts.evm import BlockNumber
from indexer.adapters.status import SqlStatus
from indexer.errors import StoreUnavailable
from indexer.status import Coverage, IndexerStatus, Tally

log = logging.getLogger(__name__)

_EVERY_S = 1.0


class Reporter:
    """Reports from `__enter__` to `__exit__`, and a last time then."""

    def __init__(
        self,
        store: SqlStatus,
        status_of: Callable[[Coverage], IndexerStatus],
        *,
        start_block: BlockNumber,
    ) -> None:
        self._store, self._status_of = store, status_of
        self._coverage = CoverageCount(store.counted, start_block)
        self._is_due, self._is_ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="status")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_ending.set()
        self._is_due.set()
        self._thread.join()

    def state_changed(self) -> None:
        """Report now."""
        self._is_due.set()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_ending.is_set()
            self._is_due.clear()
            self._report()
            if not is_last:
                self._is_due.wait(_EVERY_S)

    def _report(self) -> None:
        try:
            tally = self._status_of(self._coverage.shown).tally
            self._store.write(self._status_of(self._coverage.grown(tally)))
        except StoreUnavailable as error:
            log.warning("the status was not stored", extra={"cause": str(error)})


class CoverageCount:
    """How the finalized blocks are proved, counted once and then only the new ones.

    When blocks were proved afterwards it counts anew, and shows the old numbers until it is done.
    """

    def __init__(
        self, counted: Callable[[Coverage, BlockNumber], Coverage], start_block: BlockNumber
    ) -> None:
        self._counted, self._start = counted, Coverage(end_block=start_block)
        self._counting = self.shown = self._start
        self._proved = 0

    def grown(self, tally: Tally) -> Coverage:
        """What is known after counting some more.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        if tally.finalized is None:
            return self.shown
        self._counting = self._counted(self._counting, tally.finalized)
        if self._counting.end_block >= self.shown.end_block:
            self.shown = self._counting
        if self._counting.end_block > tally.finalized and tally.proved != self._proved:
            self._counting, self._proved = self._start, tally.proved
        return self.shown
