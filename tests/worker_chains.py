"""Chains for worker processes, and what can be seen of such processes from outside."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from contracts.evm import BlockNumber
from indexer.adapters.workers import RangesAhead
from indexer.fetch_range import RangesHere
from indexer.ports import WitnessedChain
from indexer.ranges import BlockRange
from tests.builders_chain import eventful_chain
from tests.fakes_chain import FakeChain, plan

LENGTH = 400
QUESTION = plan().question


def chain_of(length: int, *, seconds: int = 0, range_blocks_max: int | None = None) -> FakeChain:
    """A chain whose node takes so long for each range, or refuses longer ones."""
    chain = eventful_chain(length)
    chain.range_blocks_max = range_blocks_max
    chain.before_call = lambda method: time.sleep(seconds if method == "blocks" else 0)
    return chain


def broken_chain() -> FakeChain:
    """A chain whose reader has a fault of its own."""
    chain = eventful_chain(LENGTH)

    def fail(method: str) -> None:
        raise ZeroDivisionError(method)

    chain.before_call = fail
    return chain


plain_chain = partial(chain_of, LENGTH)


def ranges_ahead(
    make_chain: Callable[[], WitnessedChain] = plain_chain,
    *,
    workers: int = 2,
    behind_blocks_min: int = 20,
) -> RangesAhead:
    """Workers that read such a chain; in this process it is the plain one."""
    return RangesAhead(
        RangesHere(plain_chain(), QUESTION),
        make_chain,
        QUESTION,
        workers=workers,
        behind_blocks_min=behind_blocks_min,
    )


def blocks(start: int, end: int) -> BlockRange:
    return BlockRange(BlockNumber(start), BlockNumber(end))


def workers_of(parent: int) -> list[int]:
    """The worker processes of a process, dead ones that nobody waited for included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _parent(entry) == parent and not _is_other(entry):
            found.append(int(entry.name))
    return sorted(found)


def is_gone(pid: int) -> bool:
    """Whether a process ends soon; a zombie has ended."""
    until_gone = Retrying(
        retry=retry_if_result(lambda state: state is not None and state != "Z"),
        wait=wait_fixed(0.02),
        stop=stop_after_delay(60),
        retry_error_callback=lambda _: "still there",
    )
    return until_gone(_state, Path(f"/proc/{pid}")) in {None, "Z"}


def _parent(entry: Path) -> int | None:
    fields = _stat(entry)
    return None if fields is None else int(fields[1])


def _state(entry: Path) -> str | None:
    fields = _stat(entry)
    return None if fields is None else fields[0]


def _stat(entry: Path) -> list[str] | None:
    """State, parent, and so on; None if there is no such process."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _is_other(entry: Path) -> bool:
    """Whether it is a running process that is no worker; a zombie has no command line."""
    try:
        command = (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return bool(command) and b"indexer.adapters.worker" not in command
