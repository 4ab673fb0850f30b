"""A process that builds half of a large tree; started by `tree_processes.py`.

It reads one errand after the other from standard input and writes what it made of each to standard
output. When the other side ends, however it ends, standard input closes, and the process ends.
"""

import pickle
import sys
from typing import BinaryIO

from contracts.packed_leaves import PackedLeaves, double_hashes
from settlement.royalties.tree_flat import heap

PICKLE_PROTOCOL = 5


def main() -> None:
    """Serve until standard input closes."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            errand = pickle.load(source)  # noqa: S301 - our parent wrote it
        except EOFError:
            return
        _send(target, _result(errand))


def _result(errand: PackedLeaves | bytes) -> bytes:
    """Packed leaves: their hashes. Nodes: the heap at whose end they stand."""
    return b"".join(double_hashes(errand)) if isinstance(errand, PackedLeaves) else heap(errand)


def _send(target: BinaryIO, result: bytes) -> None:
    pickle.dump(result, target, PICKLE_PROTOCOL)
    target.flush()
