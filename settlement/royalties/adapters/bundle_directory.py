"""A bundle in a directory: written all at once, read back, and verified by the verifier."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from settlement.errors import BundleExists
from settlement.royalties.adapters.verifier import VerifierProgram
from settlement.royalties.approve import VerifierReport

_MANIFEST = "manifest.json"


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
    program: VerifierProgram

    def manifest(self) -> bytes:
        """The bytes of the manifest."""
        return self.bundle.manifest()

    def verify(self) -> VerifierReport:
        """Run the verifier.

        Raises:
            VerifierUnavailable: it could not be run, took too long, or gave no verdict.
        """
        answer = self.program.run(str(self.bundle.directory))
        return VerifierReport(
            is_ok=answer.is_ok,
            manifest_digest=str(answer.fields.get("manifest_digest")),
            root=answer.root,
            difference="" if answer.is_ok else answer.result,
        )
