"""One owner per server directory, by two file locks.

`owner.lock` is held by the owner alone: while it lives, a second owner is refused at once.
`server.lock` is passed on to keeper and server, and is free when the last of them has ended: so a
new owner that follows a killed one waits until the old server has shut down. Both are flocks,
which the kernel releases with the process, whatever ends it. They lie in the server's directory.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.embedded.places import Account, make_server_directory
from scripts.errors import DirectoryInUse, DirectoryUnusable

# Longer than a keeper gives its server to shut down.
OLD_SERVER_PATIENCE_S = 30.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedDirectory:
    """A directory that no other process uses, while the context that made it lasts."""

    path: Path
    account: Account | None
    server_lock: int  # file descriptor, for keeper and server to hold


@contextmanager
def sole_owner(directory: Path, account: Account | None) -> Iterator[OwnedDirectory]:
    """Make the directory of one server and own it.

    Args:
        directory: The server's folder; its parents are made too.
        account: The account that the server will run as, None for our own.

    Raises:
        DirectoryInUse: Another process owns it, or its server did not stop.
        DirectoryUnusable: It cannot be made or reached.
    """
    path = directory.absolute()
    make_server_directory(path, account)
    with (
        _locked(path / "owner.lock", f"process {os.getpid()}", patience_s=0),
        _locked(
            path / "server.lock",
            f"the server of process {os.getpid()}",
            patience_s=OLD_SERVER_PATIENCE_S,
        ) as server_lock,
    ):
        yield OwnedDirectory(path=path, account=account, server_lock=server_lock)


@contextmanager
def _locked(lock_file: Path, holder: str, *, patience_s: float) -> Iterator[int]:
    """Hold the lock and say who does.

    The file stays in the end: if it were removed, two processes could each lock a file of its name.
    """
    try:
        lock = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DirectoryUnusable(lock_file, error.strerror or str(error)) from error
    try:
        if not _acquired(lock, patience_s):
            other = os.pread(lock, 100, 0).decode() or "another process"
            raise DirectoryInUse(lock_file.parent, other)
        os.ftruncate(lock, 0)
        os.pwrite(lock, holder.encode(), 0)
        yield lock
    finally:
        os.close(lock)


def _acquired(lock: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
        else:
            return True
