"""One disagreement between chain and books."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Hash32, keccak


class Kind(StrEnum):
    """What disagrees; each kind is found by one check."""

    BALANCE = "balance"
    ACCOUNTED = "accounted"
    PAID_IN = "paid_in"
    REMAINING = "remaining"
    ESCROWED = "escrowed"
    UNALLOCATED = "unallocated"
    ANNOUNCED = "announced"
    UNCLAIMED = "unclaimed"
    PAID_LINES = "paid_lines"
    HOLDS = "holds"
    COMMITMENT = "commitment"
    MANIFEST = "manifest"
    TRIAL_BALANCE = "trial_balance"
    OVERDRAWN = "overdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One disagreement. `expected` is what the books say, `actual` what the chain says.

    Kind and subject name it for ever: the same disagreement has the same id in every run of a
    settlement, also when the amounts have changed since.
    """

    kind: Kind
    subject: str
    expected: str
    actual: str
    evidence: tuple[str, ...]

    @property
    def id(self) -> Hash32:
        """keccak256 of kind and subject."""
        return keccak(f"{self.kind}:{self.subject}".encode())
