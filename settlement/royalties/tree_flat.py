"""Trees of profile `quittance-v1` as one string of bytes: fast to build, stored, sliced for proofs.

The 2n - 1 nodes of the heap in `tree.py`, 32 bytes each, root first, leaves from the end. That
module is the definition; this one gives the same nodes of a million leaves in seconds, and a proof
of any in microseconds.

A subtree of a heap is a heap, and the levels of the two subtrees under a root lie side by side.
Two processes can therefore build one half each, and `heap_of_halves` puts them together:

    0 │ 1  2 │ 3 4  5 6 │ 7 8 9 10 …
        l  r   l l  r r   l l l l
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from mmap import mmap

import sha3

from contracts.evm import ZERO_HASH, Hash32
from contracts.packed_leaves import PackedLeaves, double_hashes
from settlement.errors import BadValue

NODE_BYTES = 32


@dataclass(frozen=True, slots=True)
class FlatTree:
    """A tree read from its nodes; nothing is hashed, so check what you take from it.

    `nodes` are bytes, or a file of them mapped into memory: whatever gives bytes when sliced.
    """

    nodes: bytes | mmap

    def __post_init__(self) -> None:
        """Refuse what cannot be a tree.

        Raises:
            BadValue: there are not 2n - 1 nodes.
        """
        count, rest = divmod(len(self.nodes), NODE_BYTES)
        if rest or (count and count % 2 == 0):
            raise BadValue("nodes", f"{len(self.nodes)} bytes", "2n - 1 nodes of 32 bytes")

    @property
    def leaf_count(self) -> int:
        """How many leaves there are."""
        return (len(self.nodes) // NODE_BYTES + 1) >> 1

    @property
    def root(self) -> Hash32:
        """The root; 32 zero bytes if the tree has no leaves."""
        return Hash32(self.nodes[:NODE_BYTES]) if self.leaf_count else ZERO_HASH

    def leaf(self, rank: int) -> bytes:
        """The leaf of this rank, in ascending order."""
        at = len(self.nodes) - NODE_BYTES * (rank + 1)
        return self.nodes[at : at + NODE_BYTES]

    def rank(self, leaf: bytes) -> int | None:
        """How many leaves are lower than this one; None if it is not among them."""
        nodes = self.nodes
        start, end = 0, self.leaf_count
        last = len(nodes) - NODE_BYTES  # the lowest leaf
        while start < end:
            middle = (start + end) >> 1
            at = last - NODE_BYTES * middle
            if nodes[at : at + NODE_BYTES] < leaf:
                start = middle + 1
            else:
                end = middle
        is_found = start < self.leaf_count and self.leaf(start) == leaf
        return start if is_found else None

    def proof(self, rank: int) -> list[bytes]:
        """Siblings from the leaf of this rank up to the root."""
        nodes, siblings = self.nodes, []
        above = (
            len(nodes) // NODE_BYTES - 2 - rank
        )  # a node's place less one: twins differ by a bit
        while above >= 0:
            at = NODE_BYTES * ((above ^ 1) + 1)
            siblings.append(nodes[at : at + NODE_BYTES])
            above = (above >> 1) - 1
        return siblings


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedTree:
    """A tree with the hashes of its leaves in the order in which the leaves were given."""

    hashes: list[bytes]
    tree: FlatTree


TreeMaker = Callable[[PackedLeaves], HashedTree]
"""Whoever makes it, in however many processes: the tree is a function of the leaves."""


def hashed_tree(leaves: PackedLeaves) -> HashedTree:
    """The tree over these leaves, made here."""
    hashes = double_hashes(leaves)
    return HashedTree(hashes=hashes, tree=flat_tree(hashes))


def flat_tree(hashes: Iterable[bytes]) -> FlatTree:
    """The tree over these leaf hashes, given in any order."""
    return FlatTree(heap(b"".join(sorted(hashes, reverse=True))))


def heap(leaves: bytes) -> bytes:
    """All nodes of the heap at whose end these leaves stand, in this order."""
    bottom = split_nodes(leaves)
    ready = len(bottom) - 1
    nodes = [b""] * ready + bottom
    keccak = sha3.keccak_256
    while ready > 0:
        start = ready >> 1  # nodes [start, ready) have all their children at `ready` or after
        children = nodes[2 * start + 1 : 2 * ready + 1]
        nodes[start:ready] = [
            keccak(left + right if left < right else right + left).digest()
            for left, right in zip(children[::2], children[1::2], strict=True)
        ]
        ready = start
    return b"".join(nodes)


def halves(leaves: bytes) -> tuple[bytes, bytes]:
    """The leaves of a heap of two leaves or more, shared out to the two subtrees under its root.

    Each half is in the order in which its leaves stand at the end of its subtree.
    """
    first = len(leaves) // NODE_BYTES - 1
    sides: tuple[list[bytes], list[bytes]] = [], []
    for depth in range((2 * first + 1).bit_length() - 1):
        for side, pieces in enumerate(sides):
            start, end = ((2 + side + more) * 2**depth - 1 - first for more in (0, 1))
            pieces.append(leaves[NODE_BYTES * max(0, start) : NODE_BYTES * max(0, end)])
    return b"".join(sides[0]), b"".join(sides[1])


def heap_of_halves(left: bytes, right: bytes) -> bytes:
    """The heap whose two subtrees under the root are these heaps."""
    top = heap(left[:NODE_BYTES] + right[:NODE_BYTES])[:NODE_BYTES]
    levels = [top]
    for depth in range((len(left) // NODE_BYTES).bit_length()):
        level = slice(NODE_BYTES * (2**depth - 1), NODE_BYTES * (2 ** (depth + 1) - 1))
        levels += left[level], right[level]
    return b"".join(levels)


def split_nodes(nodes: bytes) -> list[bytes]:
    """One string of nodes as a list."""
    return [nodes[at : at + NODE_BYTES] for at in range(0, len(nodes), NODE_BYTES)]
