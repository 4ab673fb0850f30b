"""Packed columns are, byte for byte, what psycopg itself writes for the same rows."""

import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.numeric import DecimalBinaryDumper

from contracts.units import UINT256_MAX
from indexer.adapters import copy_binary
from indexer.adapters.copy_binary import (
    ROWS_PER_CHUNK,
    SIGNATURE,
    TRAILER,
    FixedColumn,
    copy_chunks,
    fixed_column,
    numeric_digits,
)
from indexer.logs import ByteRows

_EDGES = sorted(
    {
        edge + step
        for power in range(78)
        for edge in (10**power,)
        for step in (-1, 0, 1)
        if 0 <= edge + step <= UINT256_MAX
    }
    | {(1 << bits) + step for bits in range(256) for step in (-1, 0, 1)}
    | {UINT256_MAX}
)
uint256 = st.integers(0, UINT256_MAX) | st.sampled_from(_EDGES)


def words(values: list[int]) -> ByteRows:
    joined = b"".join(value.to_bytes(32, "big") for value in values)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(values), 32)


def number(digits: np.ndarray[Any, Any]) -> int:
    assert all(0 <= digit < 10_000 for digit in digits.tolist())
    return int("".join(f"{digit:04d}" for digit in digits.tolist()))


def packed(*columns: FixedColumn) -> bytes:
    return b"".join(copy_chunks(columns))


@settings(max_examples=60)
@given(values=st.lists(uint256, max_size=20))
def test_numeric_digits__any_values__as_python_spells_them(values: list[int]) -> None:
    digits = numeric_digits(words(values))

    assert digits.shape == (len(values), 20)
    assert [number(row) for row in digits] == values


def test_numeric_digits__every_edge_together__exact() -> None:
    assert [number(row) for row in numeric_digits(words(_EDGES))] == _EDGES
    assert all(number(numeric_digits(words([edge]))[0]) == edge for edge in _EDGES)


def test_copy_chunks__one_row__fields_in_order() -> None:
    address, digest = bytes(range(20)), bytes(range(100, 132))

    stream = packed(
        FixedColumn("place", "int8", np.array([-(2**63)], dtype=np.int64)),
        fixed_column("account", "address", np.frombuffer(address, np.uint8).reshape(1, 20)),
        fixed_column("digest", "bytes32", np.frombuffer(digest, np.uint8).reshape(1, 32)),
        fixed_column("amount", "uint256", words([12_345_678_901])),
        fixed_column("part", "uint16", np.array([513], dtype=np.int64)),
    )

    assert stream == (
        b"PGCOPY\n\xff\r\n\x00"
        + bytes(8)
        + struct.pack("!hiq", 5, 8, -(2**63))
        + struct.pack("!i", 20)
        + address
        + struct.pack("!i", 32)
        + digest
        + struct.pack("!ihhHh20H", 48, 20, 19, 0, 0, *[0] * 17, 123, 4567, 8901)
        + struct.pack("!iq", 8, 513)
        + b"\xff\xff"
    )


@settings(max_examples=50)
@given(value=uint256)
def test_copy_chunks__numeric__same_digits_as_the_driver_but_for_leading_zeros(value: int) -> None:
    dumped = bytes(DecimalBinaryDumper(Decimal).dump(Decimal(value)) or b"")
    count, weight, sign, scale = struct.unpack("!hhHh", dumped[:8])
    theirs = struct.unpack(f"!{count}H", dumped[8:])

    ours = numeric_digits(words([value]))[0].tolist()

    shown = [*theirs, *[0] * (weight + 1 - count)]  # trailing zeros are left out there
    assert (sign, scale) == (0, 0)
    assert ours == [0] * (20 - len(shown)) + shown


@pytest.mark.parametrize(
    "count", [0, 1, ROWS_PER_CHUNK - 1, ROWS_PER_CHUNK, ROWS_PER_CHUNK + 1, 2 * ROWS_PER_CHUNK + 3]
)
def test_copy_chunks__any_number_of_rows__each_once_in_order(count: int) -> None:
    column = FixedColumn("place", "int8", np.arange(count, dtype=np.int64))

    chunks = [bytes(chunk) for chunk in copy_chunks([column])]

    rows = b"".join(chunks[1:-1])
    assert (chunks[0], chunks[-1]) == (SIGNATURE, TRAILER)
    assert list(struct.iter_unpack("!hiq", rows)) == [(1, 8, place) for place in range(count)]
    assert all(len(chunk) <= 14 * ROWS_PER_CHUNK for chunk in chunks)


def test_copy_chunks__rows_of_a_view__the_same_bytes() -> None:
    wide = np.arange(320, dtype=np.uint8).reshape(10, 32)

    view = packed(FixedColumn("account", "bytea", wide[::2, 12:]))

    assert view == packed(FixedColumn("account", "bytea", wide[::2, 12:].copy()))


def test_copy_chunks__lengths_that_differ__refused() -> None:
    columns = [
        FixedColumn("one", "int8", np.arange(3, dtype=np.int64)),
        FixedColumn("two", "int8", np.arange(2, dtype=np.int64)),
    ]

    with pytest.raises(ValueError, match=r"\[3, 2\] rows"):
        packed(*columns)


def test_numeric__twenty_digits__hold_every_uint256() -> None:
    assert 10 ** (4 * copy_binary.NUMERIC_DIGITS) > UINT256_MAX
