"""Answers about the server and its chains."""

from typing import Literal

from pydantic import BaseModel, Field

from api.fields import AddressOut
from api.schemas.envelope import Block

IndexerState = Literal[
    "syncing",
    "synced",
    "waiting",
    "lagging",
    "disputed",
    "stalled",
    "halted",
    "silent",
    "absent",
]


class ReorgSeen(BaseModel):
    """The last reorganization that the indexer followed."""

    detected_at: str = Field(description="UTC, RFC 3339")
    depth_blocks: int
    ancestor: int | None
    old_head: int
    new_head: int


class ProvedBlocks(BaseModel):
    """How the finalized blocks below `end_block` are known to be complete."""

    end_block: int
    receipts: int = Field(description="All receipts of the block give its receipts root")
    empty: int = Field(description="The block's bloom rules our logs out")
    corroborated: int = Field(description="Two or more endpoints gave the same logs: no proof")
    stated: int = Field(description="One endpoint's word: no proof")


class ChainStatus(BaseModel):
    """Where the index of one chain stands.

    `head` is what the chain's endpoint says to this server, or else said to the indexer. `indexed`
    is our cursor. `lag_s` is the age of the indexed block by the server's clock.

    `state`, `reason` and `level` are the indexer's own report, which is `reported_s_ago` seconds
    old: `silent` if that is too long, `absent` if it never gave one. `reason` is null where there
    is nothing to explain. `disputed_blocks` are those that endpoints contradict each other about.
    """

    chain_id: int
    state: IndexerState
    reason: str | None
    level: Literal["none", "headers", "receipts"] | None
    reported_s_ago: int | None
    head: int | None
    indexed: Block | None
    finalized: Block | None
    lag_blocks: int | None
    lag_s: int | None
    disputed_blocks: list[int]
    blocks_by_proof: ProvedBlocks | None
    reorgs: int
    deepest_reorg_blocks: int
    last_reorg: ReorgSeen | None


class Status(BaseModel):
    """Where the index of every chain stands."""

    chains: list[ChainStatus]


class SettlementOut(BaseModel):
    """One deployment."""

    name: str
    chain_id: int
    start_block: int
    contracts: dict[str, AddressOut]
    tokens: list[AddressOut]


class Settlements(BaseModel):
    """All deployments that this server answers for."""

    items: list[SettlementOut]


class Health(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The process can answer, and its answers are fresh enough."""

    status: Literal["ready"] = "ready"
