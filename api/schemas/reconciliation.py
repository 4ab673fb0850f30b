"""Answers about reconciliations."""

from pydantic import BaseModel, Field

from api.fields import AddressOut, HashOut
from api.schemas.envelope import Block, OfSettlement, Page


class RunOut(BaseModel):
    """One reconciliation of books and chain, at one finalized block."""

    run: int
    block: Block
    checks: int
    discrepancies: int
    lines: int = Field(description="entries that agree")
    endpoints: int = Field(description="endpoints that were asked, and had to agree")
    proven: int = Field(description="balances proven from the block's state root")
    stated: int = Field(description="balances that an endpoint stated")
    recorded_at: str = Field(description="UTC, RFC 3339")


class RunPage(Page):
    """Reconciliations, newest first."""

    items: list[RunOut]


class DiscrepancyOut(BaseModel):
    """One disagreement; `id` is the same in every run that finds it again.

    `since_block` is the block of the first run of the unbroken series that found it. `expected` is
    what the books say, `actual` what was found instead. Severity and owner are null in runs that
    are older than the register.
    """

    id: HashOut
    kind: str
    subject: str
    expected: str
    actual: str
    evidence: list[str]
    since_block: int
    severity: str | None
    owner: str | None
    asset: AddressOut | None
    transaction_hash: HashOut | None
    block_number: int | None
    block_hash: HashOut | None
    log_index: int | None
    entry_id: HashOut | None


class DiscrepancyPage(Page):
    """What one run found, at its `block`; `run` is null while there was none."""

    run: int | None
    items: list[DiscrepancyOut]


class ExplanationOut(BaseModel):
    """Why a discrepancy is right as it is, by the person who says so."""

    maker: str
    text: str


class TransitionOut(BaseModel):
    """One step in the life of a discrepancy: by a run, or by a person. `at` is chain time."""

    status: str
    at: int
    run: int | None
    by: str | None
    entry_id: HashOut | None
    explanation: ExplanationOut | None
    recorded_at: str = Field(description="UTC, RFC 3339")


class RegisteredOut(BaseModel):
    """A discrepancy that was ever found, and where it stands.

    `open`: found by the newest whole run. `explained`: an explanation waits for a second person.
    `absent`: found no more, and nobody has said why. `resolved`: by an entry, or by an explanation
    that a second person accepted. `age_days` is a bucket, by chain time.
    """

    id: HashOut
    kind: str
    severity: str
    owner: str
    status: str
    subject: str
    asset: AddressOut | None
    expected: str
    actual: str
    evidence: list[str]
    transaction_hash: HashOut | None
    block_number: int | None
    block_hash: HashOut | None
    log_index: int | None
    entry_id: HashOut | None
    first_run: int
    first_block: int
    last_run: int
    last_block: int
    opened_at: int
    age_days: str
    runbook: str
    reproduce: str
    explanation: ExplanationOut | None


class RegisterPage(Page):
    """The register, most severe first, then oldest."""

    items: list[RegisteredOut]


class HistoryOut(OfSettlement):
    """A discrepancy with everything that became of it."""

    discrepancy: RegisteredOut
    history: list[TransitionOut]
