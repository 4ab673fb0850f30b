"""PostgreSQL's binary COPY to columns of fixed width, without a loop over values.

Rows of equal length have equal shape: an array of n elements makes a row longer by n elements. So
rows are gathered by their length, and a gathering is read as one structured array; whoever reads it
checks in every row that the arrays are as long as the length lets one think.

psycopg's own reader of COPY costs microseconds a row; libpq's function under it is called here
directly. The connection can do nothing else until the stream has ended.

Source: PostgreSQL documentation, "COPY", binary format; `array_send`, `numeric_send`.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.pq import ExecStatus

from indexer.adapters.copy_binary import SIGNATURE, TRAILER
from indexer.errors import StoreUnavailable

Records: TypeAlias = NDArray[np.void]
Rows: TypeAlias = bytes | memoryview
"""Rows of one length, one after the other."""
Layout: TypeAlias = list[tuple[Any, ...]]
"""Fields of a structured array, in their order; all big-endian."""

GATHERED_BYTES_MAX = 1 << 22
NULL = -1
"""The length that stands for an absent value."""
_DIGITS_PER_LIMB = 4
_LIMB = 10**16
_LIMB_WEIGHTS = np.array([10**12, 10**8, 10**4, 1], dtype=np.int64)


def copied_rows(connection: psycopg.Connection[Any], query: bytes) -> Iterator[tuple[int, Rows]]:
    """The rows of a query, as COPY spells them: (length of a row, rows of this length), unordered.

    Raises:
        StoreUnavailable: the database refused, or went away.
    """
    driver = connection.pgconn
    started = driver.exec_(b"COPY (" + query + b") TO STDOUT (FORMAT binary)")
    if started.status != ExecStatus.COPY_OUT:
        raise StoreUnavailable(started.error_message.decode(errors="replace"))
    is_complete = False
    try:
        yield from _gathered(connection)
        is_complete = True
    finally:
        if not is_complete:
            connection.close()  # the rest of the stream is still on its way
    ended = driver.get_result()
    while ended is not None:
        if ended.status != ExecStatus.COMMAND_OK:
            raise StoreUnavailable(ended.error_message.decode(errors="replace"))
        ended = driver.get_result()


def _gathered(connection: psycopg.Connection[Any]) -> Iterator[tuple[int, Rows]]:
    """Rows by their length. The inner loop runs once a row: nothing in it can be left out."""
    gathered: dict[int, tuple[memoryview, int]] = {}
    read = connection.pgconn.get_copy_data
    size, row = read(0)
    if size > 0 and bytes(row[: len(SIGNATURE)]) == SIGNATURE:  # before the first row
        size, row = size - len(SIGNATURE), row[len(SIGNATURE) :]
    while size > len(TRAILER):
        length = size
        rows, end = gathered.get(length) or (_space(length), 0)
        while size == length and end < len(rows):
            rows[end : end + length] = row
            end += length
            size, row = read(0)
        gathered[length] = rows, end
        if end == len(rows):
            yield length, gathered.pop(length)[0]
    while size >= 0:
        size, _ = read(0)
    for length, (rows, end) in gathered.items():
        yield length, rows[:end]


def _space(length: int) -> memoryview:
    """Room for as many rows as are gathered at once; pages that stay unused cost nothing."""
    return memoryview(bytearray(max(1, GATHERED_BYTES_MAX // length) * length))


def scalar(name: str, kind: str) -> Layout:
    """A value with its length before it; `kind` is a numpy type."""
    return [(f"{name}_length", ">i4"), (name, kind)]


def octets(name: str, width: int) -> Layout:
    """A bytea of fixed width with its length before it."""
    return [(f"{name}_length", ">i4"), (name, "u1", (width,))]


def array(name: str, element: Layout, count: int) -> Layout:
    """An array of one dimension with `count` elements, at least one."""
    head = [
        (f"{name}_length", ">i4"),
        (f"{name}_dimensions", ">i4"),
        (f"{name}_has_null", ">i4"),
        (f"{name}_type", ">i4"),
        (f"{name}_count", ">i4"),
        (f"{name}_first", ">i4"),
    ]
    return [*head, (name, element, (count,))]


def numeric(name: str, digits: int) -> Layout:
    """A numeric of so many base-10⁴ digits."""
    head = [(f"{name}_{part}", ">i2") for part in ("digits", "weight", "sign", "scale")]
    return [(f"{name}_length", ">i4"), *head, (name, ">u2", (digits,))]


def records(rows: Rows, layout: Layout) -> Records:
    """Rows of one length as a structured array."""
    return np.frombuffer(rows, dtype=np.dtype([("fields", ">i2"), *layout]))


def width_of(layout: Layout) -> int:
    """How many bytes a row of this layout takes."""
    return np.dtype([("fields", ">i2"), *layout]).itemsize


def integers(rows: Records, name: str) -> list[int]:
    """A column of `numeric`, of whole numbers that are not negative."""
    digits = rows[name].astype(np.int64)
    # The first digit weighs 10⁴ to the power of `weight`; zeros at the end are not sent.
    weights = rows[f"{name}_weight"].astype(np.int64)
    padded = -(-(int(weights.max(initial=0)) + 1) // _DIGITS_PER_LIMB) * _DIGITS_PER_LIMB
    places = (padded - 1 - weights)[:, None] + np.arange(digits.shape[1])
    limbs = np.zeros((len(digits), padded), dtype=np.int64)
    np.put_along_axis(limbs, places, digits, axis=1)
    first, *others = (limbs.reshape(len(digits), -1, _DIGITS_PER_LIMB) @ _LIMB_WEIGHTS).T
    values: list[int] = first.tolist()
    for column in others:
        values = [value * _LIMB + limb for value, limb in zip(values, column.tolist(), strict=True)]
    return values
