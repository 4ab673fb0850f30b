"""An epoch recomputed by the verifier from the watcher's node, without any bundle."""

from dataclasses import dataclass
from pathlib import Path

from contracts.evm import Epoch
from settlement.royalties.adapters.verifier import VerifierProgram
from settlement.royalties.watch import Recomputed


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierFromChain:
    """The verifier with a node, and the address book that names the settlement."""

    program: VerifierProgram
    addresses: Path
    settlement: str

    def of(self, epoch: Epoch) -> Recomputed:
        """Recompute an epoch and compare it with its commitment.

        Raises:
            VerifierUnavailable: it could not be run, took too long, or gave no verdict.
        """
        answer = self.program.run(
            *("--settlement", str(self.addresses), "--name", self.settlement),
            *("--epoch", str(epoch)),
        )
        return Recomputed(
            is_equal=answer.is_ok,
            root=answer.root,
            difference="" if answer.is_ok else answer.result,
        )
