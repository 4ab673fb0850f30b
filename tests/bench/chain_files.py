"""A chain as files: answers that only need to be cut out, and digests of what an index must hold.

logs.json       the bench's eth_getLogs, one log after the other, each after a comma
receipts.json   eth_getBlockReceipts of every block
headers.json    eth_getBlockByNumber of every block, with hashes of transactions
blocks.json     the same with whole transactions
*.npy           where each block begins in the file of that name
hashes.bin      32 bytes a block
chain.json      shape, version of the generator, expected rows; written last
"""

import hashlib
import json
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.yardstick import Shape

VERSION = 2
SEGMENTS = ("logs", "receipts", "headers", "blocks")
MANIFEST = "chain.json"


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a table must have, and the digest of them all, as text in key order."""

    count: int
    sha256: str


class RowsDigest:
    """Digests rows as Postgres writes them with COPY (bytes as hexadecimal text)."""

    def __init__(self) -> None:
        self._digest, self._count = hashlib.sha256(), 0

    def add(self, *values: bytes | int) -> None:
        texts = (value.hex() if isinstance(value, bytes) else str(value) for value in values)
        self._digest.update(("\t".join(texts) + "\n").encode())
        self._count += 1

    @property
    def rows(self) -> Rows:
        return Rows(self._count, self._digest.hexdigest())


class SegmentWriter:
    """One file, and where each block's part begins."""

    def __init__(self, directory: Path, name: str) -> None:
        self._path, self._ends = directory / name, [0]
        self._file = self._path.with_suffix(".json").open("wb")

    def add(self, part: str) -> None:
        self._ends.append(self._ends[-1] + self._file.write(part.encode()))

    def close(self) -> None:
        self._file.close()
        np.save(self._path.with_suffix(".npy"), np.array(self._ends, dtype=np.int64))


class Segment:
    """The answers of one kind, mapped into memory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._starts: list[int] = np.load(directory / f"{name}.npy").tolist()
        with (directory / f"{name}.json").open("rb") as file:
            self._content = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))

    def of(self, first: int, last: int) -> memoryview:
        """The parts of these blocks, both ends included."""
        return self._content[self._starts[first] : self._starts[last + 1]]


class ChainFiles:
    """A chain that was built."""

    def __init__(self, directory: Path) -> None:
        manifest = json.loads((directory / MANIFEST).read_text())
        self.directory = directory
        self.shape = Shape(**manifest["shape"])
        self.expected = {name: Rows(**rows) for name, rows in manifest["expected"].items()}
        self.hashes = (directory / "hashes.bin").read_bytes()
        self.segments = {name: Segment(directory, name) for name in SEGMENTS}

    def block_hash(self, number: int) -> bytes:
        return self.hashes[32 * number : 32 * (number + 1)]


class Writers:
    """All files of a chain that is being built."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.segments = {name: SegmentWriter(directory, name) for name in SEGMENTS}
        self.hashes: list[bytes] = []
        self.expected = {
            name: RowsDigest() for name in ("block", "transfer", "approval", "balance")
        }

    def finish(self, shape: Shape) -> None:
        for segment in self.segments.values():
            segment.close()
        (self._directory / "hashes.bin").write_bytes(b"".join(self.hashes))
        rows = {name: asdict(digest.rows) for name, digest in self.expected.items()}
        manifest: dict[str, Any] = {"version": VERSION, "shape": asdict(shape), "expected": rows}
        (self._directory / MANIFEST).write_text(json.dumps(manifest, indent=2))


def is_built(directory: Path, shape: Shape) -> bool:
    """Whether the directory holds this chain, from this version of the generator."""
    path = directory / MANIFEST
    if not path.exists():
        return False
    manifest = json.loads(path.read_text())
    return bool(manifest["version"] == VERSION and manifest["shape"] == asdict(shape))


@contextmanager
def writers(directory: Path, shape: Shape) -> Iterator[Writers]:
    """Files of a new chain; they count as built only if nothing is raised."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MANIFEST).unlink(missing_ok=True)
    files = Writers(directory)
    yield files
    files.finish(shape)
