"""Merkle trees kept in memory, so that a proof costs a look-up and not a rebuild.

A tree belongs to one attempt at one epoch of one settlement, which never changes once stored; so an
entry is never stale, only unused. The least recently used trees go first. A proof is read from the
flat array on demand: all proofs of a million leaves would be ten times the tree.
"""

import asyncio
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.errors import StoredRootDiffers
from contracts.evm import Address, ChainId, Epoch, Hash32
from settlement.royalties.tree import Tree, leaf_tree
from settlement.royalties.tree_profiles import QUITTANCE_V1

_HASH_BYTES = 32


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
        self._trees: OrderedDict[TreeKey, Tree] = OrderedDict()
        self._leaf_count = 0
        self._building = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._trees)

    async def tree(self, key: TreeKey, load: Callable[[], Awaitable[bytes]]) -> Tree:
        """The tree of an attempt; `load` gives its leaf hashes, ascending, as one string of bytes.

        Two requests for one tree build it once, and a large one is built beside the event loop.

        Raises:
            StoredRootDiffers: the leaves do not give the key's root.
        """
        known = self._known(key)
        if known is not None:
            return known
        async with self._building:
            known = self._known(key)
            if known is not None:
                return known
            tree = await asyncio.to_thread(_tree_of, await load())
            if tree.root != key.root:
                raise StoredRootDiffers(
                    key.epoch, key.attempt, stored=str(key.root), computed=str(tree.root)
                )
            self._keep(key, tree)
            return tree

    def _known(self, key: TreeKey) -> Tree | None:
        if key not in self._trees:
            return None
        self._trees.move_to_end(key)
        return self._trees[key]

    def _keep(self, key: TreeKey, tree: Tree) -> None:
        self._trees[key] = tree
        self._leaf_count += len(tree.place_of)
        while self._leaf_count > self._leaves_max and len(self._trees) > 1:
            _, dropped = self._trees.popitem(last=False)
            self._leaf_count -= len(dropped.place_of)


def proof_of(tree: Tree, leaf: Hash32) -> tuple[Hash32, ...] | None:
    """The proof of a leaf in a tree made of ascending leaves; None if it is not among them."""
    count = len(tree.place_of)
    position = bisect_left(range(count), leaf, key=tree.leaf)
    if position == count or tree.leaf(position) != leaf:
        return None
    return tree.proof(position)


def _tree_of(leaves: bytes) -> Tree:
    hashes = [leaves[at : at + _HASH_BYTES] for at in range(0, len(leaves), _HASH_BYTES)]
    return leaf_tree(QUITTANCE_V1, hashes)
