"""From where a request looks at one settlement: its finalized block, its head and its clock.

Every other read takes the `Standpoint`, so that all parts of one answer end at one block.
"""

from dataclasses import dataclass
from typing import TypedDict

from api.adapters.snapshot import Snapshot
from api.errors import NotIndexed
from api.schemas.envelope import Block
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, Epoch, Hash32, Timestamp
from settlement.royalties.epoch import Timeline


class Envelope(TypedDict):
    """The members of `schemas.OfSettlement` that vary."""

    settlement: str
    chain_id: int
    contract: Address
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """The settlement as it is known at its finalized block, and the newest block indexed."""

    settlement: Settlement
    head: Block
    finalized: Block
    timeline: Timeline
    first_epoch: Epoch
    threshold: int
    guardians: int

    @property
    def scope(self) -> dict[str, object]:
        """Parameters of every query about this settlement; `upto` is the finalized block."""
        return scope_of(self.settlement) | {"upto": self.finalized.number}

    @property
    def envelope(self) -> Envelope:
        """What an answer at the finalized block says first."""
        return envelope_of(self.settlement, self.finalized)

    @property
    def current_epoch(self) -> Epoch:
        """The epoch of the newest indexed block."""
        return self.timeline.epoch_at(Timestamp(self.head.timestamp))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    head_number: int
    head_hash: bytes
    head_timestamp: int
    final_number: int | None
    final_hash: bytes | None
    final_timestamp: int | None
    genesis: int | None
    length: int | None
    grace: int | None
    started_at: int | None
    threshold: int | None
    guardians: int | None


_STANDPOINT = """
    SELECT c.number AS head_number, c.hash AS head_hash, h.timestamp AS head_timestamp,
           f.number AS final_number, f.hash AS final_hash, fb.timestamp AS final_timestamp,
           k.genesis, k.length, k.grace, sb.timestamp AS started_at,
           g.threshold, cardinality(g.guardians) AS guardians
    FROM cursor c
    JOIN block h ON h.chain_id = c.chain_id AND h.number = c.number
    LEFT JOIN chain_finality f ON f.chain_id = c.chain_id
    LEFT JOIN block fb ON fb.chain_id = f.chain_id AND fb.number = f.number
    LEFT JOIN fact_epoch_clock_started k
           ON k.chain_id = c.chain_id AND k.address = %(clock)s AND k.block_number <= f.number
    LEFT JOIN fact_settlement_started s
           ON s.chain_id = c.chain_id AND s.address = %(payouts)s AND s.block_number <= f.number
    LEFT JOIN block sb ON sb.chain_id = s.chain_id AND sb.number = s.block_number
    LEFT JOIN LATERAL (
        SELECT threshold, guardians FROM fact_guardian_set_changed
        WHERE chain_id = c.chain_id AND address = %(payouts)s AND block_number <= f.number
        ORDER BY block_number DESC, log_index DESC LIMIT 1
    ) g ON true
    WHERE c.chain_id = %(chain_id)s
"""


def scope_of(settlement: Settlement) -> dict[str, object]:
    """The chain and the contracts that every query names."""
    return {
        "chain_id": settlement.chain_id,
        "payouts": bytes(settlement.payouts),
        "registry": bytes(settlement.contracts[ContractName.WORK_REGISTRY]),
        "clock": bytes(settlement.contracts[ContractName.EPOCH_CLOCK]),
        "claims": bytes(settlement.contracts[ContractName.CONTENT_CLAIMS]),
    }


def envelope_of(settlement: Settlement, block: Block) -> Envelope:
    """What an answer at a block says first."""
    return Envelope(
        settlement=settlement.name,
        chain_id=settlement.chain_id,
        contract=settlement.payouts,
        block=block,
    )


async def read_standpoint(reads: Snapshot, settlement: Settlement) -> Standpoint:
    """Look at a settlement.

    Raises:
        NotIndexed: nothing is final yet, or the settlement's start is not.
    """
    row = await reads.row(_Row, _STANDPOINT, scope_of(settlement))
    if row is None:
        raise NotIndexed(settlement.name, "indexed block")
    if row.final_number is None or row.final_hash is None or row.final_timestamp is None:
        raise NotIndexed(settlement.name, "finalized block")
    if row.genesis is None or row.length is None or row.grace is None:
        raise NotIndexed(settlement.name, "finalized EpochClockStarted event")
    if row.started_at is None or row.threshold is None or row.guardians is None:
        raise NotIndexed(settlement.name, "finalized SettlementStarted event")
    timeline = Timeline(genesis=Timestamp(row.genesis), length=row.length, grace=row.grace)
    return Standpoint(
        settlement=settlement,
        head=Block(
            number=row.head_number, hash=Hash32(row.head_hash), timestamp=row.head_timestamp
        ),
        finalized=Block(
            number=row.final_number, hash=Hash32(row.final_hash), timestamp=row.final_timestamp
        ),
        timeline=timeline,
        first_epoch=timeline.epoch_at(Timestamp(row.started_at)),
        threshold=row.threshold,
        guardians=row.guardians,
    )
