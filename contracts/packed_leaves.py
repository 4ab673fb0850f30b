"""Leaves of fixed width as one string of bytes, and their hashes.

All members of a leaf are words, so a million leaves are rows of equal length behind one common
beginning, and hashing them needs no encoder. `leaf_packing.py` lays out ours. This module imports
hardly anything: a process that does nothing but hash starts with it in no time.
"""

from dataclasses import dataclass

import sha3

WORD_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedLeaves:
    """Leaf i, as abi.encode spells it, is `prefix` and then row i of `rows`, each `width` bytes."""

    prefix: bytes
    rows: bytes
    width: int

    def __len__(self) -> int:
        return len(self.rows) // self.width

    def part(self, start: int, end: int) -> "PackedLeaves":
        """Leaves [start, end)."""
        rows = self.rows[self.width * start : self.width * end]
        return PackedLeaves(prefix=self.prefix, rows=rows, width=self.width)


def double_hashes(leaves: PackedLeaves) -> list[bytes]:
    """keccak256(keccak256(leaf)) of each, in their order."""
    keccak, prefix, rows, width = sha3.keccak_256, leaves.prefix, leaves.rows, leaves.width
    return [
        keccak(keccak(prefix + rows[at : at + width]).digest()).digest()
        for at in range(0, len(rows), width)
    ]
