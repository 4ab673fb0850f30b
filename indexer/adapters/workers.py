"""Ranges of blocks fetched ahead by other processes; satisfies `ports.RangeSource`.

    worker 1   [ 0,100) ─────► [200,300) ─────► …          fetch, prove, decode
    worker 2   [100,200) ────► [300,400) ────► …
    indexer        [ 0,100) [100,200) [200,300) …           store, strictly in this order

A few ranges at most are under way or waiting, so memory is bounded. Processes are started only when
the indexer is far behind, and end when it has caught up: the tip is followed without them. While
they start, the first range is fetched here.

An error of the range that is due is raised as it was in the worker, and what was fetched ahead is
dropped, because the next range will begin elsewhere. A worker that dies loses a range that nobody
has stored; it is asked for again, of a new worker.

Each process is a plain child that imports the indexer and nothing else; the package
`multiprocessing` would import the whole program again, and leave a process of its own behind.
"""

import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue

from contracts.evm import BlockNumber
from indexer.adapters.worker import PICKLE_PROTOCOL, Delivery
from indexer.endpoint_health import EndpointHealth
from indexer.errors import WorkerLost
from indexer.fetched import FetchedRange
from indexer.plan import Question
from indexer.ports import RangeSource, WitnessedChain
from indexer.ranges import BlockRange

_WAITING_MAX = 2
"""Ranges beside one for each worker that are asked for, or fetched and not yet taken."""

_WINDOWS_BEHIND_MIN = 4
"""Starting the processes costs about as much as fetching one dense range."""

_ENDING_MAX_S = 2

_BOOT = "import sys; sys.path[:] = {path!r}; from indexer.adapters.worker import main; main({fd})"


class RangesAhead:
    """Ranges from `workers` processes while far behind, else from `here`. For one thread.

    Without workers, and for less than `behind_blocks_min`, all is fetched here.
    """

    def __init__(
        self,
        here: RangeSource,
        make_chain: Callable[[], WitnessedChain],
        question: Question,
        *,
        workers: int,
        behind_blocks_min: int,
    ) -> None:
        self._here = here
        self._errand = pickle.dumps((make_chain, question), PICKLE_PROTOCOL)
        self._workers, self._behind_blocks_min = workers, behind_blocks_min
        self._pool: _Pool | None = None
        self._ahead: deque[tuple[BlockRange, Future[bytes]]] = deque()
        self._health: dict[int, tuple[EndpointHealth, ...]] = {}

    def take(self, blocks: BlockRange, *, is_final: bool, ahead_end: BlockNumber) -> FetchedRange:
        """The range that begins where `blocks` does.

        Raises:
            IndexerError: what fetching the range raised, wherever it was fetched.
            WorkerLost: the process that fetched it died.
        """
        if self._ahead and (not is_final or self._ahead[0][0].start != blocks.start):
            self._drop()
        if not self._ahead and not (is_final and self._is_far(blocks, ahead_end)):
            self._stop()
            return self._here.take(blocks, is_final=is_final, ahead_end=ahead_end)
        if self._pool is None:
            self._pool = _Pool(self._errand, self._workers)
            self._fetch_ahead(self._pool, blocks.end, len(blocks), ahead_end)
            return self._here.take(blocks, is_final=is_final, ahead_end=ahead_end)
        self._fetch_ahead(self._pool, blocks.start, len(blocks), ahead_end)
        _, due = self._ahead.popleft()
        try:
            return self._fetched(due.result())
        except Exception:
            self._drop()
            raise

    def health(self) -> tuple[EndpointHealth, ...]:
        """How endpoints have served each process, as it said last; for any thread."""
        return tuple(one for said in tuple(self._health.values()) for one in said)

    def close(self) -> None:
        """End all workers, and wait for them."""
        self._stop()
        self._here.close()

    def _is_far(self, blocks: BlockRange, ahead_end: BlockNumber) -> bool:
        behind = ahead_end - blocks.start
        least = max(_WINDOWS_BEHIND_MIN * len(blocks), self._behind_blocks_min)
        return self._workers > 0 and behind >= least

    def _fetch_ahead(
        self, pool: "_Pool", start: BlockNumber, length: int, ahead_end: BlockNumber
    ) -> None:
        """Have ranges of this length under way, from `start` or the last one up to `ahead_end`."""
        start = self._ahead[-1][0].end if self._ahead else start
        while len(self._ahead) < self._workers + _WAITING_MAX and start < ahead_end:
            following = BlockRange(start, BlockNumber(min(start + length, ahead_end)))
            self._ahead.append((following, pool.submit(following)))
            start = following.end

    def _fetched(self, message: bytes) -> FetchedRange:
        delivery = pickle.loads(message)  # noqa: S301 - our own process wrote it
        if not isinstance(delivery, Delivery):
            raise TypeError(f"a worker sent {type(delivery).__name__}")
        self._health[delivery.process] = delivery.health
        if isinstance(delivery.found, Exception):
            raise delivery.found
        return delivery.found

    def _drop(self) -> None:
        for _, answer in self._ahead:
            answer.cancel()
        self._ahead.clear()

    def _stop(self) -> None:
        self._drop()
        if self._pool is not None:
            self._pool.close()
            self._pool = None


class _Pool:
    """Threads that each wait for one process; they take in what it sends while we store."""

    def __init__(self, errand: bytes, count: int) -> None:
        self._all = [_Worker(errand) for _ in range(count)]
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._all:
            self._free.put(worker)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="range")

    def submit(self, blocks: BlockRange) -> Future[bytes]:
        return self._threads.submit(self._fetch, blocks)

    def close(self) -> None:
        for worker in self._all:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.end()

    def _fetch(self, blocks: BlockRange) -> bytes:
        worker = self._free.get()
        try:
            return worker.fetch(blocks)
        finally:
            self._free.put(worker)


class _Worker:
    """One process; started when it is first needed, and again after it was lost."""

    def __init__(self, errand: bytes) -> None:
        self._errand = errand
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._starting = threading.Lock()
        self._is_stopped = False

    def fetch(self, blocks: BlockRange) -> bytes:
        """What the process sends back about this range."""
        try:
            connection = self._connection or self._start()
            connection.send(blocks)
            return connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise WorkerLost(self.end()) from error

    def stop(self) -> None:
        """Kill the process, which keeps nothing, and start no other."""
        with self._starting:
            self._is_stopped = True
            process = self._process
        if process is not None:
            process.kill()

    def end(self) -> int | None:
        """Make sure that the process is gone; its exit status."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is None:
            return None
        if process.stdin is not None:
            process.stdin.close()
        try:
            return process.wait(_ENDING_MAX_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        with self._starting, theirs:
            if self._is_stopped:
                ours.close()
                raise EOFError
            code = _BOOT.format(path=sys.path, fd=theirs.fileno())
            self._process = subprocess.Popen(  # noqa: S603 - our own code
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C is for the indexer, which then ends us
            )
        self._connection = ours
        ours.send_bytes(self._errand)
        return ours
