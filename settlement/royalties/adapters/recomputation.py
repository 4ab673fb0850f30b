"""The verifier as a program of its own, against the watcher's node, without any bundle."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.evm import Epoch
from settlement.errors import VerifierUnavailable
from settlement.royalties.watch import Recomputed

_EXIT_OK, _EXIT_DIFFERS = 0, 1
_URL_VARIABLE = "QUITTANCE_VERIFIER_RPC"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierFromChain:
    """Runs the verifier isolated, without site packages; the URL is not in its command line."""

    interpreter: Path
    script: Path
    addresses: Path
    settlement: str
    url: str = field(repr=False)
    timeout_s: int
    environ: Mapping[str, str] = field(repr=False)

    def of(self, epoch: Epoch) -> Recomputed:
        """Recompute an epoch and compare it with its commitment.

        Raises:
            VerifierUnavailable: it could not be run, took too long, or gave no verdict.
        """
        arguments = [
            *(str(self.interpreter), "-I", "-S", str(self.script)),
            *("--rpc", f"env:{_URL_VARIABLE}", "--settlement", str(self.addresses)),
            *("--name", self.settlement, "--epoch", str(epoch), "--json"),
        ]
        command = " ".join(arguments)
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell
                arguments,
                capture_output=True,
                check=False,
                text=True,
                timeout=self.timeout_s,
                env={**self.environ, _URL_VARIABLE: self.url},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifierUnavailable(command, str(error)) from error
        if done.returncode not in (_EXIT_OK, _EXIT_DIFFERS):
            cause = (done.stdout + done.stderr).strip()[-500:]
            raise VerifierUnavailable(command, f"exit {done.returncode}: {cause}")
        try:
            answer = json.loads(done.stdout)
            is_equal, result, root = bool(answer["is_ok"]), str(answer["result"]), answer["root"]
        except (ValueError, KeyError, TypeError) as error:
            what = f"not the agreed answer: {done.stdout[:200]!r}"
            raise VerifierUnavailable(command, what) from error
        if is_equal is not (done.returncode == _EXIT_OK):
            raise VerifierUnavailable(command, f"exit {done.returncode}, but is_ok is {is_equal}")
        return Recomputed(is_equal=is_equal, root=str(root), difference="" if is_equal else result)
