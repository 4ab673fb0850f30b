"""Largest remainder for many subscribers at once, on unsigned 64-bit columns, without a rounding.

A chunk is a matrix of weights: one line per subscriber, its rows in chain order. With S the sum of
a line and T what the line shares, share = T · weight / S is found by long division of T, b bits at
a time, from the highest digit d down:

    x = r · 2ᵇ + d · weight      r < S, d < 2ᵇ, weight ≤ S   ⇒   x < S · 2ᵇ⁺¹
    quotient = quotient · 2ᵇ + x // S,   r = x mod S

So if S < 2ˢ, b = 63 - s keeps every x below 2⁶⁴, and at the end quotient and r are those of the
exact product. A quotient never exceeds T, so below 2⁶⁴ one word holds it and below 2¹²⁸ two do.
Whoever calls keeps S below 2^SUM_BITS and T below 2¹²⁸; lines that do not fit are for
`usercentric_v1.share_fee`, on Python's integers. No number here is ever a fraction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
Codes: TypeAlias = NDArray[np.int64]

SUM_BITS = 58
"""Weights of one line sum to less than this power of two: at least five bits of T at a time."""
TOTAL_BITS = 128
_WORD_BITS = 64
_DIGIT_BITS_MAX = 32
_WORD_MAX = np.uint64(2**_WORD_BITS - 1)


@dataclass(frozen=True, slots=True)
class WideNumbers:
    """Numbers below 2¹²⁸ as two words of one shape; `high` is None if it is zero everywhere."""

    low: Words
    high: Words | None


def wide_numbers(values: Sequence[int]) -> WideNumbers:
    """A column of numbers below 2¹²⁸."""
    if max(values, default=0) <= _WORD_MAX:
        return WideNumbers(np.array(values, dtype=np.uint64), None)
    low = np.array([value & int(_WORD_MAX) for value in values], dtype=np.uint64)
    high = np.array([value >> _WORD_BITS for value in values], dtype=np.uint64)
    return WideNumbers(low, high)


def share_lines(totals: WideNumbers, weights: Words) -> WideNumbers:
    """Share one total per line by the weights of the line; ties go to the lower place.

    Args:
        totals: one per line, below 2¹²⁸.
        weights: (lines, rows); every line sums to a positive number below 2^SUM_BITS.

    Invariants: each line of the result sums to its total; it equals `contracts.units.allot_rows`.
    """
    sums = weights.sum(axis=1, dtype=np.uint64)[:, None]
    bits = min(_DIGIT_BITS_MAX, _WORD_BITS - 1 - int(sums.max()).bit_length())
    remainder, low = np.zeros_like(weights), np.zeros_like(weights)
    high = None if totals.high is None else np.zeros_like(weights)
    for place in reversed(range(_digit_count(totals, bits))):
        x = (remainder << np.uint64(bits)) + _digit(totals, place, bits)[:, None] * weights
        digit = x // sums
        remainder = x - digit * sums
        if high is not None:
            high = (high << np.uint64(bits)) | (low >> np.uint64(_WORD_BITS - bits))
        low = (low << np.uint64(bits)) + digit
        if high is not None:
            high += low < digit
    # Less than the number of rows, so the low words alone say it.
    dust = totals.low - low.sum(axis=1, dtype=np.uint64)
    _give_dust(dust, remainder, low, high)
    return WideNumbers(low, high)


def _digit_count(totals: WideNumbers, bits: int) -> int:
    if totals.high is not None:
        length = _WORD_BITS + int(totals.high.max()).bit_length()
    else:
        length = int(totals.low.max()).bit_length()
    return -(-length // bits)


def _digit(totals: WideNumbers, place: int, bits: int) -> Words:
    """Bits [place · bits, place · bits + bits) of every total."""
    mask, shift = np.uint64(2**bits - 1), place * bits
    if shift >= _WORD_BITS:
        if totals.high is None:
            return np.zeros_like(totals.low)
        return (totals.high >> np.uint64(shift - _WORD_BITS)) & mask
    found = totals.low >> np.uint64(shift)
    if totals.high is not None and shift + bits > _WORD_BITS:
        found = found | (totals.high << np.uint64(_WORD_BITS - shift))
    return found & mask


def _give_dust(dust: Words, remainder: Words, low: Words, high: Words | None) -> None:
    """One more unit for the `dust` largest remainders of every line."""
    (dusty,) = np.nonzero(dust)
    if not len(dusty):
        return
    order = np.argsort(_WORD_MAX - remainder[dusty], axis=1, kind="stable")
    is_given = np.arange(remainder.shape[1], dtype=np.uint64) < dust[dusty, None]
    extra = np.zeros_like(order, dtype=np.uint64)
    np.put_along_axis(extra, order, is_given.astype(np.uint64), axis=1)
    low[dusty] += extra
    if high is not None:
        high[dusty] += (low[dusty] == 0) & (extra == 1)


class ExactSums:
    """Sums by code, of any number of shares below 2¹²⁸.

    Shares are added in limbs of 32 bits, each in a word of its own: exact for up to 2³² shares.
    """

    def __init__(self, codes: int) -> None:
        self._limbs = [np.zeros(codes, dtype=np.uint64) for _ in range(TOTAL_BITS // 32)]
        self._is_touched = np.zeros(codes, dtype=bool)
        self._others: dict[int, int] = {}

    def add(self, codes: Codes, shares: WideNumbers) -> None:
        """Add a share for every code; both have one shape."""
        places = codes.ravel()
        self._is_touched[places] = True
        words = [shares.low] if shares.high is None else [shares.low, shares.high]
        for place, word in enumerate(words):
            values = word.ravel()
            np.add.at(self._limbs[2 * place], places, values & np.uint64(2**32 - 1))
            np.add.at(self._limbs[2 * place + 1], places, values >> np.uint64(32))

    def add_one(self, code: int, share: int) -> None:
        """Add one share of any size."""
        self._others[code] = self._others.get(code, 0) + share

    def totals(self) -> dict[int, int]:
        """The sum of every code that was added to, be it zero; ascending by code."""
        touched = np.flatnonzero(self._is_touched)
        amounts = [0] * len(touched)
        for place, limb in enumerate(self._limbs):
            if limb.any():
                column = limb[touched].tolist()
                shift = 32 * place
                amounts = [
                    units + (part << shift) for units, part in zip(amounts, column, strict=True)
                ]
        sums = dict(zip(touched.tolist(), amounts, strict=True))
        for code, other in self._others.items():
            sums[code] = sums.get(code, 0) + other
        return dict(sorted(sums.items()))
