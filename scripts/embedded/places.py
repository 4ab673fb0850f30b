"""Where embedded servers keep their files, and the account that owns them.

Postgres refuses to run as root. Started by root it therefore runs as `nobody`, and its files must
be in folders that `nobody` can enter. We never widen the mode of a parent folder: one that is
closed is an error that names it. The folder of a server stays ours; only the parts that the server
writes (data, sockets) are given to its account, so that it cannot plant links where root writes.

Does not read the environment: `data_directory` is given the mapping.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import DirectoryUnusable

UNPRIVILEGED_ACCOUNT = "nobody"
# sun_path has 108 bytes on Linux, 104 on macOS, one of them for the closing zero.
SOCKET_PATH_BYTES_MAX = 103
# Short on every platform, unlike the temporary folder of a macOS user.
SHORT_ROOT = Path("/tmp")  # noqa: S108  the folder made below is private and checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine that a server runs as."""

    name: str
    user_id: int
    group_id: int


def server_account() -> Account | None:
    """The account that a server must drop to, or None if it can stay who we are."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
    return Account(name=entry.pw_name, user_id=entry.pw_uid, group_id=entry.pw_gid)


def data_directory(environ: Mapping[str, str], *, user_id: int | None = None) -> Path:
    """The absolute folder of everything that must survive a restart. It is not created here.

    Args:
        environ: The environment; `QUITTANCE_DATA_DIR` wins, then the user's XDG data folder.
        user_id: Who asks; by default the effective user. Root gets a folder that other
            accounts can reach.
    """
    if chosen := environ.get("QUITTANCE_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    asking = os.geteuid() if user_id is None else user_id
    if asking == 0:
        return Path("/var/lib/quittance")
    shared = environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(shared):  # the XDG specification: a relative path is ignored
        return Path(shared) / "quittance"
    home = environ.get("HOME") or pwd.getpwuid(asking).pw_dir
    return Path(home) / ".local" / "share" / "quittance"


def may_enter(folder: os.stat_result, account: Account) -> bool:
    """Whether the mode bits let the account search a folder. It has no supplementary groups."""
    if folder.st_uid == account.user_id:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == account.group_id:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def closed_parent(path: Path, account: Account) -> Path | None:
    """The highest folder above `path` that the account cannot enter, or None."""
    for parent in reversed(path.resolve().parents):
        if not may_enter(parent.stat(), account):
            return parent
    return None


def make_directory(directory: Path, mode: int = 0o777) -> None:
    """Make a folder and its parents, where they are not there; what is there stays as it is.

    Raises:
        DirectoryUnusable: It cannot be made.
    """
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise DirectoryUnusable(directory, error.strerror or str(error)) from error


def make_server_directory(directory: Path, account: Account | None) -> None:
    """Make the folder of one server: ours, closed to others except for passing through.

    Raises:
        DirectoryUnusable: It cannot be made, is not ours, or the account cannot reach it.
    """
    mode = 0o700 if account is None else 0o711
    try:
        for folder in reversed([directory, *directory.parents]):
            if not folder.exists():
                folder.mkdir(exist_ok=True)
                folder.chmod(mode)  # whatever the umask says
        if (owner := directory.stat().st_uid) != os.geteuid():
            raise DirectoryUnusable(directory, f"it belongs to {_user_name(owner)}")
        directory.chmod(mode)
    except OSError as error:
        raise DirectoryUnusable(directory, error.strerror or str(error)) from error
    if account is not None and (closed := closed_parent(directory, account)):
        closed_mode = stat.S_IMODE(closed.stat().st_mode)
        raise DirectoryUnusable(
            directory,
            f"started by root, the server runs as {account.name}, "
            f"which cannot enter {closed} (mode {closed_mode:04o})",
        )


def make_private_directory(path: Path, account: Account | None) -> None:
    """Make a folder that only the server's account may enter (mode 0700), or take one over.

    Raises:
        DirectoryUnusable: Something else is there, or it belongs to a third account.
    """
    allowed = {os.geteuid()} if account is None else {os.geteuid(), account.user_id}
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise DirectoryUnusable(path, error.strerror or str(error)) from error
    try:
        owner = os.fstat(folder).st_uid
        if owner not in allowed:
            raise DirectoryUnusable(path, f"it belongs to {_user_name(owner)}")
        os.fchmod(folder, 0o700)
        if account is not None:
            os.fchown(folder, account.user_id, account.group_id)
    finally:
        os.close(folder)


def socket_directory(directory: Path, socket_name: str) -> Path:
    """The folder for a server's socket: in its directory, or a short one if that will not do.

    The kernel limits the length of a socket's path, and Postgres and its clients read a comma or a
    quote in it as a list. The short folder's name is a function of directory and user, so a crash
    leaves at most one behind, and the next start uses it again.
    """
    inside = directory / "socket"
    is_short = len(os.fsencode(inside / socket_name)) <= SOCKET_PATH_BYTES_MAX
    if is_short and not {",", '"'} & set(str(inside)):
        return inside
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return SHORT_ROOT / f"quittance-{os.geteuid()}-{digest}"


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"the user with id {user_id}"


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A temporary folder that a server's account can reach; removed in the end.

    A folder of `tempfile` alone would not do for root: its mode is 0700.
    """
    folder = Path(tempfile.mkdtemp(prefix="quittance-", dir=SHORT_ROOT))
    try:
        folder.chmod(0o700 if server_account() is None else 0o711)
        yield folder
    finally:
        shutil.rmtree(folder)
