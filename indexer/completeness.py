"""What a header proves about the logs of its block.

The header's bloom filter holds every address and topic of the block's logs, and its hash commits
to it. So a block whose bloom lacks our addresses, or our topics, provably has no log of ours: an
empty answer for it needs no trust. The reverse does not hold: a bloom may match by chance, so a
match proves nothing, and neither does it prove any value inside a log.

Every log that a node returns is checked against the header of its block, and against the question
that was asked, before anything is stored.

Source: Ethereum yellow paper §4.3.1, M3:2048.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.blocks import Block, hash_rows
from indexer.blooms import Flags, bloom_bits, has_any, has_each_address, has_each_topic
from indexer.errors import AnswersDisagree, LogRefused
from indexer.factor import factors
from indexer.logs import ByteRows, Integers, LogBatch


@dataclass(frozen=True, slots=True)
class LogFilter:
    """The logs that we ask for: from one of the addresses, and with one of the first topics."""

    addresses: tuple[Address, ...]
    topics0: tuple[Hash32, ...]


def may_hold(logs_blooms: Sequence[bytes], wanted: LogFilter) -> Flags:
    """For each bloom whether its block can have a wanted log; False proves that it has none."""
    bits = bloom_bits(logs_blooms)
    return has_any(bits, wanted.addresses) & has_any(bits, wanted.topics0)


def wanted_rows(logs: LogBatch, wanted: LogFilter) -> Integers:
    """The places of the wanted ones among these logs."""
    return np.flatnonzero(_is_wanted(logs, wanted))


def check_logs(logs: LogBatch, blocks: Sequence[Block], wanted: LogFilter) -> None:
    """Check every log against its block, as far as the header proves it, and the question.

    Args:
        logs: ordered by (block number, log index).
        blocks: those that were asked about, ascending. Where a block lists its transactions, its
            logs are of these.
        wanted: the question.

    Raises:
        AnswersDisagree: a log is of another block than the header of its number.
        LogRefused: a log was not asked for, came twice, is of no listed transaction, or is not in
            its block's bloom.
    """
    if not len(logs):
        return
    _refuse(logs, ~_is_above_last(logs), "came twice, or out of order")
    place = _places(logs, blocks)
    _check_hashes(logs, blocks, place)
    _check_transactions(logs, blocks, place)
    _refuse(logs, ~_is_wanted(logs, wanted), "was not asked for")
    bits = bloom_bits([block.header.logs_bloom for block in blocks])
    is_missing = ~has_each_address(bits, place, logs.address)
    owner = np.repeat(np.arange(len(logs)), logs.topic_count)
    is_missing[owner[~has_each_topic(bits, place[owner], logs.topics)]] = True
    _refuse(logs, is_missing, "is not in the bloom of its block")


def _places(logs: LogBatch, blocks: Sequence[Block]) -> Integers:
    """For each log the place of its block."""
    numbers = np.array([*(block.header.number for block in blocks), -1], dtype=np.int64)
    places = np.searchsorted(numbers[:-1], logs.block_number)
    _refuse(logs, numbers[places] != logs.block_number, "is outside of the range asked for")
    return places


def _check_hashes(logs: LogBatch, blocks: Sequence[Block], place: Integers) -> None:
    hashes = hash_rows([block.header.hash for block in blocks])
    differs = _differs(logs.block_hash, hashes[place])
    if differs.any():
        row = int(np.flatnonzero(differs)[0])
        header = blocks[int(place[row])].header
        raise AnswersDisagree(
            f"log {logs.log_index[row]} is of block {header.number} "
            f"{Hash32(logs.block_hash[row].tobytes())}, the header is {header.hash}"
        )


def _check_transactions(logs: LogBatch, blocks: Sequence[Block], place: Integers) -> None:
    """Check index and hash of the transaction where the block lists its transactions."""
    lists = [block.transactions for block in blocks]
    is_listed = np.array([one is not None for one in lists])[place]
    hashes = np.concatenate(
        [np.empty((0, 32), np.uint8), *(one for one in lists if one is not None)]
    )
    counts = np.array([0 if one is None else len(one) for one in lists], dtype=np.int64)
    is_beyond = is_listed & (logs.transaction_index >= counts[place])
    _refuse(logs, is_beyond, "is of a transaction beyond those of its block")
    rows = np.flatnonzero(is_listed)
    listed = hashes[(np.cumsum(counts) - counts)[place[rows]] + logs.transaction_index[rows]]
    is_other = np.zeros(len(logs), dtype=np.bool_)
    is_other[rows] = _differs(logs.transaction_hash[rows], listed)
    _refuse(logs, is_other, "names another transaction than its block lists at that place")


def _is_above_last(logs: LogBatch) -> Flags:
    """For each log whether it stands above the one before it."""
    block, index = logs.block_number, logs.log_index
    is_above = np.ones(len(logs), dtype=np.bool_)
    is_above[1:] = block[1:] > block[:-1]
    is_above[1:] |= (block[1:] == block[:-1]) & (index[1:] > index[:-1])
    return is_above


def _is_wanted(logs: LogBatch, wanted: LogFilter) -> Flags:
    is_wanted = logs.topic_count > 0
    topics0 = logs.topics[logs.topic_starts[is_wanted]]
    is_wanted[is_wanted] = _is_one_of(topics0, wanted.topics0)
    return is_wanted & _is_one_of(logs.address, wanted.addresses)


def _is_one_of(rows: ByteRows, values: Sequence[bytes]) -> Flags:
    distinct, known = factors(rows), frozenset(values)
    return np.array([value in known for value in distinct.values], dtype=np.bool_)[distinct.code]


def _differs(left: ByteRows, right: ByteRows) -> Flags:
    """For each row whether its 32 bytes are others."""
    pairs = np.ascontiguousarray(left).view(np.uint64) != np.ascontiguousarray(right).view(
        np.uint64
    )
    differs: Flags = pairs[:, 0] | pairs[:, 1] | pairs[:, 2] | pairs[:, 3]
    return differs


def _refuse(logs: LogBatch, is_bad: Flags, what: str) -> None:
    """Raise about the first bad log, if there is any."""
    if is_bad.any():
        row = int(np.flatnonzero(is_bad)[0])
        number, index = BlockNumber(int(logs.block_number[row])), LogIndex(int(logs.log_index[row]))
        raise LogRefused(number, index, Address(logs.address[row].tobytes()), what)
