"""An append-only log of committed manifests (RFC 9162 §2.1), and its proofs.

Entry i is the manifest digest of commitment i, in chain order. The tree over the first `size`
entries has hash

    leaf  = SHA-256(0x00 ‖ entry)
    node  = SHA-256(0x01 ‖ left ‖ right), split at the largest power of two below the size
    empty = SHA-256("")

Whoever keeps a (size, root) can check later that a manifest was in the log (inclusion), and that
nothing before was changed or taken away (consistency). The trees of payouts are others: see
`tree.py`.
"""

from collections.abc import Sequence
from hashlib import sha256

from contracts.evm import Hash32
from settlement.errors import BadValue


def entry_hash(entry: bytes) -> Hash32:
    """The leaf of one entry."""
    return Hash32(sha256(b"\x00" + entry).digest())


def node_hash(left: bytes, right: bytes) -> Hash32:
    """The parent of two nodes."""
    return Hash32(sha256(b"\x01" + left + right).digest())


def log_root(leaves: Sequence[Hash32]) -> Hash32:
    """The hash of the tree over these leaves (`entry_hash` of each entry)."""
    if not leaves:
        return Hash32(sha256(b"").digest())
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return node_hash(log_root(leaves[:split]), log_root(leaves[split:]))


def inclusion_proof(leaves: Sequence[Hash32], index: int) -> tuple[Hash32, ...]:
    """The nodes that lead from leaf `index` to the root, from the bottom up (§2.1.3.1).

    Raises:
        BadValue: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise BadValue("index", index, f"in [0, {len(leaves)})")
    if len(leaves) == 1:
        return ()
    split = _split(len(leaves))
    if index < split:
        return (*inclusion_proof(leaves[:split], index), log_root(leaves[split:]))
    return (*inclusion_proof(leaves[split:], index - split), log_root(leaves[:split]))


def consistency_proof(leaves: Sequence[Hash32], size: int) -> tuple[Hash32, ...]:
    """The nodes that show the first `size` leaves to be the beginning of all (§2.1.4.1).

    Raises:
        BadValue: no leaves, or more than there are.
    """
    if not 0 < size <= len(leaves):
        raise BadValue("size", size, f"in [1, {len(leaves)}]")
    return _subproof(leaves, size, is_known=True)


def is_included(
    leaf: Hash32, proof: Sequence[Hash32], *, index: int, size: int, root: Hash32
) -> bool:
    """Whether the proof leads from leaf `index` to the root of that size (§2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(
    proof: Sequence[Hash32], *, old_size: int, size: int, old_root: Hash32, root: Hash32
) -> bool:
    """Whether the proof shows the old tree to be the beginning of the new one (§2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    is_power_of_two = old_size & (old_size - 1) == 0
    nodes = (old_root, *proof) if is_power_of_two else tuple(proof)
    if not nodes:
        return False
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _subproof(leaves: Sequence[Hash32], size: int, *, is_known: bool) -> tuple[Hash32, ...]:
    """SUBPROOF of §2.1.4.1; `is_known`: the verifier has the root of these leaves already."""
    if size == len(leaves):
        return () if is_known else (log_root(leaves),)
    split = _split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if size <= split:
        return (*_subproof(left, size, is_known=is_known), log_root(right))
    return (*_subproof(right, size - split, is_known=False), log_root(left))


def _split(size: int) -> int:
    """The largest power of two below `size`, which is two or more."""
    return 1 << (size - 1).bit_length() - 1
