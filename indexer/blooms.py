"""Many addresses and topics against many blooms at once.

What a bloom says and does not say stands in `contracts/bloom.py`; here it is laid out as one byte a
bit, so that all questions of a range of blocks are a few steps over arrays.
"""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from contracts.bloom import BLOOM_BYTES
from contracts.evm import keccak
from indexer.factor import factors, row_hashes, row_words
from indexer.logs import ByteRows, Integers

Flags = NDArray[np.bool_]
Words = NDArray[np.uint64]

_BLOOM_BITS = 8 * BLOOM_BYTES
_PLACE_BITS = 11
_VALUES_AT_ONCE = 1_024
_VALUES_KNOWN = 65_536
_TOPIC_SLOT_BITS = 17


def bloom_bits(blooms: Sequence[bytes]) -> ByteRows:
    """The bits of blooms, of shape (n, 2048), the lowest first; each is 0 or 1."""
    rows = np.frombuffer(b"".join(blooms), dtype=np.uint8).reshape(len(blooms), BLOOM_BYTES)
    return np.unpackbits(rows[:, ::-1], axis=1, bitorder="little")


def has_any(bits: ByteRows, values: Sequence[bytes]) -> Flags:
    """For each bloom whether it may hold one of the values."""
    columns = np.ascontiguousarray(bits.T)
    found = np.zeros(len(bits), dtype=np.bool_)
    for start in range(0, len(values), _VALUES_AT_ONCE):
        packed = _packed_places(values[start : start + _VALUES_AT_ONCE])
        first, second, third = (columns[places] for places in _unpacked(packed))
        found |= (first & second & third).any(axis=0)
    return found


def has_each_address(bits: ByteRows, blocks: Integers, addresses: ByteRows) -> Flags:
    """For each address whether the bloom of its block, at this place in `bits`, may hold it."""
    distinct = factors(addresses)
    return _has_each(bits, blocks, _packed_places(distinct.values)[distinct.code])


def has_each_topic(bits: ByteRows, blocks: Integers, topics: ByteRows) -> Flags:
    """For each topic whether the bloom of its block, at this place in `bits`, may hold it."""
    return _has_each(bits, blocks, _known_topics.packed_places(topics))


def _has_each(bits: ByteRows, blocks: Integers, packed: Words) -> Flags:
    flat, offset = bits.reshape(-1), blocks * _BLOOM_BITS
    first, second, third = (flat[offset + places] for places in _unpacked(packed))
    found: Flags = (first & second & third) != 0
    return found


class _KnownTopics:
    """The bits of topics, by topic: accounts come again and again, so most are hashed once.

    A table of (topic, bits) at the place that a cheap hash of the topic says. It forgets a topic
    for another one of the same place, and finds a topic only by all its bytes.
    """

    def __init__(self) -> None:
        self._table = np.zeros((1 << _TOPIC_SLOT_BITS, 5), dtype=np.uint64)
        self._lock = Lock()

    def packed_places(self, topics: ByteRows) -> Words:
        """What `_packed_places` says of each topic, of shape (n, 32)."""
        words = row_words(topics)
        slots = row_hashes(words) >> np.uint64(64 - _TOPIC_SLOT_BITS)
        with self._lock:
            found = self._table[slots]
            packed: Words = found[:, 4].copy()
            is_known = (found[:, :4] == words).all(axis=1) & (packed != 0)
            rows = np.flatnonzero(~is_known)
            if len(rows):
                new = factors(topics[rows])
                packed[rows] = _packed_places(new.values)[new.code]
                self._table[slots[rows]] = np.column_stack((words[rows], packed[rows]))
        return packed


_known_topics = _KnownTopics()


def _unpacked(packed: Words) -> list[Integers]:
    mask = np.uint64(_BLOOM_BITS - 1)
    shifts = (np.uint64(turn * _PLACE_BITS) for turn in range(3))
    return [((packed >> shift) & mask).astype(np.int64) for shift in shifts]


def _packed_places(values: Sequence[bytes]) -> Words:
    """The three bits of each value, in one word; above them a one, so that no word is zero."""
    return np.array([_packed(value) for value in values], dtype=np.uint64)


@lru_cache(maxsize=_VALUES_KNOWN)
def _packed(value: bytes) -> int:
    digest = keccak(value)
    packed = 1
    for position in (0, 2, 4):
        place = int.from_bytes(digest[position : position + 2], "big") & (_BLOOM_BITS - 1)
        packed = packed << _PLACE_BITS | place
    return packed
