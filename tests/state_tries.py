"""A Merkle-Patricia trie with proofs, written from the definition, for tests of proofs."""

from collections.abc import Mapping
from typing import Any

import rlp

from contracts.evm import Hash32, keccak


class StateTrie:
    """A trie over hashed keys, as Ethereum keeps accounts and slots; values are RLP already."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self._nodes: dict[bytes, bytes] = {}
        items = [(keccak(key).hex(), value) for key, value in values.items()]
        top = rlp.encode(self._build(items) if items else b"")
        self.root = Hash32(keccak(top))
        self._nodes[bytes(self.root)] = top

    def proof(self, key: bytes) -> list[bytes]:
        """The nodes on the way to a key, as far as it goes."""
        way, found = keccak(key).hex(), []
        reference: Any = bytes(self.root)
        while reference != b"":
            if isinstance(reference, bytes):
                found.append(self._nodes[reference])
                reference = rlp.decode(self._nodes[reference])
            node = reference
            if node == b"":
                break
            if len(node) == 17:
                reference, way = node[int(way[0], 16)], way[1:]
                continue
            digits = node[0].hex()
            is_leaf = digits[0] in "23"
            digits = digits[1:] if digits[0] in "13" else digits[2:]
            if is_leaf or not way.startswith(digits):
                break
            reference, way = node[1], way[len(digits) :]
        return found

    def _build(self, items: list[tuple[str, bytes]]) -> Any:
        if len(items) == 1:
            return [_hex_prefix(items[0][0], is_leaf=True), items[0][1]]
        shared = 0
        while len({key[shared] for key, _ in items}) == 1:
            shared += 1
        children: list[Any] = []
        for digit in "0123456789abcdef":
            below = [(key[shared + 1 :], value) for key, value in items if key[shared] == digit]
            children.append(self._reference(self._build(below)) if below else b"")
        branch = [*children, b""]
        if not shared:
            return branch
        return [_hex_prefix(items[0][0][:shared], is_leaf=False), self._reference(branch)]

    def _reference(self, node: Any) -> Any:
        encoded = rlp.encode(node)
        if len(encoded) < 32:
            return node
        self._nodes[bytes(keccak(encoded))] = encoded
        return bytes(keccak(encoded))


def _hex_prefix(digits: str, *, is_leaf: bool) -> bytes:
    flag = 2 * is_leaf + len(digits) % 2
    return bytes.fromhex(f"{flag:x}{digits}" if len(digits) % 2 else f"{flag:x}0{digits}")
