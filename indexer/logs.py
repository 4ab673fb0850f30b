"""Raw logs as columns: arrays of one length, in chain order.

Hundreds of thousands of logs go through the engine a second, so a log is never an object on the way
from a node to the database. Fixed-width values are rows of a byte matrix; topics and data, whose
number and length vary, stand end to end, and `topic_count` and `data_length` say where each begins.

    topic_count   3     1     3            topics       T T T │ T │ T T T
    data_length   32    0     64           data         32 B  │   │ 64 B

`RawLog` is one log as a row, for the few places that look at logs one by one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.evm import Address, BlockNumber, Hash32, LogIndex

Integers: TypeAlias = NDArray[np.int64]
"""One integer a row."""

ByteRows: TypeAlias = NDArray[np.uint8]
"""One row of bytes a row: shape (n, width); or shape (n,) where values stand end to end."""


class RawLog(NamedTuple):
    """One log, as a row."""

    block_number: BlockNumber
    block_hash: Hash32
    log_index: LogIndex
    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    transaction_hash: Hash32
    transaction_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """Raw logs in chain order.

    Shapes, for n logs with t topics and d bytes of data in all: hashes (n, 32), `address` (n, 20),
    `topics` (t, 32), `data` (d,), all others (n,).
    """

    block_number: Integers
    block_hash: ByteRows
    log_index: Integers
    address: ByteRows
    topic_count: Integers
    topics: ByteRows
    data_length: Integers
    data: ByteRows
    transaction_hash: ByteRows
    transaction_index: Integers

    def __len__(self) -> int:
        return len(self.block_number)

    @property
    def topic_starts(self) -> Integers:
        """Where each log's topics begin in `topics`."""
        return _starts(self.topic_count)

    @property
    def data_starts(self) -> Integers:
        """Where each log's data begin in `data`."""
        return _starts(self.data_length)

    def rows(self) -> list[RawLog]:
        """All logs, one by one: for few logs only."""
        topics, data = self.topics.tobytes(), self.data.tobytes()
        topic_starts, data_starts = self.topic_starts.tolist(), self.data_starts.tolist()
        counts, lengths = self.topic_count.tolist(), self.data_length.tolist()
        return [
            RawLog(
                BlockNumber(int(self.block_number[row])),
                Hash32(self.block_hash[row].tobytes()),
                LogIndex(int(self.log_index[row])),
                Address(self.address[row].tobytes()),
                tuple(
                    topics[32 * (topic_starts[row] + place) : 32 * (topic_starts[row] + place + 1)]
                    for place in range(counts[row])
                ),
                data[data_starts[row] : data_starts[row] + lengths[row]],
                Hash32(self.transaction_hash[row].tobytes()),
                int(self.transaction_index[row]),
            )
            for row in range(len(self))
        ]

    def take(self, rows: Integers) -> "LogBatch":
        """The logs at these places, in the order of the places."""
        counts, lengths = self.topic_count[rows], self.data_length[rows]
        return LogBatch(
            block_number=self.block_number[rows],
            block_hash=self.block_hash[rows],
            log_index=self.log_index[rows],
            address=self.address[rows],
            topic_count=counts,
            topics=_taken(self.topics, self.topic_count, rows),
            data_length=lengths,
            data=_taken(self.data, self.data_length, rows),
            transaction_hash=self.transaction_hash[rows],
            transaction_index=self.transaction_index[rows],
        )


_COLUMNS: Final = tuple(column.name for column in fields(LogBatch))


def log_batch(rows: Iterable[RawLog]) -> LogBatch:
    """Columns of logs that were given one by one, in chain order."""
    logs = list(rows)
    return LogBatch(
        block_number=_integers([log.block_number for log in logs]),
        block_hash=_byte_rows([log.block_hash for log in logs], 32),
        log_index=_integers([log.log_index for log in logs]),
        address=_byte_rows([log.address for log in logs], 20),
        topic_count=_integers([len(log.topics) for log in logs]),
        topics=_byte_rows([topic for log in logs for topic in log.topics], 32),
        data_length=_integers([len(log.data) for log in logs]),
        data=np.frombuffer(b"".join(log.data for log in logs), dtype=np.uint8),
        transaction_hash=_byte_rows([log.transaction_hash for log in logs], 32),
        transaction_index=_integers([log.transaction_index for log in logs]),
    )


def joined(batches: Sequence[LogBatch]) -> LogBatch:
    """All logs of these batches, one batch after the other."""
    if len(batches) == 1:
        return batches[0]
    whole = [log_batch(()), *batches]
    return LogBatch(
        **{name: np.concatenate([getattr(one, name) for one in whole]) for name in _COLUMNS}
    )


def spread(starts: Integers, lengths: Integers) -> Integers:
    """The places [start, start + length) of every row, one row after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    shifts: Integers = np.repeat(starts - (ends - lengths), lengths)
    return shifts + np.arange(total, dtype=np.int64)


def _taken(values: ByteRows, lengths: Integers, rows: Integers) -> ByteRows:
    """The values of these rows, if every row has so many, end to end."""
    if len(lengths) > 0 and (lengths == lengths[0]).all():
        same = values.reshape(len(lengths), int(lengths[0]), *values.shape[1:])
        return same[rows].reshape(-1, *values.shape[1:])
    return values[spread(_starts(lengths)[rows], lengths[rows])]


def _starts(lengths: Integers) -> Integers:
    starts: Integers = np.cumsum(lengths) - lengths
    return starts


def _integers(values: Sequence[int]) -> Integers:
    return np.array(values, dtype=np.int64)


def _byte_rows(values: Sequence[bytes], width: int) -> ByteRows:
    return np.frombuffer(b"".join(values), dtype=np.uint8).reshape(len(values), width)
