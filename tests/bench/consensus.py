"""What consensus makes of a block, written a second time for the bench.

RLP, the Merkle-Patricia root and the logs bloom, independent of `indexer`: the yardstick chain must
not agree with the product because both share a mistake. Only the keccak extension is the same.
"""

from collections.abc import Sequence
from functools import lru_cache
from os.path import commonprefix
from typing import TypeAlias

import sha3

Item: TypeAlias = bytes | int | Sequence["Item"]


def keccak(data: bytes) -> bytes:
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def rlp(item: Item) -> bytes:
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(0x80, len(item)) + item
    payload = b"".join(map(rlp, item))
    return _prefix(0xC0, len(payload)) + payload


def joined(encoded: Sequence[bytes]) -> bytes:
    """The list of items that are RLP already."""
    payload = b"".join(encoded)
    return _prefix(0xC0, len(payload)) + payload


def trie_root(values: Sequence[bytes]) -> bytes:
    """The root over values keyed by the RLP of their position."""
    pairs = {rlp(place).hex(): value for place, value in enumerate(values)}
    return keccak(rlp(_node(pairs)) if pairs else rlp(b""))


@lru_cache(maxsize=1 << 18)
def bloom_bits(value: bytes) -> int:
    digest = keccak(value)
    bits = 0
    for place in (0, 2, 4):
        bits |= 1 << (((digest[place] << 8) | digest[place + 1]) % 2048)
    return bits


def _prefix(offset: int, length: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(size)]) + size


def _node(pairs: dict[str, bytes]) -> Item:
    if len(pairs) == 1:
        ((path, value),) = pairs.items()
        return [_compact(path, 2), value]
    shared: str = commonprefix(list(pairs))  # noqa: RUF071 - of digits, not of paths
    if shared:
        return [_compact(shared, 0), _inside(_node(_under(pairs, shared)))]
    branches = [_under(pairs, digit) for digit in "0123456789abcdef"]
    return [*(_inside(_node(branch)) if branch else b"" for branch in branches), b""]


def _under(pairs: dict[str, bytes], start: str) -> dict[str, bytes]:
    return {key.removeprefix(start): v for key, v in pairs.items() if key.startswith(start)}


def _compact(path: str, flag: int) -> bytes:
    return bytes.fromhex(f"{flag + 1}{path}" if len(path) % 2 else f"{flag}0{path}")


def _inside(node: Item) -> Item:
    encoded = rlp(node)
    return node if len(encoded) < 32 else keccak(encoded)
