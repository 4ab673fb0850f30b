"""A file of a bundle that is too large to hold: written piece by piece, and digested on the way."""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from contracts.evm import Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """A whole file on disk, and what `bundle.json` says of it."""

    path: Path
    digest: Hash32
    size_bytes: int


def write_pieces(path: Path, pieces: Iterable[bytes]) -> WrittenFile:
    """Write a file, or nothing: it has its name only once all of it is on disk.

    A file of that name is replaced. Pieces that fail to come leave nothing behind.
    """
    digest, size_bytes = sha256(), 0
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                digest.update(piece)
                size_bytes += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).rename(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return WrittenFile(path=path, digest=Hash32(digest.digest()), size_bytes=size_bytes)
