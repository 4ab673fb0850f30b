"""What every answer about a settlement begins with.

Every answer about a chain names its `block` and the `finality` of that block. `head` is the newest
indexed block, where an answer says something about what is not final yet.
"""

from typing import Literal

from pydantic import BaseModel, Field

from api.fields import AddressOut, HashOut

Finalized = Literal["finalized"]


class Block(BaseModel):
    """A block; `timestamp` in Unix seconds."""

    number: int
    hash: HashOut
    timestamp: int


class OfSettlement(BaseModel):
    """What every answer about a settlement says first."""

    settlement: str
    chain_id: int
    contract: AddressOut = Field(description="the EpochPayouts contract")
    block: Block
    finality: Finalized = "finalized"


class Page(OfSettlement):
    """One page of a list; `next_cursor` is null at its end."""

    next_cursor: str | None
