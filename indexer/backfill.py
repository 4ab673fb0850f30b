"""Contracts that are added to an index later: their past, while the index goes on without them.

    index      ███████████████████████████ cursor ─►        of the sources before, as ever
    staged     ░░░░░░░░░░░░░░░░░░ reached ─►                 of the new ones, block by block
    merge      ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ cursor ─►        reached = cursor: one transaction

Nobody sees a half-filled past: what is staged becomes facts in one transaction, together with the
rows digests and proofs of the blocks, with balances, and with the list of what the index holds. A
crash loses the step it was in; a reorg takes staged blocks back with the others; other sources, and
it begins anew.

No deployment block has to be named. The headers that we hold prove by their blooms in which blocks
the new contracts cannot have a log, and only the others are fetched, with the whole question and
the same proofs as any block. What the index holds of such a block must be found in it again.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, Hash32
from contracts.headers import header_fields
from indexer.blocks import BlockBatch, Proof
from indexer.completeness import LogFilter, may_hold, wanted_rows
from indexer.decode import decode, filter_of
from indexer.errors import AnswersDisagree
from indexer.fetch_range import fetch_logs
from indexer.fetched import ProvedLogs, check_equal, check_events
from indexer.levels import Level
from indexer.logs import Integers, LogBatch, log_batch
from indexer.outcomes import Backfilled, SourcesAdded
from indexer.plan import IndexedChain
from indexer.ports import WitnessedChain
from indexer.ranges import BlockRange
from indexer.rows_digest import rows_digests

log = logging.getLogger(__name__)

_SCANNED_BLOCKS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedLogs:
    """What new sources add to blocks of the index.

    `changed` are the blocks whose rows digest or proof will be another, with both.
    """

    blocks: BlockRange
    logs: LogBatch
    changed: Sequence[tuple[BlockNumber, Hash32, Proof]]


class BackfillStore(Protocol):
    """What is staged of one chain; every write is one transaction."""

    def reached(self) -> BlockNumber:
        """The block up to which all is staged; below the start block at first."""

    def held(self, blocks: BlockRange) -> BlockBatch:
        """Blocks of the index."""

    def has_logs_of(self, address: Address) -> bool:
        """Whether a log of this contract is staged."""

    def stage(self, staged: StagedLogs) -> None:
        """Keep what was fetched of blocks; it goes on where the last one ended."""

    def add(self, head: BlockRef, before: Mapping[Address, ContractName]) -> int:
        """Make facts of all that is staged, up to this head; returns the number of logs."""


class Backfill:
    """The way from an index of the sources `before` to one of those of the plan."""

    def __init__(
        self,
        plan: IndexedChain,
        before: Mapping[Address, ContractName],
        chain: WitnessedChain,
        store: BackfillStore,
    ) -> None:
        self._plan, self._chain, self._store = plan, chain, store
        self._before = before
        known, whole = filter_of(before), plan.question.wanted
        self._known = known
        added = tuple(one for one in whole.addresses if one not in before)
        topics0 = tuple(one for one in whole.topics0 if one not in known.topics0)
        self._by_address = LogFilter(added, whole.topics0)
        self._by_topic = LogFilter(known.addresses, topics0)

    def due(
        self, head: BlockRef, *, final_end: BlockNumber, blocks_max: int
    ) -> BlockRange | Backfilled | SourcesAdded:
        """The blocks to fetch next, or what was done without fetching any.

        Args:
            head: the cursor of the index.
            final_end: the first block that can still change; a range lies on one side of it.
            blocks_max: the most blocks of a range.
        """
        start = BlockNumber(self._store.reached() + 1)
        if start > head.number:
            logs = self._store.add(head, self._before)
            names = tuple(sorted(self._plan.sources.keys() - self._before.keys()))
            about = {"chain_id": self._plan.chain_id, "contracts": [str(one) for one in names]}
            log.info("contracts were added", extra=about | {"logs": logs, "head": head.number})
            return SourcesAdded(addresses=names, logs=logs)
        end = head.number + 1 if start >= final_end else min(head.number + 1, final_end)
        scanned = BlockRange(start, BlockNumber(min(start + _SCANNED_BLOCKS, end)))
        candidates = self._candidates(scanned)
        if len(candidates) and candidates[0] == start:
            within = candidates[candidates < start + blocks_max]
            return BlockRange(start, BlockNumber(int(within[-1]) + 1))
        ruled_out_end = int(candidates[0]) if len(candidates) else scanned.end
        ruled_out = BlockRange(start, BlockNumber(ruled_out_end))
        self._store.stage(StagedLogs(blocks=ruled_out, logs=log_batch(()), changed=()))
        return Backfilled(ruled_out, head.number)

    def fetch(
        self, blocks: BlockRange, head: BlockRef, *, is_final: bool
    ) -> tuple[Backfilled, int]:
        """Fetch and stage blocks; also says how many logs were read.

        Raises:
            AnswersDisagree: the chain has other blocks now.
            ProofContradicts: a block has not the logs that we hold of it.
            ABIMismatch: a contract is not what it is configured to be.
            Transient: the chain was not available, or the range is too large.
        """
        found = fetch_logs(self._chain, self._plan.question, blocks, is_final=is_final)
        held = self._store.held(blocks)
        new, changed = self._new_logs(found, held), _changed(held, found.blocks)
        self._check_events(new)
        self._store.stage(StagedLogs(blocks=blocks, logs=new, changed=changed))
        return Backfilled(blocks, head.number), found.logs_read

    def _candidates(self, blocks: BlockRange) -> Integers:
        """The numbers of the blocks that may have a log which the index lacks."""
        numbers = np.arange(blocks.start, blocks.end, dtype=np.int64)
        if self._plan.level is Level.NONE:
            return numbers
        blooms = [header_fields(one).logs_bloom for one in self._store.held(blocks).header]
        is_possible = may_hold(blooms, self._by_address) | may_hold(blooms, self._by_topic)
        return numbers[is_possible]

    def _new_logs(self, found: ProvedLogs, held: BlockBatch) -> LogBatch:
        """The logs that the index lacks; those that it has must be those that were found."""
        if (held.hash != found.blocks.hash).any():
            raise AnswersDisagree(f"blocks of {found.range} are others than those that we hold")
        is_known = np.zeros(len(found.logs), dtype=np.bool_)
        is_known[wanted_rows(found.logs, self._known)] = True
        known = found.logs.take(np.flatnonzero(is_known))
        again = replace(found.blocks, rows_digest=rows_digests(known, found.range))
        check_equal(self._plan.chain_id, held, again)
        return found.logs.take(np.flatnonzero(~is_known))

    def _check_events(self, new: LogBatch) -> None:
        decoded, before = decode(new, self._plan.sources), self._before
        held = {one: one in before or self._store.has_logs_of(one) for one in decoded.mismatched}
        check_events(decoded, self._plan.sources, held)


def _changed(held: BlockBatch, found: BlockBatch) -> list[tuple[BlockNumber, Hash32, Proof]]:
    """The blocks whose rows digest or proof is another now."""
    is_other = (held.rows_digest != found.rows_digest).any(axis=1) | (held.proof != found.proof)
    return [
        (
            BlockNumber(found.start + row),
            Hash32(found.rows_digest[row].tobytes()),
            Proof(int(found.proof[row])),
        )
        for row in np.flatnonzero(is_other).tolist()
    ]
