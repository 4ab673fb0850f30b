"""Root of the Merkle-Patricia trie in which a block keeps its receipts.

The key of a value is the RLP of its place in the block. No such key begins another, so a branch
never holds a value of its own, and the trie is built top-down from the sorted keys in one pass.
Only the root is kept; there are no proofs and no updates.

Source: Ethereum yellow paper, appendix D.
"""

from collections.abc import Sequence
from itertools import groupby

from contracts.evm import Hash32, keccak
from indexer.chain import rlp_integer, rlp_list, rlp_string

EMPTY_ROOT = keccak(rlp_string(b""))

_HASH_BYTES = 32


def trie_root(values: Sequence[bytes]) -> Hash32:
    """The root over values in block order: what a header calls receiptsRoot."""
    if not values:
        return EMPTY_ROOT
    return keccak(_node(sorted((rlp_integer(i).hex(), one) for i, one in enumerate(values)), 0))


def _node(pairs: Sequence[tuple[str, bytes]], depth: int) -> bytes:
    """RLP of the node that holds these pairs, ascending by key; a digit of a key is a nibble.

    The keys agree in their first `depth` digits, which the way to this node has spelled.
    """
    first, last = pairs[0][0], pairs[-1][0]
    if len(pairs) == 1:
        return rlp_list([_path(first[depth:], leaf=True), rlp_string(pairs[0][1])])
    fork = depth
    while first[fork] == last[fork]:
        fork += 1
    if fork > depth:
        return rlp_list([_path(first[depth:fork], leaf=False), _reference(_node(pairs, fork))])
    children = [rlp_string(b"")] * 17
    for digit, group in groupby(pairs, key=lambda pair: pair[0][depth]):
        children[int(digit, 16)] = _reference(_node(list(group), depth + 1))
    return rlp_list(children)


def _path(digits: str, *, leaf: bool) -> bytes:
    """RLP of the hex-prefix encoding: a flag nibble for leaf and odd length, then the digits."""
    odd = len(digits) & 1
    flag = f"{2 * leaf + odd:x}" if odd else f"{2 * leaf:x}0"
    return rlp_string(bytes.fromhex(flag + digits))


def _reference(node: bytes) -> bytes:
    """How a parent names a node: by its hash, or by itself if that is shorter."""
    return node if len(node) < _HASH_BYTES else rlp_string(keccak(node))
