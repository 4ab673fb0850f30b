"""A column of byte strings as its distinct values and a code per row.

What is asked of every value of a column (is it wanted, is it in a bloom) is asked once of each
distinct one. Values are told apart by their bytes, exactly; the hash table below only finds rows to
compare, so values that share a hash cost time and nothing else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.logs import ByteRows, Integers

_WORD_BYTES = 8
_ROUNDS = 4
_MULTIPLIERS = np.array(
    (
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xD6E8FEB86659FD93,
        0xA0761D6478BD642F,
    ),
    dtype=np.uint64,
)
"""Odd, and otherwise of no meaning: one for each word of a value, and one for each round."""


@dataclass(frozen=True, slots=True)
class Factors:
    """Distinct values, and for every row the place of its value among them."""

    values: list[bytes]
    code: Integers


def factors(rows: ByteRows) -> Factors:
    """The distinct values of a column of shape (n, width), of at most 32 bytes each."""
    if not len(rows):
        return Factors([], np.empty(0, dtype=np.int64))
    first = _first_equal(rows)
    is_first = first == np.arange(len(rows))
    rank = np.cumsum(is_first) - 1
    content, width = rows[is_first].tobytes(), rows.shape[1]
    values = [content[start : start + width] for start in range(0, len(content), width)]
    return Factors(values, rank[first])


def row_words(rows: ByteRows) -> NDArray[np.uint64]:
    """Rows as words of 64 bits, filled up with zeros."""
    count = -(-rows.shape[1] // _WORD_BYTES)
    if rows.shape[1] == count * _WORD_BYTES:
        return np.ascontiguousarray(rows).view(np.uint64)
    padded = np.zeros((len(rows), count * _WORD_BYTES), dtype=np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded.view(np.uint64)


def row_hashes(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of each row of at most five words: cheap, and good in its high bits only."""
    hashes: NDArray[np.uint64] = words @ _MULTIPLIERS[: words.shape[1]]
    return hashes


def _first_equal(rows: ByteRows) -> Integers:
    """For every row the place of one row of the same value: the same one for all of them.

    All rows are written into a table at the place that their hash says. Where a row then reads
    itself or an equal one, it is done; rows that were overwritten by another value try again with
    another hash, and what is left after some rounds is sorted.
    """
    words = row_words(rows)
    mixed = row_hashes(words)
    left = np.arange(len(rows))
    first = left.copy()
    bits = (2 * len(rows)).bit_length()
    for multiplier in _MULTIPLIERS[:_ROUNDS]:
        slots = (mixed[left] * multiplier) >> np.uint64(64 - bits)
        table = np.empty(1 << bits, dtype=np.int64)
        table[slots] = left
        found = table[slots]
        is_equal = (words[found] == words[left]).all(axis=1)
        first[left[is_equal]] = found[is_equal]
        left = left[~is_equal]
        if not len(left):
            return first
    first[left] = left[_first_equal_sorted(rows[left])]
    return first


def _first_equal_sorted(rows: ByteRows) -> Integers:
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1]))).reshape(-1)
    _, place, code = np.unique(whole, return_index=True, return_inverse=True)
    first: Integers = place[code]
    return first
