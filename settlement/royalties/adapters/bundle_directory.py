"""A bundle in a directory: written all at once, read back, and verified by the verifier."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

from contracts.evm import Hash32
from settlement.errors import BundleExists
from settlement.royalties.adapters.shard_bundle import write_pieces
from settlement.royalties.adapters.verifier import VerifierProgram
from settlement.royalties.approve import VerifierReport
from settlement.royalties.bundle import index_file

_INDEX, _MANIFEST = "bundle.json", "manifest.json"


@dataclass(frozen=True, slots=True)
class BundleDirectory:
    """One bundle's directory."""

    directory: Path

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write all files or none, by renaming a finished directory into place.

        Raises:
            BundleExists: the directory is there, with other files.
        """
        with self._scratch() as unfinished:
            for name, data in files.items():
                write_pieces(unfinished / name, [data])
            self._place(unfinished)

    def write_pieces(self, pieces: Mapping[str, Iterable[bytes]], manifest_digest: Hash32) -> None:
        """Write files that come in pieces, and `bundle.json` with their digests, or none.

        Raises:
            BundleExists: the directory is there, with other files.
        """
        with self._scratch() as unfinished:
            digests = {
                name: write_pieces(unfinished / name, of_file).digest
                for name, of_file in pieces.items()
            }
            write_pieces(unfinished / _INDEX, [index_file(digests, manifest_digest)])
            self._place(unfinished)

    def manifest(self) -> bytes:
        """The bytes of the manifest."""
        return (self.directory / _MANIFEST).read_bytes()

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A directory beside the bundle's, on the same file system."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=self.directory.parent, prefix=f".{self.directory.name}-"
        ) as scratch:
            unfinished = Path(scratch) / "bundle"
            unfinished.mkdir()
            yield unfinished

    def _place(self, finished: Path) -> None:
        """Give the finished directory its name, unless a directory with equal files has it."""
        if not self.directory.exists():
            try:
                finished.rename(self.directory)
            except OSError:
                pass  # another process was faster
            else:
                return
        there = {path.name for path in self.directory.iterdir()}
        for name in sorted(there ^ {path.name for path in finished.iterdir()}):
            raise BundleExists(str(self.directory), name)
        for name in sorted(there):
            if not cmp(self.directory / name, finished / name, shallow=False):
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
