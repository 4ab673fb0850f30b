"""Answers about works."""

from pydantic import BaseModel

from api.fields import AddressOut, HashOut
from api.schemas.envelope import OfSettlement


class Terms(BaseModel):
    """Terms of a work, in force from `effective_epoch`."""

    version: int
    effective_epoch: int
    content_id: HashOut
    price_ppm: int
    region_rule: HashOut
    payees: list[AddressOut]
    shares_ppm: list[int]


class WorkAnswer(OfSettlement):
    """One work: its terms in the epoch of `block`, and those that follow, if they are set."""

    work_id: HashOut
    registrant: AddressOut
    registered_block: int
    is_under_verdict: bool
    epoch: int
    terms: Terms
    next_terms: Terms | None
