"""Columns of fixed width to the bytes of PostgreSQL's binary COPY, without a loop over rows.

All rows of such a table have the same bytes at the same places, but for the values. So the rows
are one structured array, which is filled a column at a time:

    fields │ length value │ length value │ … │ length  numeric: digits weight sign scale  20 digits

A numeric is a row of base-10⁴ digits. It is always sent as 20 of them, which hold 80 decimal places
and so every uint256; leading zeros are accepted, and Postgres stores them stripped.

Source: PostgreSQL documentation, "COPY", binary format; `numeric_recv` in numeric.c.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.columns import binary_copy_type
from indexer.logs import ByteRows, Integers

ROWS_PER_CHUNK = 4_096  # about a megabyte, which stays in the cache of a core

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no header extension
TRAILER = b"\xff\xff"

NUMERIC_DIGITS = 20
_NUMERIC_BYTES = 8 + 2 * NUMERIC_DIGITS
_NUMERIC_HEAD = (NUMERIC_DIGITS, NUMERIC_DIGITS - 1, 0, 0)  # digits, weight, sign, scale
_TWO_DIGITS = 10**8
_LIMB_BITS = 32


@dataclass(frozen=True, slots=True)
class FixedColumn:
    """Values of one column: integers (n,), or bytes (n, width) of an address, a word or a number.

    `copy_type` is int8, bytea, or numeric; the bytes of a numeric are a big-endian uint256.
    """

    name: str
    copy_type: str
    values: Integers | ByteRows

    @property
    def width(self) -> int:
        """How many bytes a value takes in COPY."""
        if self.copy_type == "numeric":
            return _NUMERIC_BYTES
        return 8 if self.copy_type == "int8" else self.values.shape[1]


def fixed_column(name: str, abi_type: str, values: Integers | ByteRows) -> FixedColumn:
    """The column of a static ABI type."""
    return FixedColumn(name, binary_copy_type(abi_type), values)


def copy_chunks(columns: Sequence[FixedColumn]) -> Iterator[memoryview]:
    """The whole stream of a COPY of these columns, whose lengths are equal, a few rows at a time.

    Raises:
        ValueError: the columns' lengths differ.
    """
    count = len(columns[0].values)
    if any(len(column.values) != count for column in columns):
        raise ValueError(f"columns of {[len(column.values) for column in columns]} rows")
    row = _empty_row(columns)
    yield memoryview(SIGNATURE)
    for start in range(0, count, ROWS_PER_CHUNK):
        rows = np.repeat(row, min(ROWS_PER_CHUNK, count - start))
        for place, column in enumerate(columns):
            values = column.values[start : start + ROWS_PER_CHUNK]
            rows[f"value_{place}"] = _in_row(column, values)
        yield memoryview(rows.view(np.uint8).data)
    yield memoryview(TRAILER)


def numeric_digits(words: ByteRows) -> NDArray[np.uint16]:
    """Big-endian uint256 words (n, 32) as base-10⁴ digits (n, 20), highest first.

    School division by 10⁸, from the highest limb of 32 bits down; limbs that are zero in all rows
    are left out, so small numbers cost little.
    """
    limbs = list(np.ascontiguousarray(words).view(">u4").T.astype(np.uint64))
    digits = np.zeros((NUMERIC_DIGITS, len(words)), dtype=np.uint16)
    for place in range(NUMERIC_DIGITS - 2, -1, -2):
        while limbs and not limbs[0].any():
            del limbs[0]
        if not limbs:
            break
        rest = np.zeros(len(words), dtype=np.uint64)
        for at, limb in enumerate(limbs):
            part = (rest << _LIMB_BITS) | limb  # below 10⁸ · 2³²
            limbs[at] = part // _TWO_DIGITS
            rest = part - limbs[at] * _TWO_DIGITS
        high = rest // 10**4
        digits[place], digits[place + 1] = high, rest - high * 10**4
    return digits.T


def _empty_row(columns: Sequence[FixedColumn]) -> NDArray[np.void]:
    """One row with all that does not vary: the count of fields, their lengths, numeric heads."""
    fields: list[tuple[str, str, tuple[int, ...]]] = [("count", ">i2", ())]
    for place, column in enumerate(columns):
        fields.append((f"length_{place}", ">i4", ()))
        if column.copy_type == "numeric":
            fields.append((f"head_{place}", ">i2", (len(_NUMERIC_HEAD),)))
            fields.append((f"value_{place}", ">u2", (NUMERIC_DIGITS,)))
        elif column.copy_type == "int8":
            fields.append((f"value_{place}", ">i8", ()))
        else:
            fields.append((f"value_{place}", f"V{column.width}", ()))
    row = np.zeros(1, dtype=np.dtype(fields))
    row["count"] = len(columns)
    for place, column in enumerate(columns):
        row[f"length_{place}"] = column.width
        if column.copy_type == "numeric":
            row[f"head_{place}"] = _NUMERIC_HEAD
    return row


def _in_row(column: FixedColumn, values: Integers | ByteRows) -> NDArray[Any]:
    """Some values of a column, in the form that the row holds."""
    if column.copy_type == "int8":
        return values
    if column.copy_type == "numeric":
        return numeric_digits(values.astype(np.uint8, copy=False))
    return np.ascontiguousarray(values).view(f"V{column.width}").ravel()
