"""Merkle trees kept in memory, so that a proof costs a look-up and not a read.

A tree is stored whole when its epoch is computed; here it is read once, as one string of bytes, and
proofs are sliced from it. Nothing of it is hashed again: who takes a proof checks that it leads to
the root. It belongs to one attempt at one epoch of one settlement, which never changes once stored;
so an entry is never stale, only unused. The least recently used trees go first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.errors import StoredRootDiffers
from contracts.evm import Address, ChainId, Epoch, Hash32
from settlement.errors import BadValue
from settlement.royalties.tree import folded
from settlement.royalties.tree_flat import FlatTree


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeKey:
    """One stored attempt, with the root that its tree must have."""

    chain_id: ChainId
    contract: Address
    epoch: Epoch
    attempt: int
    root: Hash32


class TreeCache:
    """Trees by key, least recently used first; together at most `leaves_max` leaves.

    A tree larger than that is still served, and is then the only one kept.
    """

    def __init__(self, leaves_max: int) -> None:
        self._leaves_max = leaves_max
        self._trees: OrderedDict[TreeKey, FlatTree] = OrderedDict()
        self._leaf_count = 0
        self._reading = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._trees)

    async def tree(self, key: TreeKey, load: Callable[[], Awaitable[bytes]]) -> FlatTree:
        """The tree of an attempt; `load` gives its nodes, root first, as one string of bytes.

        Two requests for one tree read it once.

        Raises:
            StoredRootDiffers: the nodes are no tree with the key's root.
        """
        known = self._known(key)
        if known is not None:
            return known
        async with self._reading:
            known = self._known(key)
            if known is not None:
                return known
            tree = _tree_of(key, await load())
            self._keep(key, tree)
            return tree

    def _known(self, key: TreeKey) -> FlatTree | None:
        if key not in self._trees:
            return None
        self._trees.move_to_end(key)
        return self._trees[key]

    def _keep(self, key: TreeKey, tree: FlatTree) -> None:
        self._trees[key] = tree
        self._leaf_count += tree.leaf_count
        while self._leaf_count > self._leaves_max and len(self._trees) > 1:
            _, dropped = self._trees.popitem(last=False)
            self._leaf_count -= dropped.leaf_count


def proof_of(tree: FlatTree, leaf: Hash32) -> tuple[Hash32, ...] | None:
    """The proof of a leaf; None if the tree has none that leads from the leaf to its root."""
    rank = tree.rank(leaf)
    if rank is None:
        return None
    proof = tree.proof(rank)
    return tuple(map(Hash32, proof)) if folded(leaf, proof) == tree.root else None


def _tree_of(key: TreeKey, nodes: bytes) -> FlatTree:
    try:
        tree = FlatTree(nodes)
    except BadValue as error:
        raise StoredRootDiffers(
            key.epoch, key.attempt, stored=str(key.root), computed=str(error)
        ) from error
    if tree.root != key.root:
        raise StoredRootDiffers(
            key.epoch, key.attempt, stored=str(key.root), computed=str(tree.root)
        )
    return tree
