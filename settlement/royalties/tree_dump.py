"""Whole trees as documents that other tools load.

A heap is written as OpenZeppelin's `standard-v1`, which `StandardMerkleTree.load` accepts; levels
as `quittance-levels-v1`, of the same members plus the profile's name. Leaves are given with their
value and their place in the flat array.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import ZERO_HASH, Hash32, bytes_from_hex
from settlement.errors import BadValue
from settlement.royalties.tree import Tree, is_consistent
from settlement.royalties.tree_profiles import OZ_STANDARD, Profile, Shape, profile_named
from settlement.royalties.tree_values import abi_types, evm_value, portable

_HEAP_FORMAT = "standard-v1"
_LEVELS_FORMAT = "quittance-levels-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """A tree as read from a document; nothing of it is checked against anything else."""

    profile: Profile
    types: tuple[str, ...]
    values: tuple[object, ...]
    place_of: tuple[int, ...]
    nodes: tuple[bytes, ...]

    @property
    def root(self) -> Hash32:
        """The root that the document claims; 32 zero bytes if it has no nodes."""
        if not self.nodes:
            return ZERO_HASH
        return Hash32(self.nodes[0 if self.profile.shape is Shape.HEAP else -1])


def dump_document(tree: Tree, types: Sequence[str], values: Sequence[object]) -> dict[str, object]:
    """Spell a tree over these values."""
    is_heap = tree.profile.shape is Shape.HEAP
    document: dict[str, object] = {
        "format": _HEAP_FORMAT if is_heap else _LEVELS_FORMAT,
        "leafEncoding": list(types),
        "tree": [str(Hash32(node)) for node in tree.nodes],
        "values": [
            {"value": portable(value), "treeIndex": place}
            for value, place in zip(values, tree.place_of, strict=True)
        ],
    }
    return document if is_heap else document | {"profile": tree.profile.name}


def dump_from_document(document: Mapping[str, object]) -> Dump:
    """Read a dump of either format.

    Raises:
        BadValue: naming the member.
        UnknownName: levels of a profile that is not known.
    """
    kind = document.get("format")
    if kind not in (_HEAP_FORMAT, _LEVELS_FORMAT):
        raise BadValue("format", kind, f"{_HEAP_FORMAT} or {_LEVELS_FORMAT}")
    values = [_object(item, "values") for item in _list(document, "values")]
    nodes = _list(document, "tree")
    name = OZ_STANDARD.name if kind == _HEAP_FORMAT else str(document.get("profile"))
    return Dump(
        profile=profile_named(name),
        types=abi_types(_list(document, "leafEncoding")),
        values=tuple(item.get("value") for item in values),
        place_of=tuple(_place(item.get("treeIndex"), len(nodes)) for item in values),
        nodes=tuple(_node(node, f"tree[{at}]") for at, node in enumerate(nodes)),
    )


def is_whole(dump: Dump) -> bool:
    """Whether every value is at its place, and every node is the hash of its children.

    Raises:
        BadValue: a value is none of its types.
    """
    for at, (value, place) in enumerate(zip(dump.values, dump.place_of, strict=True)):
        read = evm_value(dump.types, value, f"values[{at}]")
        if dump.profile.leaf(dump.types, read, f"values[{at}]") != dump.nodes[place]:
            return False
    has_all_leaves = len(set(dump.place_of)) == len(dump.values)
    return has_all_leaves and is_consistent(dump.profile, dump.nodes, len(dump.values))


def _list(document: Mapping[str, object], name: str) -> list[object]:
    value = document.get(name)
    if not isinstance(value, list):
        raise BadValue(name, value, "a list")
    return value


def _object(value: object, field: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadValue(field, value, "a list of objects")
    return value


def _place(value: object, count: int) -> int:
    if type(value) is not int or not 0 <= value < count:
        raise BadValue("treeIndex", value, f"a place below {count}")
    return value


def _node(value: object, field: str) -> bytes:
    try:
        return Hash32(bytes_from_hex(str(value)))
    except ValueError as error:
        raise BadValue(field, value, "a hash (0x and 64 hexadecimal digits)") from error
