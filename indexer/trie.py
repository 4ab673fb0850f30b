"""Root of the Merkle-Patricia trie in which a block keeps its receipts, or its transactions.

The key of a value is the RLP of its place in the block. No such key begins another, so a branch
never holds a value of its own, and how the trie branches follows from the number of values alone:
that shape is made once for each number, from the sorted keys, and filled with values from the
leaves up. Only the root is kept; there are no proofs and no updates.

Source: Ethereum yellow paper, appendix D.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple, TypeAlias

from contracts.evm import Hash32, keccak
from indexer.chain import rlp_integer, rlp_list, rlp_prefix, rlp_string

EMPTY_ROOT = keccak(rlp_string(b""))

_HASH_BYTES = 32
_HASH_PREFIX = rlp_string(bytes(_HASH_BYTES))[:1]
_NOTHING = rlp_string(b"")
_SHAPES_KEPT = 256  # of a few hundred values each, as blocks have


class _Leaf(NamedTuple):
    """Where one value stands; `path` is the RLP of what is left of its key."""

    path: bytes
    place: int


class _Branch(NamedTuple):
    """A fork by one digit; None where no key goes on.

    `path` is the RLP of the digits that all keys here share before they part, if there are any:
    then an extension stands above the branch.
    """

    path: bytes | None
    children: tuple["_Shape | None", ...]


_Shape: TypeAlias = _Leaf | _Branch


def trie_root(values: Sequence[bytes]) -> Hash32:
    """The root over values in block order: what a header calls receiptsRoot or transactionsRoot."""
    if not values:
        return EMPTY_ROOT
    return keccak(_node(_shape_of(len(values)), values))


@lru_cache(maxsize=_SHAPES_KEPT)
def _shape_of(count: int) -> _Shape:
    return _shape(sorted((rlp_integer(place).hex(), place) for place in range(count)), 0)


def _shape(keys: Sequence[tuple[str, int]], depth: int) -> _Shape:
    """How these keys part, ascending; a digit of a key is a nibble.

    The keys agree in their first `depth` digits, which the way to this node has spelled.
    """
    first, last = keys[0][0], keys[-1][0]
    if len(keys) == 1:
        return _Leaf(_path(first[depth:], leaf=True), keys[0][1])
    fork = depth
    while first[fork] == last[fork]:
        fork += 1
    children: list[_Shape | None] = [None] * 16
    for digit, group in groupby(keys, key=lambda key: key[0][fork]):
        children[int(digit, 16)] = _shape(list(group), fork + 1)
    path = _path(first[depth:fork], leaf=False) if fork > depth else None
    return _Branch(path, tuple(children))


def _path(digits: str, *, leaf: bool) -> bytes:
    """RLP of the hex-prefix encoding: a flag nibble for leaf and odd length, then the digits."""
    odd = len(digits) & 1
    flag = f"{2 * leaf + odd:x}" if odd else f"{2 * leaf:x}0"
    return rlp_string(bytes.fromhex(flag + digits))


def _node(shape: _Shape, values: Sequence[bytes]) -> bytes:
    """RLP of the node of this shape."""
    if isinstance(shape, _Leaf):
        return _leaf(shape.path, values[shape.place])
    children = [
        _NOTHING if child is None else _reference(_node(child, values)) for child in shape.children
    ]
    branch = rlp_list((*children, _NOTHING))  # a branch's own value: no key ends at one
    return branch if shape.path is None else rlp_list((shape.path, _reference(branch)))


def _leaf(path: bytes, value: bytes) -> bytes:
    """RLP of path and value; values are long and many, so each is copied once."""
    is_itself = len(value) == 1 and value[0] < 0x80
    head = b"" if is_itself else rlp_prefix(0x80, len(value))
    size = len(path) + len(head) + len(value)
    return b"".join((rlp_prefix(0xC0, size), path, head, value))


def _reference(node: bytes) -> bytes:
    """How a parent names a node: by its hash, or by itself if that is shorter."""
    return node if len(node) < _HASH_BYTES else _HASH_PREFIX + keccak(node)
