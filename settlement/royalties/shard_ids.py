"""Ids as small integers: the place of each of millions of ids in a table of known ones.

The last eight bytes of an id choose a place, all bytes decide. Whoever can register ids can make
two of them share eight bytes; such ids are looked up one by one, so that nothing but time depends
on the choice.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.packed_usage import ByteRows, Integers
from settlement.royalties.shard_shares import Codes, Words

Flags: TypeAlias = NDArray[np.bool_]
UNKNOWN = -1
_KEY_BYTES = 8
_BUCKET_BITS_MAX = 22


class IdTable:
    """Distinct ids (n, width); the code of an id is its place among them."""

    def __init__(self, ids: ByteRows) -> None:
        self.ids = np.ascontiguousarray(ids)
        keys = id_keys(self.ids)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        bits = min(_BUCKET_BITS_MAX, len(ids).bit_length() + 3)
        self._shift = np.uint64(64 - bits)
        sizes = np.bincount((keys >> self._shift).astype(np.int64), minlength=2**bits)
        self._bucket = (np.cumsum(sizes) - sizes).astype(np.int32)
        self._shared_keys = np.unique(self._keys[1:][self._keys[1:] == self._keys[:-1]])
        shared = np.flatnonzero(is_member(keys, self._shared_keys))
        self._one_by_one = {self.ids[code].tobytes(): int(code) for code in shared}

    def __len__(self) -> int:
        return len(self.ids)

    def codes(self, wanted: ByteRows) -> Codes:
        """The code of every id (m, width), `UNKNOWN` if it is not in the table."""
        if not len(self.ids):
            return np.full(len(wanted), UNKNOWN, dtype=np.int64)
        wanted = np.ascontiguousarray(wanted)
        keys, last = id_keys(wanted), len(self.ids) - 1
        places = np.minimum(self._bucket[keys >> self._shift], last)
        missed = np.flatnonzero(self._keys[places] != keys)
        places[missed] = np.minimum(np.searchsorted(self._keys, keys[missed]), last)
        codes = self._order[places]
        is_equal = ~_differs(_words(wanted), _words(self.ids).take(codes, axis=0))
        codes = np.where(is_equal, codes, UNKNOWN)
        if len(self._shared_keys):
            for at in np.flatnonzero(is_member(keys, self._shared_keys)).tolist():
                codes[at] = self._one_by_one.get(wanted[at].tobytes(), UNKNOWN)
        return codes


def distinct_ids(ids: ByteRows) -> tuple[ByteRows, Codes]:
    """The distinct ids, ascending by bytes, and the place of each given id among them."""
    words = _words(np.ascontiguousarray(ids))
    heads = np.ascontiguousarray(ids[:, :_KEY_BYTES]).view(">u8").ravel().astype(np.uint64)
    order = np.argsort(heads)
    is_other = _differs(words[order[1:]], words[order[:-1]])
    if (is_other & (heads[order[1:]] == heads[order[:-1]])).any():  # the heads do not decide
        columns = [column.copy() for column in np.ascontiguousarray(ids).view(">u4").T]
        order = np.lexsort(columns[::-1])
        is_other = _differs(words[order[1:]], words[order[:-1]])
    is_first = np.ones(len(ids), dtype=bool)
    is_first[1:] = is_other
    codes = np.empty(len(ids), dtype=np.int64)
    codes[order] = np.cumsum(is_first) - 1
    return ids[order[is_first]], codes


def is_member(values: Words | Integers, ascending: Words | Integers) -> Flags:
    """Whether each value is among the ascending ones, which may be many."""
    if not len(ascending):
        return np.zeros(values.shape, dtype=bool)
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    is_found: Flags = ascending[places] == values
    return is_found


def repeated_values(values: Words | Integers) -> Words | Integers:
    """The values that stand more than once, ascending."""
    ordered = np.sort(values)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def id_keys(ids: ByteRows) -> Words:
    """The last eight bytes as a number: equal ids have equal keys, seldom others too."""
    tail = np.ascontiguousarray(ids[:, -_KEY_BYTES:])
    return tail.view(">u8").ravel().astype(np.uint64)


def _words(ids: ByteRows) -> NDArray[Any]:
    """All bytes as numbers, for comparing; widths are multiples of four."""
    return ids.view(np.uint32 if ids.shape[1] % 8 else np.uint64)


def _differs(one: NDArray[Any], other: NDArray[Any]) -> Flags:
    """Whether two lists of ids, as words, differ in each place; a word at a time is fastest."""
    differs: Flags = one[:, 0] != other[:, 0]
    for place in range(1, one.shape[1]):
        differs |= one[:, place] != other[:, place]
    return differs
