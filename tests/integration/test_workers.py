"""Worker processes: what they send is what the indexer would have fetched, and they never stay."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from contracts.evm import BlockNumber
from indexer.errors import RPCFailed, WorkerLost
from indexer.fetch_range import RangesHere, fetch_range
from indexer.ports import RangeSource
from indexer.sync import Indexer, is_synced, run_until
from tests.fakes_chain import plan
from tests.fakes_facts import MemoryFacts
from tests.worker_chains import (
    LENGTH,
    QUESTION,
    blocks,
    broken_chain,
    chain_of,
    is_gone,
    ranges_ahead,
    workers_of,
)

ROOT = Path(__file__).resolve().parents[2]
END = BlockNumber(LENGTH)


def test_take__far_behind__the_same_ranges_in_order() -> None:
    source, chain = ranges_ahead(), chain_of(LENGTH)

    taken = [
        source.take(blocks(at, at + 20), is_final=True, ahead_end=END)
        for at in range(0, LENGTH, 20)
    ]
    source.close()

    assert [one.range for one in taken] == [blocks(at, at + 20) for at in range(0, LENGTH, 20)]
    for one in taken:
        again = fetch_range(chain, QUESTION, one.range, is_final=True)
        assert (one.blocks.rows_digest == again.blocks.rows_digest).all()
        assert (one.blocks.header, one.decoded.rows) == (again.blocks.header, again.decoded.rows)


def test_take__processes_start__first_range_is_fetched_here() -> None:
    source = ranges_ahead(broken_chain)

    first = source.take(blocks(0, 20), is_final=True, ahead_end=END)
    health = source.health()
    source.close()

    assert first.range == blocks(0, 20)
    assert health == ()


def test_health__workers__what_each_process_asked_in_all() -> None:
    source = ranges_ahead(workers=1)
    source.take(blocks(0, 10), is_final=True, ahead_end=END)  # while the process starts
    before = source.health()

    counts = []
    for at in range(10, 40, 10):
        source.take(blocks(at, at + 10), is_final=True, ahead_end=END)
        counts.append([one.requests for one in source.health()])
    source.close()
    ((closed,),) = [[one.requests for one in source.health()]]

    assert before == ()
    assert [len(each) for each in counts] == [1, 1, 1]
    assert 0 < counts[0][0] < counts[1][0] < counts[2][0] == closed


def test_health__range_failed__counted_too() -> None:
    source = ranges_ahead(broken_chain)
    source.take(blocks(0, 20), is_final=True, ahead_end=END)

    with pytest.raises(ZeroDivisionError):
        source.take(blocks(20, 40), is_final=True, ahead_end=END)
    source.close()

    assert [one.requests for one in source.health()] == [1]


def test_take__nearly_caught_up_or_not_final__no_process() -> None:
    source = ranges_ahead()

    source.take(blocks(0, 10), is_final=True, ahead_end=BlockNumber(15))
    source.take(blocks(10, 20), is_final=True, ahead_end=BlockNumber(49))
    source.take(blocks(20, 30), is_final=False, ahead_end=END)

    assert workers_of(os.getpid()) == []
    source.close()


def test_take__caught_up__processes_end() -> None:
    source = ranges_ahead()
    for at in range(0, 80, 10):
        source.take(blocks(at, at + 10), is_final=True, ahead_end=BlockNumber(80))
    running = workers_of(os.getpid())

    source.take(blocks(80, 90), is_final=True, ahead_end=BlockNumber(90))

    assert len(running) == 2
    assert workers_of(os.getpid()) == []
    source.close()


def test_take__another_window__what_was_fetched_ahead_is_used() -> None:
    source = ranges_ahead()

    taken = []
    start = 0
    for size in (10, 20, 20, 5, 5, 5, 5):
        fetched = source.take(blocks(start, start + size), is_final=True, ahead_end=END)
        taken.append((fetched.range.start, len(fetched.range)))
        start = fetched.range.end
    source.close()

    assert taken == [(0, 10), (10, 10), (20, 10), (30, 10), (40, 10), (50, 20), (70, 5)]


def test_take__another_start__what_was_fetched_ahead_is_dropped() -> None:
    source = ranges_ahead()

    source.take(blocks(0, 10), is_final=True, ahead_end=END)
    again = source.take(blocks(5, 25), is_final=True, ahead_end=END)
    source.close()

    assert again.range == blocks(5, 25)


def test_take__error_in_the_worker__raised_here_as_it_was() -> None:
    source = ranges_ahead(partial(chain_of, LENGTH, range_blocks_max=8))
    source.take(blocks(0, 20), is_final=True, ahead_end=END)

    with pytest.raises(RPCFailed, match="response too large") as caught:
        source.take(blocks(20, 40), is_final=True, ahead_end=END)
    fetched = source.take(blocks(20, 28), is_final=True, ahead_end=END)
    source.close()

    assert (caught.value.code, caught.value.host) == (-32005, "fake")
    assert fetched.range == blocks(20, 28)


def test_take__fault_in_the_worker__raised_here_with_its_traceback() -> None:
    source = ranges_ahead(broken_chain)
    source.take(blocks(0, 20), is_final=True, ahead_end=END)

    with pytest.raises(ZeroDivisionError, match="blocks") as caught:
        source.take(blocks(20, 40), is_final=True, ahead_end=END)
    source.close()

    assert "in fail" in caught.value.__notes__[0]


def test_take__workers_killed__transient_and_started_again() -> None:
    source = ranges_ahead()
    first = source.take(blocks(0, 10), is_final=True, ahead_end=END)
    second = source.take(blocks(10, 20), is_final=True, ahead_end=END)
    for pid in workers_of(os.getpid()):
        os.kill(pid, signal.SIGKILL)

    taken, start = [first.range, second.range], 20
    lost: list[int | None] = []
    while start < 100:
        try:
            fetched = source.take(blocks(start, start + 10), is_final=True, ahead_end=END)
        except WorkerLost as error:
            lost.append(error.status)
            continue
        taken.append(fetched.range)
        start = fetched.range.end
    source.close()

    assert lost
    assert set(lost) == {-signal.SIGKILL}
    assert taken == [blocks(at, at + 10) for at in range(0, 100, 10)]
    assert workers_of(os.getpid()) == []


def test_close__workers_busy__ended_and_waited_for() -> None:
    source = ranges_ahead(partial(chain_of, LENGTH, seconds=1))
    source.take(blocks(0, 10), is_final=True, ahead_end=END)
    source.take(blocks(10, 20), is_final=True, ahead_end=END)
    running = workers_of(os.getpid())

    source.close()

    assert len(running) == 2
    assert workers_of(os.getpid()) == []


@pytest.mark.parametrize("seconds", [0, 1])
def test_parent__killed__workers_end_at_once(seconds: int) -> None:
    """Idle ones wait for the next range; busy ones are in the middle of one."""
    command = [sys.executable, "-m", "tests.integration.worker_parent", str(seconds)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "took\n"
        running = workers_of(parent.pid)
        parent.kill()

    assert len(running) == 2
    assert all(is_gone(worker) for worker in running)


@pytest.mark.parametrize("workers", [1, 3])
def test_index__any_number_of_workers__one_digest(workers: int) -> None:
    stores = [MemoryFacts(), MemoryFacts()]
    sources: list[RangeSource] = [
        ranges_ahead(workers=workers),
        RangesHere(chain_of(LENGTH), QUESTION),
    ]

    for store, source in zip(stores, sources, strict=True):
        of = plan(window_blocks_max=16)
        indexer = Indexer(of, chain_of(LENGTH), store, ranges=source, now_ms=lambda: 0)
        run_until(indexer, is_synced, wait=lambda: None)
        source.close()

    assert stores[0].digest() == stores[1].digest()
    assert stores[0].snapshot() == stores[1].snapshot()
