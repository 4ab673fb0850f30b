"""What contracts held when an epoch ended, read from the state of its boundary block."""

from dataclasses import dataclass

from reconciliation.adapters.state_proofs import ProvenReadings
from reconciliation.reading import Reading
from reconciliation.solvency import Subject


@dataclass(frozen=True, slots=True)
class NodeReserves:
    """Serves `state_solvency.Reserves` from one endpoint."""

    readings: ProvenReadings

    def reserve(self, subject: Subject) -> Reading | None:
        """What the subject's contract held at its block.

        Raises:
            ChainUnavailable: the node does not answer, or has that state no more.
            BadAnswer: what should be a token answers something else.
        """
        return self.readings.balance(subject.asset, subject.contract, subject.block)
