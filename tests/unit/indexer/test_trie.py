"""Roots against a trie that grows by one value at a time, and against the yellow paper's."""

from typing import Any

import pytest
import rlp

from contracts.evm import keccak
from indexer.trie import EMPTY_ROOT, trie_root

Node = dict[str, Any]


def inserted(node: Node | None, path: str, value: bytes) -> Node:
    """The node with one more value; `children` by digit, `path` before them or before `value`."""
    if node is None:
        return {"path": path, "value": value}
    shared = 0
    while shared < len(node["path"]) and node["path"][shared] == path[shared]:
        shared += 1
    if shared == len(node["path"]):
        digit, rest = path[shared], path[shared + 1 :]
        node["children"][digit] = inserted(node["children"].get(digit), rest, value)
        return node
    old = node | {"path": node["path"][shared + 1 :]}
    new = {"path": path[shared + 1 :], "value": value}
    return {"path": path[:shared], "children": {node["path"][shared]: old, path[shared]: new}}


def structure(node: Node) -> Any:
    path = node["path"]
    if "value" in node:
        return [prefixed(path, 2), node["value"]]
    branch = [b""] * 17
    for digit, child in node["children"].items():
        branch[int(digit, 16)] = named(structure(child))
    return [prefixed(path, 0), named(branch)] if path else branch


def named(node: Any) -> Any:
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


def prefixed(path: str, flag: int) -> bytes:
    return bytes.fromhex(f"{flag + 1}{path}" if len(path) % 2 else f"{flag}0{path}")


def grown_root(values: list[bytes]) -> bytes:
    node: Node | None = None
    for index, value in enumerate(values):
        node = inserted(node, rlp.encode(index).hex(), value)
    assert node is not None
    return keccak(rlp.encode(structure(node)))


def test_trie_root__nothing__the_empty_root() -> None:
    assert trie_root([]) == EMPTY_ROOT
    assert str(EMPTY_ROOT) == "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"


@pytest.mark.parametrize("count", [*range(1, 20), 127, 128, 129, 255, 256, 257, 400])
@pytest.mark.parametrize("length", [1, 29, 300])
def test_trie_root__any_count_and_length__equals_grown(count: int, length: int) -> None:
    """Short values put nodes inside their parents; counts pass every length of a key."""
    values = [keccak(bytes((index & 255, index >> 8))) * 10 for index in range(count)]
    values = [value[:length] for value in values]

    assert trie_root(values) == grown_root(values)


def test_trie_root__order__matters() -> None:
    values = [bytes((index + 1,)) * 40 for index in range(3)]

    assert trie_root(values) != trie_root(values[::-1])
