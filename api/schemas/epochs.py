"""Answers about epochs."""

from pydantic import BaseModel

from api.epoch_state import EpochState
from api.fields import AddressOut, AmountOut, HashOut
from api.schemas.envelope import Block, OfSettlement, Page


class EpochTotal(BaseModel):
    """The money of one epoch in one asset, as the attempt that stands divides it.

    The parts are null where it is not divided yet. `withdrawn` is of what is allocated, and fees.
    """

    asset: AddressOut
    paid_in: AmountOut
    allocated: AmountOut | None
    fees: AmountOut | None
    escrow: AmountOut | None
    unallocated: AmountOut | None
    withdrawn: AmountOut


class Approvals(BaseModel):
    """`count` of `guardians` have signed, `threshold` are needed."""

    count: int
    threshold: int
    guardians: int


class QuarantineCount(BaseModel):
    """How many rows were left out for one reason."""

    reason: str
    count: int


class EpochOut(BaseModel):
    """One epoch. What belongs to an attempt is null while no attempt stands.

    `is_computed_here` says whether this server holds the leaves of the standing attempt: a
    commitment to another manifest than ours stands on chain, and no proof is served for it.
    """

    epoch: int
    state: EpochState
    start: int
    end: int
    grace_end: int
    attempt: int
    vetoes: int
    root: HashOut | None
    manifest_digest: HashOut | None
    is_computed_here: bool
    leaf_count: int | None
    boundary_block: int | None
    reference_block: int | None
    active_at: int | None
    committed_block: int | None
    approvals: Approvals | None
    totals: list[EpochTotal]


class EpochAnswer(OfSettlement, EpochOut):
    """One epoch, with what was left out of it."""

    head: Block
    quarantine: list[QuarantineCount]


class EpochPage(Page):
    """Epochs, newest first."""

    head: Block
    items: list[EpochOut]
