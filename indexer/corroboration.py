"""Whether two endpoints gave the same logs, and where they differ first.

Equal answers are no proof: two nodes may run the same faulty software, or be one node behind two
names. But an answer that leaves out one log differs from one that does not, and then nobody knows
which of them is right, unless the block's receipts are proved.
"""

from dataclasses import fields

import numpy as np

from contracts.evm import BlockNumber, Hash32
from indexer.agreement import Asked, Opinions
from indexer.logs import LogBatch
from indexer.ranges import BlockRange
from indexer.rows_digest import rows_digests


def is_same(ours: LogBatch, theirs: LogBatch) -> bool:
    """Whether two batches hold the same logs, column by column."""
    return all(
        np.array_equal(getattr(ours, column.name), getattr(theirs, column.name))
        for column in fields(LogBatch)
    )


def first_difference(
    blocks: BlockRange, *, ours: tuple[str, LogBatch], theirs: tuple[str, LogBatch]
) -> Opinions | None:
    """What two endpoints, each with its host, say of the first block of which they differ.

    Both batches hold logs of exactly these blocks, in chain order, and were checked.
    """
    if is_same(ours[1], theirs[1]):
        return None
    digests = [rows_digests(logs, blocks) for logs in (ours[1], theirs[1])]
    differ = np.nonzero((digests[0] != digests[1]).any(axis=1))[0]
    if not len(differ):
        return None
    number = BlockNumber(blocks.start + int(differ[0]))
    return Opinions(
        number=number,
        asked=Asked.LOGS,
        said={host: said_of(_of(number, logs), _alone(number)) for host, logs in (ours, theirs)},
    )


def said_of(logs: LogBatch, blocks: BlockRange) -> str | None:
    """The logs of one block as a statement gives them: how many there are, and their digest.

    None if they are not logs of that block, each once: then nothing was said about it.
    """
    is_of_block = (logs.block_number == blocks.start).all()
    if not (is_of_block and (logs.log_index[1:] > logs.log_index[:-1]).all()):
        return None
    digest = Hash32(rows_digests(logs, blocks)[0].tobytes())
    return f"{len(logs)} logs {digest}"


def first_different_log(number: BlockNumber, ours: LogBatch, theirs: LogBatch) -> int | None:
    """The index of the lowest log of the block that is in one batch only, or differs."""
    rows = [{one.log_index: one for one in _of(number, logs).rows()} for logs in (ours, theirs)]
    indexes = sorted(rows[0].keys() | rows[1].keys())
    return next((at for at in indexes if rows[0].get(at) != rows[1].get(at)), None)


def _of(number: BlockNumber, logs: LogBatch) -> LogBatch:
    """The logs of one block."""
    return logs.take(np.nonzero(logs.block_number == number)[0])


def _alone(number: BlockNumber) -> BlockRange:
    return BlockRange(number, BlockNumber(number + 1))
