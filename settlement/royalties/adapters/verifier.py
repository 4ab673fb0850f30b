"""The verifier as a program of its own, isolated and without site packages."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settlement.errors import VerifierUnavailable

_EXIT_OK, _EXIT_DIFFERS = 0, 1
_URL_VARIABLE = "QUITTANCE_VERIFIER_RPC"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierProgram:
    """How to run the verifier; with a URL it asks that node, which its command line does not show.

    `environ` is what the program inherits.
    """

    interpreter: Path
    script: Path
    timeout_s: int
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str | None = field(default=None, repr=False)

    def run(self, *arguments: str) -> "Answer":
        """Run it to a verdict.

        Raises:
            VerifierUnavailable: it could not be run, took too long, or gave no verdict.
        """
        words = [str(self.interpreter), "-I", "-S", str(self.script), *arguments, "--json"]
        environ = dict(self.environ)
        if self.url is not None:
            words += ["--rpc", f"env:{_URL_VARIABLE}"]
            environ[_URL_VARIABLE] = self.url
        command = " ".join(words)
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell
                words,
                capture_output=True,
                check=False,
                text=True,
                timeout=self.timeout_s,
                env=environ,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifierUnavailable(command, str(error)) from error
        if done.returncode not in (_EXIT_OK, _EXIT_DIFFERS):
            cause = (done.stdout + done.stderr).strip()[-500:]
            raise VerifierUnavailable(command, f"exit {done.returncode}: {cause}")
        return _answer(done.stdout, done.returncode == _EXIT_OK, command)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the verifier said; `result` is `OK`, or its first finding."""

    is_ok: bool
    result: str
    root: str
    fields: Mapping[str, Any]


def _answer(output: str, is_ok: bool, command: str) -> Answer:
    try:
        fields: dict[str, Any] = json.loads(output)
        result, root = str(fields["result"]), str(fields["root"])
    except (ValueError, KeyError, TypeError) as error:
        raise VerifierUnavailable(command, f"not the agreed answer: {output[:200]!r}") from error
    if is_ok is not (result == "OK"):
        raise VerifierUnavailable(command, f"its exit code says {is_ok}, its result {result!r}")
    return Answer(is_ok, result, root, fields)
