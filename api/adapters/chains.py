"""Reads of the index itself: how far it is, what its indexer says, which reorgs it followed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel

from api.adapters.snapshot import Snapshot
from api.schemas.envelope import Block
from api.schemas.service import ChainStatus, IndexerState, ProvedBlocks, ReorgSeen
from contracts.evm import ChainId, Hash32


class EndpointCounts(BaseModel):
    """Requests to one endpoint since the indexer started, and those that failed, by class."""

    host: str
    requests: int
    errors: dict[str, int]


class IndexerCounters(BaseModel):
    """The numbers of an indexer's report, since it started."""

    range_blocks: int
    fetch_stalled_ms: int
    storage_stalled_ms: int
    disputed_blocks: list[int]
    coverage: ProvedBlocks
    endpoints: list[EndpointCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReading:
    """The status of one chain, and the numbers of its indexer's report."""

    status: ChainStatus
    counters: IndexerCounters | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRow:
    """Where the index of one chain stands.

    There is no cursor before the first block, and no report before an indexer has run.
    """

    chain_id: int
    number: int | None
    hash: bytes | None
    timestamp: int | None
    final_number: int | None
    final_hash: bytes | None
    final_timestamp: int | None
    level: Literal["none", "headers", "receipts"] | None
    state: IndexerState | None
    reason: str | None
    reported_s_ago: int | None
    reported_head: int | None
    report: dict[str, Any] | None
    reorgs: int
    deepest_reorg_blocks: int
    detected_at: datetime | None
    depth_blocks: int | None
    ancestor_number: int | None
    old_head_number: int | None
    new_head_number: int | None

    @property
    def indexed(self) -> Block | None:
        """The cursor."""
        if self.number is None or self.hash is None or self.timestamp is None:
            return None
        return Block(number=self.number, hash=Hash32(self.hash), timestamp=self.timestamp)

    @property
    def finalized(self) -> Block | None:
        """The finalized block."""
        if self.final_number is None or self.final_hash is None or self.final_timestamp is None:
            return None
        return Block(
            number=self.final_number, hash=Hash32(self.final_hash), timestamp=self.final_timestamp
        )

    @property
    def counters(self) -> IndexerCounters | None:
        """The numbers of the indexer's report, if it ever gave one."""
        return None if self.report is None else IndexerCounters.model_validate(self.report)

    @property
    def last_reorg(self) -> ReorgSeen | None:
        """The last reorg, if there was one."""
        if self.detected_at is None:
            return None
        return ReorgSeen(
            detected_at=self.detected_at.astimezone(UTC).isoformat(),
            depth_blocks=self.depth_blocks or 0,
            ancestor=self.ancestor_number,
            old_head=self.old_head_number or 0,
            new_head=self.new_head_number or 0,
        )


_CHAINS = """
    SELECT w.chain_id, c.number, c.hash, b.timestamp,
           f.number AS final_number, f.hash AS final_hash, fb.timestamp AS final_timestamp,
           s.level, s.state, s.reason, s.head AS reported_head, s.counters AS report,
           extract(epoch FROM now() - s.updated_at)::bigint AS reported_s_ago,
           n.reorgs, n.deepest_reorg_blocks,
           r.detected_at, r.depth_blocks, r.ancestor_number, r.old_head_number, r.new_head_number
    FROM unnest(%(chain_ids)s::bigint[]) AS w (chain_id)
    LEFT JOIN cursor c ON c.chain_id = w.chain_id
    LEFT JOIN block b ON b.chain_id = c.chain_id AND b.number = c.number
    LEFT JOIN chain_finality f ON f.chain_id = w.chain_id
    LEFT JOIN block fb ON fb.chain_id = f.chain_id AND fb.number = f.number
    LEFT JOIN indexer_status s ON s.chain_id = w.chain_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS reorgs, coalesce(max(depth_blocks), 0) AS deepest_reorg_blocks
        FROM reorg WHERE chain_id = w.chain_id
    ) n
    LEFT JOIN LATERAL (
        SELECT * FROM reorg WHERE chain_id = w.chain_id ORDER BY id DESC LIMIT 1
    ) r ON true
"""


async def read_chains(reads: Snapshot, chain_ids: Iterable[ChainId]) -> dict[int, ChainRow]:
    """Where the index of each of these chains stands, by chain id."""
    rows = await reads.rows(ChainRow, _CHAINS, {"chain_ids": list(chain_ids)})
    return {row.chain_id: row for row in rows}
