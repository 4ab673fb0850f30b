"""Failures of reservations; the branches are those of `settlement.errors`."""

from contracts.evm import Hash32
from settlement.errors import Rejected, Transient


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
