"""A range of blocks as it was fetched, and how it fits onto what we hold.

A range may have been fetched long before it is stored, and by a process that knows nothing of what
we hold, so its link to our head is checked when it is stored and not before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockRef, ChainId
from indexer.blocks import BlockBatch
from indexer.decode import Decoded
from indexer.errors import ABIMismatch, AnswersDisagree, HeaderRefused, ProofContradicts
from indexer.logs import LogBatch
from indexer.ranges import BlockRange


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedRange:
    """Blocks that are checked and linked to each other, and all that they hold of ours.

    `logs_read` counts all logs that came over the wire for it, ours and others.
    """

    range: BlockRange
    blocks: BlockBatch
    decoded: Decoded
    logs_read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedLogs:
    """Blocks that are checked and linked to each other, with all logs that were asked for.

    `logs_read` counts all logs that came over the wire for it, ours and others.
    """

    range: BlockRange
    blocks: BlockBatch
    logs: LogBatch
    logs_read: int


def check_on_head(blocks: BlockBatch, head: BlockRef | None) -> None:
    """Check that the first block is a child of our head, where there is one.

    Raises:
        AnswersDisagree: its parent is another block; the chain has moved.
        HeaderRefused: it comes after another number, or is older than its parent.
    """
    first = blocks.ref(0)
    if head is None:
        return
    if first.number != head.number + 1:
        raise HeaderRefused(first.number, f"came after block {head.number}")
    if first.parent_hash != head.hash:
        raise AnswersDisagree(
            f"block {first.number} has parent {first.parent_hash}, "
            f"block {head.number} is {head.hash}"
        )
    if first.timestamp < head.timestamp:
        raise HeaderRefused(first.number, f"time {first.timestamp} is before {head.timestamp}")


def check_events(
    decoded: Decoded, sources: Mapping[Address, ContractName], held: Mapping[Address, bool]
) -> None:
    """Check that contracts of which no event is held do emit the events that they are said to.

    `held` says of each mismatched source whether we hold an event of it; a contract that has had
    good events may have malformed ones too, and they are only counted.

    Raises:
        ABIMismatch: all logs of a contract are malformed, and it has no event.
    """
    for address, (number, log_index) in sorted(decoded.mismatched.items()):
        if not held[address]:
            contract = sources[address].value
            raise ABIMismatch(address, contract, number=number, log_index=log_index)


def check_equal(chain_id: ChainId, held: BlockBatch, again: BlockBatch) -> None:
    """Check that blocks which were fetched again are those that we hold, with the same logs.

    Raises:
        ProofContradicts: a block has another hash or other logs.
    """
    differences = (
        ("another hash", held.hash != again.hash),
        ("other logs", held.rows_digest != again.rows_digest),
    )
    for what, differs in differences:
        rows = np.flatnonzero(differs.any(axis=1))
        if len(rows):
            raise ProofContradicts(chain_id, held.ref(int(rows[0])).number, what)
