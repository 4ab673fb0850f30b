"""Digest of the logs that we keep of a block, and of a range of blocks.

It is a function of the wanted raw logs alone: not of how they were fetched, in which ranges, by how
many workers or from whom. Two databases that agree in it hold the same logs.

    rows digest    sha256(n ‖ log_index[n] ‖ transaction_index[n] ‖ transaction_hash[n] ‖ address[n]
                          ‖ topic_count[n] ‖ topics ‖ data_length[n] ‖ data)
    range digest   sha256 over the blocks, ascending, of number ‖ block hash ‖ rows digest

Integers are unsigned 64-bit big-endian, and a block's logs stand in the order of their indexes.
The encoding is by column, so that what is hashed is one slice of each column, not a copy.
"""

from hashlib import sha256

import numpy as np

from contracts.evm import BlockNumber, Hash32
from indexer.logs import ByteRows, Integers, LogBatch
from indexer.ranges import BlockRange


def rows_digests(logs: LogBatch, blocks: BlockRange) -> ByteRows:
    """The digest of each block of the range, as rows (n, 32).

    Args:
        logs: those of exactly these blocks, in chain order.
        blocks: a block without logs has a digest too: that of n = 0.

    Raises:
        ValueError: a log is outside of the range, or out of order.
    """
    numbers = np.arange(blocks.start, blocks.end + 1, dtype=np.int64)
    bounds = np.searchsorted(logs.block_number, numbers)
    _check_order(logs, bounds)
    topic_bounds = _ends(logs.topic_count)[bounds].tolist()
    data_bounds = _ends(logs.data_length)[bounds].tolist()
    columns = (
        _big_endian(logs.log_index),
        _big_endian(logs.transaction_index),
        np.ascontiguousarray(logs.transaction_hash),
        np.ascontiguousarray(logs.address),
        _big_endian(logs.topic_count),
    )
    topics, data = np.ascontiguousarray(logs.topics), np.ascontiguousarray(logs.data)
    lengths = _big_endian(logs.data_length)
    rows = bounds.tolist()
    content = bytearray()
    for block in range(len(blocks)):
        own = slice(rows[block], rows[block + 1])
        digest = sha256((own.stop - own.start).to_bytes(8, "big"))
        for column in columns:
            digest.update(column[own].data)
        digest.update(topics[topic_bounds[block] : topic_bounds[block + 1]].data)
        digest.update(lengths[own].data)
        digest.update(data[data_bounds[block] : data_bounds[block + 1]].data)
        content += digest.digest()
    return np.frombuffer(content, dtype=np.uint8).reshape(len(blocks), 32)


def range_digest(start: BlockNumber, hashes: ByteRows, digests: ByteRows) -> Hash32:
    """The digest of the blocks from `start` up: their numbers, hashes and rows digests."""
    return Hash32(sha256(range_records(start, hashes, digests)).digest())


def range_records(start: BlockNumber, hashes: ByteRows, digests: ByteRows) -> bytes:
    """What the digest of a range hashes, for a part of it; parts may be hashed one by one."""
    rows = np.empty((len(hashes), 8 + 32 + 32), dtype=np.uint8)
    numbers = _big_endian(np.arange(start, start + len(hashes), dtype=np.int64))
    rows[:, :8] = numbers.view(np.uint8).reshape(-1, 8)
    rows[:, 8:40] = hashes
    rows[:, 40:] = digests
    return rows.tobytes()


def _check_order(logs: LogBatch, bounds: Integers) -> None:
    if bounds[0] != 0 or bounds[-1] != len(logs):
        raise ValueError("a log is outside of the range")
    block, index = logs.block_number, logs.log_index
    if not (
        (block[1:] > block[:-1]) | ((block[1:] == block[:-1]) & (index[1:] > index[:-1]))
    ).all():
        raise ValueError("logs are not in chain order")


def _ends(lengths: Integers) -> Integers:
    """Where each row's bytes begin, and after the last one where they end."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))


def _big_endian(values: Integers) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    return values.astype(">u8")
