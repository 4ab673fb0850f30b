"""Reads of the index itself: how far it is, what is final, and which reorgs it followed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from api.adapters.snapshot import Snapshot
from api.schemas.envelope import Block
from api.schemas.service import ReorgSeen
from contracts.evm import ChainId, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRow:
    """Where the index of one chain stands; nothing is known of a chain before its first block."""

    chain_id: int
    number: int
    hash: bytes
    timestamp: int
    final_number: int | None
    final_hash: bytes | None
    final_timestamp: int | None
    reorgs: int
    detected_at: datetime | None
    depth_blocks: int | None
    ancestor_number: int | None
    old_head_number: int | None
    new_head_number: int | None

    @property
    def indexed(self) -> Block:
        """The cursor."""
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
    SELECT c.chain_id, c.number, c.hash, b.timestamp,
           f.number AS final_number, f.hash AS final_hash, fb.timestamp AS final_timestamp,
           (SELECT count(*) FROM reorg WHERE chain_id = c.chain_id) AS reorgs,
           r.detected_at, r.depth_blocks, r.ancestor_number, r.old_head_number, r.new_head_number
    FROM cursor c
    JOIN block b ON b.chain_id = c.chain_id AND b.number = c.number
    LEFT JOIN chain_finality f ON f.chain_id = c.chain_id
    LEFT JOIN block fb ON fb.chain_id = f.chain_id AND fb.number = f.number
    LEFT JOIN LATERAL (
        SELECT * FROM reorg WHERE chain_id = c.chain_id ORDER BY id DESC LIMIT 1
    ) r ON true
    WHERE c.chain_id = ANY(%(chain_ids)s)
"""


async def read_chains(reads: Snapshot, chain_ids: Iterable[ChainId]) -> dict[int, ChainRow]:
    """Where the index of each chain stands, by chain id."""
    rows = await reads.rows(ChainRow, _CHAINS, {"chain_ids": list(chain_ids)})
    return {row.chain_id: row for row in rows}
