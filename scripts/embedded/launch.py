"""Start a server under a keeper, wait until it is ready, stop it: the owner's side.

Keeper and server are in a session of their own, so Ctrl-C in a terminal reaches the owner only, and
the server is still there while the owner finishes. May be called from any thread.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scripts.embedded import keeper
from scripts.embedded.ownership import OwnedDirectory
from scripts.errors import ServerFailed

log = logging.getLogger(__name__)

T = TypeVar("T")

POLL_S = 0.02
# The keeper's patience with the server, and a little more.
STOP_S = keeper.ORDERLY_STOP_S + keeper.QUICK_STOP_S + 5
LAST_LINES_MAX = 8
LAST_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a keeper runs; `name` is also the name of its log file."""

    name: str
    command: tuple[str, ...]
    stop_signal: signal.Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProgram:
    """A program that runs under a keeper."""

    name: str
    log_file: Path
    keeper: "subprocess.Popen[bytes]"

    def wait_for(self, probe: Callable[[], T | None], *, limit_s: float) -> T:
        """The first answer of `probe` that is true in the sense of Python.

        Raises:
            ServerFailed: The program ended first, or the time limit passed.
        """
        deadline = time.monotonic() + limit_s
        while not (answer := probe()):
            if self.keeper.poll() is not None:
                raise self._failed(f"ended with code {self.keeper.returncode} while starting")
            if time.monotonic() >= deadline:
                raise self._failed(f"was not ready within {limit_s:g} s")
            time.sleep(POLL_S)
        return answer

    def wait_for_success(self, *, limit_s: float) -> None:
        """Return when a program that ends by itself has ended with code 0.

        Raises:
            ServerFailed: It ended with another code, or the time limit passed.
        """
        try:
            code = self.keeper.wait(limit_s)
        except subprocess.TimeoutExpired as error:
            raise self._failed(f"did not end within {limit_s:g} s") from error
        if code != 0:
            raise self._failed(f"ended with code {code}")

    def _failed(self, what: str) -> ServerFailed:
        return ServerFailed(self.name, what, self.log_file, last_lines(self.log_file))


@contextmanager
def kept(program: Program, place: OwnedDirectory) -> Iterator[KeptProgram]:
    """Run a program under a keeper for as long as the context lasts.

    Its output goes to `<name>.log` in the directory; the previous run's is kept as `<name>.log.1`.
    """
    log_file = place.path / f"{program.name}.log"
    process = _start_keeper(program, place, log_file)
    try:
        yield KeptProgram(name=program.name, log_file=log_file, keeper=process)
    finally:
        _stop(program, process)


def last_lines(log_file: Path) -> str:
    """The end of a log: at most eight lines and 4 KiB."""
    with log_file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - LAST_BYTES_MAX))
        lines = stream.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-LAST_LINES_MAX:])


def _start_keeper(
    program: Program, place: OwnedDirectory, log_file: Path
) -> "subprocess.Popen[bytes]":
    account = ("--account", place.account.name) if place.account else ()
    with suppress(FileNotFoundError):
        log_file.replace(log_file.with_name(log_file.name + ".1"))
    output = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603  the command is made of our own constants and paths
            # -I and -S: nothing but the standard library, whatever the folder and environment.
            [
                *(sys.executable, "-I", "-S", keeper.__file__),
                *("--owner", str(os.getpid()), "--lock", str(place.server_lock)),
                *("--stop-signal", str(int(program.stop_signal)), *account),
                *("--", *program.command),
            ],
            bufsize=0,
            stdin=subprocess.PIPE,  # our end is close-on-exec: other children do not hold it open
            stdout=output,
            stderr=output,
            cwd=place.path,
            start_new_session=True,
            pass_fds=(place.server_lock,),
        )
    finally:
        os.close(output)


def _stop(program: Program, process: "subprocess.Popen[bytes]") -> None:
    # A byte, because closing is not the end of the pipe while a forked process holds a copy.
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.write(b"\n")
        process.stdin.close()
    try:
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code != 0:
        log.warning("server ended badly", extra={"server": program.name, "exit_code": code})
