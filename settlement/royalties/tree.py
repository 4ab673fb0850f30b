"""Merkle trees: build, prove, verify, detect.

Nodes stand in one flat array; a proof is read from it on demand.

    heap (2n - 1 nodes, root first, leaves from the end)      levels (leaves first, root last)

              0                                                5 = keccak(3, 4)
            1   2        children of i: 2i + 1, 2i + 2         3 = keccak(0, 1)   4 = 2, promoted
           3 4           sorted leaves 0, 1, 2 → 4, 3, 2       0   1   2

In a heap no node is without sibling. In levels an odd last node is promoted unchanged, and adds
nothing to the proof of what is below it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import sha3

from contracts.evm import ZERO_HASH, Hash32
from settlement.errors import BadValue
from settlement.royalties.tree_profiles import (
    OZ_STANDARD,
    OZ_UNSORTED,
    PROFILES,
    Profile,
    Shape,
)
from settlement.royalties.tree_values import abi_types, evm_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A built tree; `place_of[i]` is the place in `nodes` of the leaf of value i."""

    profile: Profile
    nodes: list[bytes]
    place_of: list[int]

    @property
    def root(self) -> Hash32:
        """The root; 32 zero bytes if the tree has no leaves."""
        if not self.nodes:
            return ZERO_HASH
        return Hash32(self.nodes[0 if self.profile.shape is Shape.HEAP else -1])

    def leaf(self, position: int) -> Hash32:
        """The leaf of the value at `position`."""
        return Hash32(self.nodes[self.place_of[position]])

    def proof(self, position: int) -> tuple[Hash32, ...]:
        """Siblings from the leaf of the value at `position` up to the root."""
        place = self.place_of[position]
        if self.profile.shape is Shape.HEAP:
            siblings = _heap_siblings(place)
        else:
            siblings = _level_siblings(place, len(self.place_of))
        return tuple(Hash32(self.nodes[sibling]) for sibling in siblings)


def build_tree(profile: Profile, types: Sequence[str], values: Sequence[object]) -> Tree:
    """Build a tree over typed values.

    Raises:
        BadValue: naming the value; or there are none, and the profile needs one.
    """
    checked = _types_for(profile, types)
    read = [
        evm_value(checked, value, f"values[{position}]") for position, value in enumerate(values)
    ]
    hashes = [
        profile.leaf(checked, value, f"values[{position}]") for position, value in enumerate(read)
    ]
    return _tree(profile, hashes, profile.order(read, hashes))


def leaf_tree(profile: Profile, hashes: Sequence[bytes]) -> Tree:
    """Build a tree over leaf hashes, for a profile that orders leaves by hash alone.

    Raises:
        BadValue: there are no leaves, and the profile needs one.
    """
    return _tree(profile, hashes, profile.order((), hashes))


def is_proof(
    profile: Profile,
    types: Sequence[str],
    value: object,
    *,
    proof: Sequence[bytes],
    root: bytes,
) -> bool:
    """Whether the proof leads from the value to the root.

    Raises:
        BadValue: the value is none of these types.
    """
    checked = _types_for(profile, types)
    read = evm_value(checked, value, "value")
    if profile.is_forgeable(read):
        return False
    return folded(profile.leaf(checked, read, "value"), proof) == root


def folded(leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that a leaf and its proof lead to."""
    return reduce(_node, proof, leaf)


def is_consistent(profile: Profile, nodes: Sequence[bytes], leaf_count: int) -> bool:
    """Whether these nodes are a whole tree of this shape over that many leaves."""
    if profile.shape is Shape.HEAP:
        leaves = list(reversed(nodes[-leaf_count:])) if leaf_count else []
        return list(nodes) == _heap(leaves)
    return list(nodes) == _levels(nodes[:leaf_count])


def profiles_of_root(
    types: Sequence[str], values: Sequence[object], root: bytes
) -> tuple[str, ...]:
    """Names of all profiles under which these values have this root, most particular first.

    Where sorted leaves have it too, `oz-unsorted` is not named: one root is one set of proofs.

    Raises:
        BadValue: a value is none of these types.
    """
    checked = abi_types(types)
    for position, value in enumerate(values):
        evm_value(checked, value, f"values[{position}]")
    names = [
        profile.name
        for profile in PROFILES
        if profile.types in (None, checked) and _has_root(profile, checked, values, root)
    ]
    if OZ_STANDARD.name in names:
        names = [name for name in names if name != OZ_UNSORTED.name]
    return tuple(names)


def _has_root(
    profile: Profile, types: Sequence[str], values: Sequence[object], root: bytes
) -> bool:
    try:
        return build_tree(profile, types, values).root == root
    except BadValue:  # no tree of this profile holds these values
        return False


def _types_for(profile: Profile, types: Sequence[str]) -> tuple[str, ...]:
    checked = abi_types(types)
    if profile.types is not None and checked != profile.types:
        wanted = f"{list(profile.types)}, which profile {profile.name} needs"
        raise BadValue("types", list(types), wanted)
    return checked


def _tree(profile: Profile, hashes: Sequence[bytes], order: Sequence[int]) -> Tree:
    if not order and not profile.has_empty_tree:
        raise BadValue("values", [], f"one value or more, which profile {profile.name} needs")
    leaves = [hashes[position] for position in order]
    is_heap = profile.shape is Shape.HEAP
    place_of = [0] * len(order)
    for rank, position in enumerate(order):
        place_of[position] = 2 * len(order) - 2 - rank if is_heap else rank
    nodes = _heap(leaves) if is_heap else _levels(leaves)
    return Tree(profile=profile, nodes=nodes, place_of=place_of)


def _heap(leaves: Sequence[bytes]) -> list[bytes]:
    nodes = [b""] * (len(leaves) - 1) + list(reversed(leaves))
    for place in reversed(range(len(leaves) - 1)):
        nodes[place] = _node(nodes[2 * place + 1], nodes[2 * place + 2])
    return nodes


def _heap_siblings(place: int) -> Iterator[int]:
    while place > 0:
        yield place + 1 if place % 2 else place - 1
        place = (place - 1) >> 1


def _levels(leaves: Sequence[bytes]) -> list[bytes]:
    nodes = list(leaves)
    for start, end in _level_ranges(len(leaves)):
        if end - start > 1:
            nodes += [_node(nodes[at], nodes[at + 1]) for at in range(start, end - 1, 2)]
            nodes += nodes[end - 1 : end] if (end - start) % 2 else []
    return nodes


def _level_ranges(leaf_count: int) -> Iterator[tuple[int, int]]:
    """Where each level stands in the array, half-open, from the leaves to the root."""
    start, end = 0, leaf_count
    while end > start:
        yield start, end
        width = end - start
        start, end = end, end + (((width + 1) >> 1) if width > 1 else 0)


def _level_siblings(place: int, leaf_count: int) -> Iterator[int]:
    offset = place
    for start, end in _level_ranges(leaf_count):
        sibling = start + (offset ^ 1)
        if sibling < end:
            yield sibling
        offset >>= 1


def _node(left: bytes, right: bytes) -> bytes:
    pair = left + right if left < right else right + left
    return bytes(sha3.keccak_256(pair).digest())
