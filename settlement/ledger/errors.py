"""Failures of reservations, manual entries, periods and seals.

The branches are those of `settlement.errors`.
"""

from contracts.evm import Hash32
from settlement.errors import Corrupt, Rejected, Transient


class NothingToReserve(Rejected):
    """A payout was planned for a leaf with no posted balance, or one that is unknown.

    Source: `ledger.reserve`. Effect: nothing is written.
    """

    def __init__(self, op_id: Hash32) -> None:
        super().__init__(f"no posted balance to reserve for operation {op_id}")
        self.op_id = op_id


class PlanOutdated(Transient):
    """The books moved on between the reading of what is owed and its plan.

    Source: `ledger.reserve`. Effect: nothing is planned; the next plan reads the books anew.
    """

    def __init__(self, op_id: Hash32, *, planned: int, settled: int) -> None:
        super().__init__(
            f"leaf {op_id}: lines {settled:#b} are settled, the plan found {planned:#b}"
        )
        self.op_id = op_id


class NoOpenReservation(Rejected):
    """A reservation that is unknown or already posted cannot be voided.

    Source: `ledger.reserve`. Effect: nothing is written.
    """

    def __init__(self, op_id: Hash32, attempt: int) -> None:
        super().__init__(f"operation {op_id}, attempt {attempt}: no open reservation to void")
        self.op_id, self.attempt = op_id, attempt


class ManualRefused(Rejected):
    """A manual entry that must not be made, or not by this person.

    Source: `ledger.manual`. Effect: nothing is written.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"manual entry refused: {problem}")
        self.problem = problem


class UnknownManual(Rejected):
    """No manual entry of this id was proposed for the book."""

    def __init__(self, manual_id: Hash32) -> None:
        super().__init__(f"no manual entry {manual_id} was proposed for this book")
        self.manual_id = manual_id


class AlreadyDecided(Rejected):
    """A manual entry was decided before, otherwise or by somebody else.

    Source: `ledger.manual`. Effect: the decision stays.
    """

    def __init__(self, manual_id: Hash32, decision: str, checker: str) -> None:
        super().__init__(f"manual entry {manual_id} was {decision} by {checker} before")
        self.manual_id = manual_id


class PeriodRefused(Rejected):
    """A month that cannot be closed: not over, not the next one, or not a month.

    Source: `ledger.periods`. Effect: nothing is closed.
    """

    def __init__(self, period: int, why: str) -> None:
        super().__init__(f"period {period} cannot be closed: {why}")
        self.period = period


class JournalDiffers(Corrupt):
    """The journal is not what was sealed, or not what its own rows say.

    Source: `ledger.sealing`. Effect: nothing is numbered or sealed.
    """

    def __init__(self, what: str, *, expected: object, actual: object) -> None:
        super().__init__(f"{what} is {actual}, expected {expected}")
        self.what, self.expected, self.actual = what, expected, actual
