"""Columns of hexadecimal text to columns of bytes, without a step per value.

The texts of a column are joined with a separator that is no hexadecimal digit, and the whole is
decoded at once. Every text is still checked exactly: `0x` stands where texts of this length begin,
and from there to where they end `unhexlify` accepts nothing but digits. That leaves the separators
no place but the ends, so no text can be longer at the cost of its neighbour.
"""

from binascii import unhexlify
from collections.abc import Sequence

import numpy as np

from indexer.logs import ByteRows, Integers

_ZERO, _X = b"0x"


def byte_rows(texts: Sequence[str], width: int) -> ByteRows:
    """Texts that are `0x` and `width` bytes each, as rows.

    Raises:
        ValueError, TypeError: one of them is not.
    """
    if not texts:
        return np.empty((0, width), dtype=np.uint8)
    size = 2 * width + 3  # of a text and its separator
    joined = np.frombuffer("\n".join(texts).encode("ascii"), dtype=np.uint8)
    if len(joined) != size * len(texts) - 1:
        raise ValueError(f"not {width} bytes each")
    _require_equal(joined[::size], _ZERO)
    _require_equal(joined[1::size], _X)
    digits = np.empty((len(texts), 2 * width), dtype=np.uint8)
    digits[:-1] = joined[: 1 - size].reshape(-1, size)[:, 2:-1]
    digits[-1] = joined[len(joined) - 2 * width :]
    return np.frombuffer(unhexlify(digits.data), dtype=np.uint8).reshape(len(texts), width)


def byte_strings(texts: Sequence[str]) -> tuple[Integers, ByteRows]:
    """Texts that are `0x` and bytes: how many bytes each, and all of them end to end.

    Raises:
        ValueError, TypeError: one of them is not.
    """
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    if len(texts) > 0 and (sizes == sizes[0]).all() and sizes[0] >= 2 and sizes[0] & 1 == 0:
        return (sizes - 2) >> 1, byte_rows(texts, int(sizes[0] - 2) >> 1).reshape(-1)
    if (sizes < 2).any() or (sizes & 1).any():
        raise ValueError("not 0x and pairs of digits")
    joined = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)
    starts = np.cumsum(sizes) - sizes
    _require_equal(joined[starts], _ZERO)
    _require_equal(joined[starts + 1], _X)
    is_digit = np.ones(len(joined), dtype=np.bool_)
    is_digit[starts] = False
    is_digit[starts + 1] = False
    content = unhexlify(joined[is_digit].data)
    return (sizes - 2) >> 1, np.frombuffer(content, dtype=np.uint8)


def _require_equal(characters: ByteRows, expected: int) -> None:
    if not (characters == expected).all():
        raise ValueError(f"not {chr(expected)!r} where it must be")
