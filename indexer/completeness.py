"""What a header proves about the logs of its block.

The header's bloom filter holds every address and topic of the block's logs, and its hash commits
to it. So a block whose bloom lacks our addresses, or our topics, provably has no log of ours: an
empty answer for it needs no trust. The reverse does not hold: a bloom may match by chance, so a
match proves nothing, and neither does it prove any value inside a log.

Every log that a node returns is checked against the header of its block, and against the question
that was asked, before anything is stored.

Source: Ethereum yellow paper §4.3.1, M3:2048.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from contracts.evm import Address, BlockNumber, Hash32, keccak
from indexer.chain import Header, LogBatch
from indexer.errors import AnswersDisagree, LogRefused

_MASKS_CACHED = 65_536


@dataclass(frozen=True, slots=True)
class LogFilter:
    """The logs that we ask for: from one of the addresses, and with one of the first topics."""

    addresses: tuple[Address, ...]
    topics0: tuple[Hash32, ...]


@lru_cache(maxsize=_MASKS_CACHED)
def bloom_mask(value: bytes) -> int:
    """The three bits that one address or topic sets in a bloom of 2048 bits."""
    digest = keccak(value)
    mask = 0
    for position in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[position : position + 2], "big") & 2047)
    return mask


def may_hold(logs_bloom: bytes, wanted: LogFilter) -> bool:
    """Whether a block with this bloom can have a wanted log; False is a proof that it has none."""
    bloom = int.from_bytes(logs_bloom, "big")
    return _any_in(bloom, wanted.addresses) and _any_in(bloom, wanted.topics0)


def check_logs(logs: LogBatch, headers: Sequence[Header], wanted: LogFilter) -> None:
    """Check every log against its block's header and the question.

    `logs` are ordered by (block number, log index).

    Raises:
        AnswersDisagree: a log is of another block than the header of its number.
        LogRefused: a log was not asked for, came twice, or is not in its block's bloom.
    """
    by_number = {header.number: header for header in headers}
    blooms = {number: int.from_bytes(one.logs_bloom, "big") for number, one in by_number.items()}
    addresses, topics0 = frozenset(wanted.addresses), frozenset(wanted.topics0)
    below = (-1, -1)
    for row in range(len(logs)):
        place = (logs.block_number[row], logs.log_index[row])
        if place <= below:
            raise _refused(logs, row, "came twice")
        below = place
        _check_block(logs, row, by_number)
        topics = logs.topics[row]
        if logs.address[row] not in addresses or not topics or topics[0] not in topics0:
            raise _refused(logs, row, "was not asked for")
        mask = bloom_mask(logs.address[row])
        for topic in topics:
            mask |= bloom_mask(topic)
        if mask & blooms[logs.block_number[row]] != mask:
            raise _refused(logs, row, "is not in the bloom of its block")


def _check_block(logs: LogBatch, row: int, by_number: Mapping[BlockNumber, Header]) -> None:
    header = by_number.get(logs.block_number[row])
    if header is None:
        raise _refused(logs, row, "is outside of the range asked for")
    if header.hash != logs.block_hash[row]:
        raise AnswersDisagree(
            f"log {logs.log_index[row]} is of block {header.number} {logs.block_hash[row]}, "
            f"the header is {header.hash}"
        )


def _refused(logs: LogBatch, row: int, what: str) -> LogRefused:
    return LogRefused(logs.block_number[row], logs.log_index[row], logs.address[row], what)


def _any_in(bloom: int, values: Iterable[bytes]) -> bool:
    return any(bloom_mask(value) & bloom == bloom_mask(value) for value in values)
