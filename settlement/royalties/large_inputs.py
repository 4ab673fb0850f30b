"""The inputs of an epoch of millions of logs, read once as a stream, and checked on the way.

Three streams run beside each other in chain order: the raw logs, the places of the decoded events,
and the blocks that hold them. Every log must be the next decoded event, in a block with its hash;
so nothing but a batch of logs is ever held. These are the checks of `derivation.derive`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.batches import LogColumns
from contracts.evm import BlockNumber, BlockRef, Hash32, LogIndex, Timestamp
from settlement.errors import InputsDisagree
from settlement.royalties.frame import EpochFrame
from settlement.royalties.input_digest import InputDigest, RollingHash

Place = tuple[BlockNumber, LogIndex]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInputs:
    """What is kept of the inputs; `timestamps` are of the blocks that set terms of works."""

    digest: InputDigest
    timestamps: dict[BlockNumber, Timestamp]


def read_inputs(
    frame: EpochFrame,
    *,
    logs: Iterable[LogColumns],
    places: Iterable[Place],
    blocks: Iterable[BlockRef],
) -> ReadInputs:
    """Name the logs, and check that they are the decoded events.

    Args:
        frame: of the epoch.
        logs: the raw logs that the epoch depends on, in batches, in chain order.
        places: where the decoded events stand, the clock's included, in chain order.
        blocks: every block of a log, ascending.

    Raises:
        InputsDisagree: a log is no decoded event, or an event has no log, or their order is not the
            chain's, or a log is in a block that is another, not there, or without any.
    """
    rolled, decoded, timed = RollingHash(), iter(places), _Blocks(frame, blocks)
    unread = set(_places_of(frame))
    last: Place | None = None
    for batch in logs:
        rolled.add(batch)
        for place, block_hash in zip(_places(batch), batch.block_hash, strict=True):
            if last is not None and place <= last:
                raise InputsDisagree(frame.epoch, "the raw logs are not in chain order")
            _require_next(frame, place, next(decoded, None))
            timed.require(place[0], block_hash)
            unread.discard(place)
            last = place
    _require_next(frame, None, next(decoded, None))
    if unread:
        raise InputsDisagree(frame.epoch, f"{len(unread)} decoded events of rules have no log")
    return ReadInputs(digest=rolled.digest, timestamps=timed.timestamps)


class _Blocks:
    """The blocks of logs, one at a time; times are kept of those that set terms of works."""

    def __init__(self, frame: EpochFrame, blocks: Iterable[BlockRef]) -> None:
        self.timestamps: dict[BlockNumber, Timestamp] = {}
        self._frame, self._blocks = frame, iter(blocks)
        self._wanted = frozenset(frame.work_terms.block_number)
        self._now: BlockRef | None = None

    def require(self, number: BlockNumber, block_hash: Hash32) -> None:
        """Go on to the block of the next log, and compare its hash with the log's.

        Raises:
            InputsDisagree: it is not there, or another, or its bloom rules logs of ours out.
        """
        epoch = self._frame.epoch
        while self._now is None or self._now.number < number:
            self._now = next(self._blocks, None)
            if self._now is None:
                raise InputsDisagree(epoch, f"block {number} is not indexed")
            if self._now.number in self._wanted:
                self.timestamps[self._now.number] = self._now.timestamp
        if self._now.number != number:
            raise InputsDisagree(epoch, f"block {number} is not indexed")
        if self._now.hash != block_hash:
            raise InputsDisagree(epoch, f"a log of block {number} names hash {block_hash}")
        self._frame.certified.require_may_hold(epoch, number)


def _places(batch: LogColumns) -> Iterator[Place]:
    return zip(batch.block_number, batch.log_index, strict=True)


def _places_of(frame: EpochFrame) -> Iterator[Place]:
    """Where the events of the rules stand, which were read by themselves."""
    for columns in (frame.parameters, frame.work_terms, frame.split_terms, frame.verdicts):
        yield from zip(columns.block_number, columns.log_index, strict=True)


def _require_next(frame: EpochFrame, raw: Place | None, decoded: Place | None) -> None:
    if raw != decoded:
        found = "no raw log" if raw is None else f"a raw log {raw}"
        wanted = "no decoded event" if decoded is None else f"a decoded event {decoded}"
        raise InputsDisagree(frame.epoch, f"there is {found} where there is {wanted}")
