"""RLP of logs, as receipts hold them, from columns.

A log is `[address, [topic, …], data]`. Number of topics and length of data fix the length of its
RLP and where every field stands in it. So logs of one shape are written together, as a matrix of
bytes whose columns are the fields, and each row then goes to its place in chain order:

    f8 9b │ 94 │ address │ f8 63 │ a0 │ topic │ a0 │ topic │ a0 │ topic │ a0 │ data

Source: Ethereum yellow paper §4.3.1 and appendix B.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from indexer.chain import rlp_prefix
from indexer.logs import ByteRows, Integers, LogBatch

_ADDRESS_PREFIX = 0x94
_TOPIC_PREFIX = 0xA0
_TOPIC_BYTES = 33  # with its prefix
_PART_BYTES_MAX = 1 << 21  # of one matrix: what the caches of a core hold


class _Shape(NamedTuple):
    """What logs that are written together have in common.

    `data_head` is what stands before the data: nothing, where they are one byte below 0x80.
    """

    topics: int
    data_length: int
    data_head: bytes

    @property
    def heads(self) -> tuple[bytes, bytes]:
        """What stands before the address, and before the topics."""
        topics = rlp_prefix(0xC0, _TOPIC_BYTES * self.topics)
        payload = 21 + len(topics) + _TOPIC_BYTES * self.topics
        payload += len(self.data_head) + self.data_length
        return rlp_prefix(0xC0, payload) + bytes((_ADDRESS_PREFIX,)), topics

    @property
    def width(self) -> int:
        """Bytes of the whole log."""
        start, topics = self.heads
        payload = 20 + _TOPIC_BYTES * self.topics + self.data_length
        return len(start) + len(topics) + len(self.data_head) + payload


def encoded_logs(logs: LogBatch) -> tuple[ByteRows, Integers]:
    """RLP of all logs, end to end in their order; and the length of each.

    Beside the result, memory for a few megabytes is taken, however many logs there are.
    """
    lengths = np.empty(len(logs), dtype=np.int64)
    groups = list(_groups(logs))
    for shape, rows in groups:
        lengths[rows] = shape.width
    starts = np.cumsum(lengths) - lengths
    buffer = np.empty(int(lengths.sum()), dtype=np.uint8)
    topic_starts, data_starts = logs.topic_starts, logs.data_starts
    for shape, rows in groups:
        windows = sliding_window_view(buffer, shape.width, writeable=True)
        size = max(_PART_BYTES_MAX // shape.width, 1)
        for first in range(0, len(rows), size):
            part = rows[first : first + size]
            windows[starts[part]] = _matrix(
                shape, logs, part, topic_starts=topic_starts[part], data_starts=data_starts[part]
            )
    return buffer, lengths


def _groups(logs: LogBatch) -> Iterator[tuple[_Shape, Integers]]:
    """The shapes that occur, each with the rows that have it, ascending."""
    is_byte = logs.data_length == 1
    is_itself = is_byte.copy()  # RLP: one byte below 0x80 stands for itself
    is_itself[is_byte] = logs.data[logs.data_starts[is_byte]] < 0x80
    codes = ((logs.data_length * 2 + is_itself) << 3) + logs.topic_count
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    firsts = np.flatnonzero(is_first)
    for code, rows in zip(
        ordered[firsts].tolist(), np.split(order, firsts[1:]) if len(firsts) else [], strict=True
    ):
        length = code >> 4
        head = b"" if code & 8 else rlp_prefix(0x80, length)
        yield _Shape(topics=code & 7, data_length=length, data_head=head), rows


def _matrix(
    shape: _Shape, logs: LogBatch, rows: Integers, *, topic_starts: Integers, data_starts: Integers
) -> ByteRows:
    """RLP of the logs at these rows, which all have the shape: one row each."""
    matrix = np.empty((len(rows), shape.width), dtype=np.uint8)
    start, topics_head = shape.heads
    at = _put(matrix, 0, start)
    matrix[:, at : at + 20] = logs.address.take(rows, axis=0)
    at = _put(matrix, at + 20, topics_head)
    for place in range(shape.topics):
        matrix[:, at] = _TOPIC_PREFIX
        matrix[:, at + 1 : at + _TOPIC_BYTES] = logs.topics.take(topic_starts + place, axis=0)
        at += _TOPIC_BYTES
    at = _put(matrix, at, shape.data_head)
    if shape.data_length:
        matrix[:, at:] = sliding_window_view(logs.data, shape.data_length)[data_starts]
    return matrix


def _put(matrix: ByteRows, at: int, constant: bytes) -> int:
    """Write the same bytes into every row; where they end."""
    matrix[:, at : at + len(constant)] = np.frombuffer(constant, dtype=np.uint8)
    return at + len(constant)
