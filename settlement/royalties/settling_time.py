"""How long after its end an epoch can be paid, at the earliest and without a veto.

    end ── grace ──► reference block ── finality lag ──► computed ── approval ──► commit
        ── veto window ──► active: creators withdraw

Creators are told that it takes a day. Grace and veto window are immutable in the contracts, the lag
is the chain's; what of the day is left has to do for the guardians, whose verifier may run that
long.
"""

from dataclasses import dataclass

LIMIT_S = 86_400
APPROVAL_S = 3_600
"""What guardians are given: as long as the verifier of an epoch may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlingTime:
    """What passes between the end of an epoch and its activation, in seconds."""

    grace_s: int
    finality_lag_s: int
    veto_window_s: int
    approval_s: int = APPROVAL_S

    @property
    def total_s(self) -> int:
        """All of it."""
        return self.grace_s + self.finality_lag_s + self.approval_s + self.veto_window_s

    @property
    def fits(self) -> bool:
        """Whether it is done within a day."""
        return self.total_s <= LIMIT_S

    def __str__(self) -> str:
        return (
            f"grace {self.grace_s} s + finality lag {self.finality_lag_s} s"
            f" + approval {self.approval_s} s + veto window {self.veto_window_s} s"
            f" = {self.total_s} s"
        )
