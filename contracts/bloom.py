"""The bloom filter of a block header: which addresses and topics its logs may have.

It has a bit set for every address and topic of the block's logs, so a bloom that lacks a bit of
ours proves that the block has no log of ours. A bloom may also match by chance: a match proves
nothing, and neither does it prove any value inside a log.

Source: Ethereum yellow paper §4.3.1, M3:2048.
"""

from collections.abc import Iterable
from functools import lru_cache

from contracts.evm import keccak

BLOOM_BYTES = 256

_MASKS_CACHED = 65_536


@lru_cache(maxsize=_MASKS_CACHED)
def bloom_mask(value: bytes) -> int:
    """The three bits that one address or topic sets in a bloom of 2048 bits."""
    digest = keccak(value)
    mask = 0
    for position in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[position : position + 2], "big") & 2047)
    return mask


def bloom_may_hold(bloom: bytes, addresses: Iterable[bytes], topics0: Iterable[bytes]) -> bool:
    """Whether a block with this bloom can have a log of one of the addresses and first topics.

    False is a proof that it has none.
    """
    bits = int.from_bytes(bloom, "big")
    return _any_in(bits, addresses) and _any_in(bits, topics0)


def _any_in(bits: int, values: Iterable[bytes]) -> bool:
    return any(mask & bits == mask for mask in map(bloom_mask, values))
