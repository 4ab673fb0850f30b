"""Answers about who may see what; they are spelled by `api.entitlements`, without these models.

The models say what the answers look like in the OpenAPI document; a test holds both together.
"""

from pydantic import BaseModel, Field

from api.fields import AddressOut, AmountOut, HashOut
from api.schemas.envelope import Block
from settlement.payments.entitlements import Check, Level, Reason


class FindingOut(BaseModel):
    """What one check came to.

    `content_id` is the content itself, or one that it is the archive of. The block is that of the
    fact which says so, null where there is no such fact.
    """

    check: Check
    reason: Reason
    content_id: HashOut
    block_number: int | None
    block_hash: HashOut | None
    log_index: int | None
    order_id: HashOut | None
    ticket_id: AmountOut | None
    gate_id: HashOut | None
    balance: AmountOut | None
    minimum: AmountOut | None


class EntitlementAnswer(BaseModel):
    """Whether a wallet may see a content, at the head of the index.

    `finality` is `finalized` where no block that the answer rests on can be replaced any more.
    `until` is when a grant ends by itself (Unix seconds), null for never.
    """

    settlement: str
    chain_id: int
    contract: AddressOut = Field(description="the EpochPayouts contract")
    block: Block
    finality: Level
    account: AddressOut
    content_id: HashOut
    is_granted: bool
    reason: Reason
    until: int | None
    evidence: FindingOut | None = Field(description="what grants")
    failed: list[FindingOut] = Field(description="of a denial, what every check came to")
