"""A bundle in a directory: written all at once, read back, and verified by the verifier."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settlement.errors import BundleExists, VerifierUnavailable
from settlement.royalties.approve import VerifierReport

_MANIFEST = "manifest.json"
_EXIT_OK, _EXIT_MISMATCH = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierCommand:
    """How to run the verifier; it runs isolated, without site packages."""

    interpreter: Path
    script: Path
    timeout_s: int

    def arguments(self, directory: Path) -> list[str]:
        """The command line for one bundle."""
        return [str(self.interpreter), "-I", "-S", str(self.script), str(directory), "--json"]


@dataclass(frozen=True, slots=True)
class BundleDirectory:
    """One bundle's directory."""

    directory: Path

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write all files or none, by renaming a finished directory into place.

        Raises:
            BundleExists: the directory is there, with other files.
        """
        if self.directory.exists():
            self._check_holds(files)
            return
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=self.directory.parent, prefix=f".{self.directory.name}-"
        ) as scratch:
            unfinished = Path(scratch) / "bundle"
            unfinished.mkdir()
            for name, data in files.items():
                with (unfinished / name).open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            self._rename(unfinished, files)

    def manifest(self) -> bytes:
        """The bytes of the manifest."""
        return (self.directory / _MANIFEST).read_bytes()

    def _rename(self, unfinished: Path, files: Mapping[str, bytes]) -> None:
        try:
            unfinished.rename(self.directory)
        except OSError:  # another process was faster
            self._check_holds(files)

    def _check_holds(self, files: Mapping[str, bytes]) -> None:
        there = {path.name for path in self.directory.iterdir()}
        for name in sorted(there ^ files.keys()):
            raise BundleExists(str(self.directory), name)
        for name, data in files.items():
            if (self.directory / name).read_bytes() != data:
                raise BundleExists(str(self.directory), name)


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """A bundle that can be verified, as `approve.Bundle`."""

    bundle: BundleDirectory
    command: VerifierCommand

    def manifest(self) -> bytes:
        """The bytes of the manifest."""
        return self.bundle.manifest()

    def verify(self) -> VerifierReport:
        """Run the verifier.

        Raises:
            VerifierUnavailable: it could not be run, took too long, or gave no verdict.
        """
        arguments = self.command.arguments(self.bundle.directory)
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell
                arguments,
                capture_output=True,
                check=False,
                text=True,
                timeout=self.command.timeout_s,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifierUnavailable(" ".join(arguments), str(error)) from error
        if done.returncode not in (_EXIT_OK, _EXIT_MISMATCH):
            cause = (done.stdout + done.stderr).strip()[-500:]
            raise VerifierUnavailable(" ".join(arguments), f"exit {done.returncode}: {cause}")
        return _report(done.stdout, done.returncode, " ".join(arguments))


def _report(output: str, exit_code: int, command: str) -> VerifierReport:
    try:
        answer: dict[str, Any] = json.loads(output)
        result = str(answer["result"])
        digest, root = str(answer["manifest_digest"]), str(answer["root"])
    except (ValueError, KeyError, TypeError) as error:
        raise VerifierUnavailable(command, f"not the agreed answer: {output[:200]!r}") from error
    is_ok = exit_code == _EXIT_OK and result == "OK"
    return VerifierReport(
        is_ok=is_ok,
        manifest_digest=digest,
        root=root,
        difference="" if is_ok else result,
    )
