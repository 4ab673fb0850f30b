"""Two processes: the same tree, and nothing stays behind, whatever becomes of the child.

Subjects: settlement.royalties.adapters.tree_processes,
settlement.royalties.adapters.tree_worker.
"""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from contracts.evm import keccak
from contracts.packed_leaves import PackedLeaves
from settlement.royalties.adapters.tree_processes import LEAVES_FOR_TWO_MIN, hashed_tree_by_two
from settlement.royalties.tree_flat import hashed_tree
from tests.bench.processes import family
from tests.worker_chains import is_gone


def hashing_children() -> set[int]:
    """Our descendants that hash trees: servers of other tests come and go meanwhile."""
    found = set()
    for pid in family(os.getpid()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"tree_worker" in command:
            found.add(pid)
    return found


def leaves_of(count: int) -> PackedLeaves:
    seed = keccak(count.to_bytes(4, "big"))
    rows = b"".join([number.to_bytes(4, "big") + seed for number in range(count)])
    return PackedLeaves(prefix=b"common", rows=rows, width=36)


@pytest.mark.parametrize("count", [LEAVES_FOR_TWO_MIN, LEAVES_FOR_TWO_MIN + 1])
def test_by_two__large_tree__the_same_and_no_process_left(count: int) -> None:
    leaves = leaves_of(count)

    made = hashed_tree_by_two(leaves)

    assert made == hashed_tree(leaves)
    assert not hashing_children()


@pytest.mark.parametrize("count", [0, 1, 100])
def test_by_two__small_tree__the_same(count: int) -> None:
    assert hashed_tree_by_two(leaves_of(count)) == hashed_tree(leaves_of(count))


@pytest.mark.parametrize("after_s", [0.0, 0.25, 0.45])
def test_by_two__child_killed__the_same_tree(after_s: float) -> None:
    leaves = leaves_of(2 * LEAVES_FOR_TWO_MIN)
    killed: list[int] = []

    def kill() -> None:
        ends = time.monotonic() + 60
        while not (children := hashing_children()):
            assert time.monotonic() < ends
        time.sleep(after_s)
        for child in children:
            os.kill(child, signal.SIGKILL)
            killed.append(child)

    killer = threading.Thread(target=kill)
    killer.start()
    made = hashed_tree_by_two(leaves)
    killer.join()

    assert made == hashed_tree(leaves)
    assert len(killed) == 1
    assert is_gone(killed[0])
