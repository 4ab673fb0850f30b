"""Answers about the server and its chains."""

from typing import Literal

from pydantic import BaseModel, Field

from api.fields import AddressOut
from api.schemas.envelope import Block


class ReorgSeen(BaseModel):
    """The last reorganization that the indexer followed."""

    detected_at: str = Field(description="UTC, RFC 3339")
    depth_blocks: int
    ancestor: int | None
    old_head: int
    new_head: int


class ChainStatus(BaseModel):
    """Where the index of one chain stands.

    `head` is what the chain's endpoint says; it is null where the server asks none or gets no
    answer. `indexed` is our cursor. `lag_s` is the age of the indexed block by the server's clock.
    """

    chain_id: int
    head: int | None
    indexed: Block | None
    finalized: Block | None
    lag_blocks: int | None
    lag_s: int | None
    reorgs: int
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
