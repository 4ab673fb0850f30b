"""Large trees built by two processes: this one, and a plain child that ends with the tree.

    this process    hash half the leaves ──┬── sort ──┬── build the left half ──┬── join
    child           hash the other half ───┘          └── build the right half ─┘

The child imports the hashing and nothing else. If it is lost, the tree is built here: a tree is a
function of its leaves, however many build it.
"""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO

from contracts.packed_leaves import PackedLeaves, double_hashes
from settlement.royalties.adapters.tree_worker import PICKLE_PROTOCOL
from settlement.royalties.tree_flat import (
    FlatTree,
    HashedTree,
    halves,
    hashed_tree,
    heap,
    heap_of_halves,
    split_nodes,
)

LEAVES_FOR_TWO_MIN = 100_000
"""Below it, starting a process costs about what it saves."""

_BOOT = (
    "import sys; sys.path[:] = {path!r}; "
    "from settlement.royalties.adapters.tree_worker import main; main()"
)
_Handed = Callable[[PackedLeaves | bytes], Callable[[], bytes]]
"""Hands the child an errand; what it gives back waits for the result."""


def hashed_tree_by_two(leaves: PackedLeaves) -> HashedTree:
    """The tree over these leaves; a large one is made by two processes."""
    if len(leaves) < LEAVES_FOR_TWO_MIN:
        return hashed_tree(leaves)
    try:
        with _child() as hand:
            return _made_by_two(hand, leaves)
    except (EOFError, OSError, pickle.UnpicklingError):
        return hashed_tree(leaves)


def _made_by_two(hand: _Handed, leaves: PackedLeaves) -> HashedTree:
    middle = len(leaves) >> 1
    theirs = hand(leaves.part(middle, len(leaves)))
    hashes = double_hashes(leaves.part(0, middle))
    hashes += split_nodes(theirs())
    left, right = halves(b"".join(sorted(hashes, reverse=True)))
    theirs = hand(right)
    tree = FlatTree(heap_of_halves(heap(left), theirs()))
    return HashedTree(hashes=hashes, tree=tree)


@contextmanager
def _child() -> Iterator[_Handed]:
    """A process that takes errands; its input is written by a thread, for it reads it in bits."""
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _BOOT.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise TypeError("both were asked for as pipes")
    with process, ThreadPoolExecutor(1) as writer:
        source, target = process.stdout, process.stdin

        def hand(errand: PackedLeaves | bytes) -> Callable[[], bytes]:
            sent = writer.submit(_send, target, errand)

            def result() -> bytes:
                sent.result()
                return _received(source)

            return result

        try:
            yield hand
        finally:
            process.kill()  # it keeps nothing; a writer that waits for it ends with it


def _send(target: IO[bytes], errand: PackedLeaves | bytes) -> None:
    pickle.dump(errand, target, PICKLE_PROTOCOL)
    target.flush()


def _received(source: IO[bytes]) -> bytes:
    nodes = pickle.load(source)  # noqa: S301 - our own process wrote it
    if not isinstance(nodes, bytes):
        raise pickle.UnpicklingError(type(nodes).__name__)
    return nodes
