"""Tree profiles: how a value becomes a leaf, in which order leaves stand, and the tree's shape.

| profile | leaf | order | shape | no leaves |
|---|---|---|---|---|
| `quittance-v1` | keccak(keccak(abi.encode(value))) | by hash | heap | root 0 |
| `cwe-sorted-v1` | keccak(work ‖ amount) | by work id | levels | root 0 |
| `uniswap-v1` | keccak(encodePacked(value)) | by hash | levels | refused |
| `oz-standard` | keccak(keccak(abi.encode(value))) | by hash | heap | refused |
| `oz-unsorted` | keccak(keccak(abi.encode(value))) | as given | heap | refused |

Every node is keccak of its children in ascending order, so a proof needs no directions. A verifier
must still name the profile: the same values give another root under each, but `quittance-v1` is
`oz-standard` over the eight members of our leaf, and equal to it. `oz-unsorted` is what the option
`sortLeaves: false` makes, unless the order given happens to lead to the same root.

Warning: the 64-byte preimage of a `cwe-sorted-v1` leaf has the form of an inner node. An inner node
shown as a leaf has an amount that is a hash; amounts there come from 128-bit credits, so a proof
for an amount of 2¹²⁸ or more is refused.

Sources: OpenZeppelin/merkle-tree (`standard-v1`), Uniswap/merkle-distributor (`BalanceTree`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sha3

from contracts.leaves import LEAF_TYPES
from settlement.errors import BadValue, UnknownName
from settlement.royalties.tree_values import encoded, packed

Value = Sequence[Any]
"""The members of one leaf, as `tree_values.evm_value` reads them."""

_CWE_AMOUNT_LIMIT = 2**128


class Shape(StrEnum):
    """How nodes are laid out in the flat array; see `tree.py`."""

    HEAP = "heap"
    LEVELS = "levels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of Merkle tree.

    `types` fixes the members of a value, if the profile does. `order` gives the positions of the
    values in the order of the tree's leaves. `is_forgeable` says that an inner node might pass for
    this value.
    """

    name: str
    types: tuple[str, ...] | None
    leaf: Callable[[Sequence[str], Value, str], bytes]
    order: Callable[[Sequence[Value], Sequence[bytes]], list[int]]
    shape: Shape
    has_empty_tree: bool
    is_forgeable: Callable[[Value], bool]


def profile_named(name: str) -> Profile:
    """The profile of this name.

    Raises:
        UnknownName: there is none.
    """
    for profile in PROFILES:
        if profile.name == name:
            return profile
    raise UnknownName("tree profile", name, [profile.name for profile in PROFILES])


def _hash(data: bytes) -> bytes:
    return bytes(sha3.keccak_256(data).digest())


def _double_hashed(types: Sequence[str], value: Value, field: str) -> bytes:
    return _hash(_hash(encoded(types, value, field)))


def _hashed_packed(types: Sequence[str], value: Value, field: str) -> bytes:
    return _hash(packed(types, value, field))


def _by_hash(_values: Sequence[Value], hashes: Sequence[bytes]) -> list[int]:
    return sorted(range(len(hashes)), key=hashes.__getitem__)


def _by_work(values: Sequence[Value], _hashes: Sequence[bytes]) -> list[int]:
    _refuse_repeated_first_member(values, "another work than all before it")
    return sorted(range(len(values)), key=lambda position: bytes(values[position][0]))


def _as_given(_values: Sequence[Value], hashes: Sequence[bytes]) -> list[int]:
    return list(range(len(hashes)))


def _by_hash_indexed(values: Sequence[Value], hashes: Sequence[bytes]) -> list[int]:
    _refuse_repeated_first_member(values, "another index than all before it")
    return _by_hash(values, hashes)


def _refuse_repeated_first_member(values: Sequence[Value], wanted: str) -> None:
    """Two leaves with one key would share one paid flag."""
    seen: set[Any] = set()
    for position, value in enumerate(values):
        if value[0] in seen:
            shown = "0x" + value[0].hex() if isinstance(value[0], bytes) else value[0]
            raise BadValue(f"values[{position}][0]", shown, wanted)
        seen.add(value[0])


def _never(_value: Value) -> bool:
    return False


def _cwe_amount_is_hash(value: Value) -> bool:
    return bool(value[1] >= _CWE_AMOUNT_LIMIT)


QUITTANCE_V1 = Profile(
    name="quittance-v1",
    types=LEAF_TYPES,
    leaf=_double_hashed,
    order=_by_hash,
    shape=Shape.HEAP,
    has_empty_tree=True,
    is_forgeable=_never,
)
CWE_SORTED_V1 = Profile(
    name="cwe-sorted-v1",
    types=("bytes32", "uint256"),
    leaf=_hashed_packed,
    order=_by_work,
    shape=Shape.LEVELS,
    has_empty_tree=True,
    is_forgeable=_cwe_amount_is_hash,
)
UNISWAP_V1 = Profile(
    name="uniswap-v1",
    types=("uint256", "address", "uint256"),
    leaf=_hashed_packed,
    order=_by_hash_indexed,
    shape=Shape.LEVELS,
    has_empty_tree=False,
    is_forgeable=_never,
)
OZ_STANDARD = Profile(
    name="oz-standard",
    types=None,
    leaf=_double_hashed,
    order=_by_hash,
    shape=Shape.HEAP,
    has_empty_tree=False,
    is_forgeable=_never,
)
OZ_UNSORTED = Profile(
    name="oz-unsorted",
    types=None,
    leaf=_double_hashed,
    order=_as_given,
    shape=Shape.HEAP,
    has_empty_tree=False,
    is_forgeable=_never,
)

PROFILES: tuple[Profile, ...] = (QUITTANCE_V1, CWE_SORTED_V1, UNISWAP_V1, OZ_STANDARD, OZ_UNSORTED)
"""From the most particular to the most general."""
