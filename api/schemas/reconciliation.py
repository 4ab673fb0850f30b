"""Answers about reconciliations."""

from pydantic import BaseModel, Field

from api.fields import HashOut
from api.schemas.envelope import Block, Page


class RunOut(BaseModel):
    """One reconciliation of books and chain, at one finalized block."""

    run: int
    block: Block
    checks: int
    discrepancies: int
    recorded_at: str = Field(description="UTC, RFC 3339")


class RunPage(Page):
    """Reconciliations, newest first."""

    items: list[RunOut]


class DiscrepancyOut(BaseModel):
    """One disagreement; `id` is the same in every run that finds it again.

    `since_block` is the block of the first run of the unbroken series that found it.
    """

    id: HashOut
    kind: str
    subject: str
    expected: str
    actual: str
    evidence: list[str]
    since_block: int


class DiscrepancyPage(Page):
    """What one run found, at its `block`; `run` is null while there was none."""

    run: int | None
    items: list[DiscrepancyOut]
