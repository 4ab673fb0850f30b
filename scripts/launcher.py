"""Our own processes as children that cannot outlive us.

A child is started with `--until-stdin-closes` and holds the read end of a pipe whose write end only
we have: however we end, the pipe ends, and the child stops as on SIGTERM.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.embedded.launch import last_lines
from scripts.errors import ServerFailed

_STOP_LIMIT_S = 15
_STDIN = 0
OPTION = "--until-stdin-closes"


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """One running `quittance` process."""

    name: str
    log_file: Path
    process: "subprocess.Popen[bytes]"

    def check(self) -> None:
        """Raise if the process ended by itself.

        Raises:
            ServerFailed: with the last lines of its log.
        """
        if self.process.poll() is not None:
            what = f"ended with code {self.process.returncode}"
            raise ServerFailed(self.name, what, self.log_file, last_lines(self.log_file))

    def kill(self) -> None:
        """Kill -9, as a crash would."""
        self.process.kill()
        self._close_pipe()
        self.process.wait()

    def ask_to_stop(self) -> None:
        """Close the pipe, and do not wait."""
        self._close_pipe()

    def stop(self) -> None:
        """Close the pipe and wait; kill what does not stop in time."""
        self._close_pipe()
        try:
            self.process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def _close_pipe(self) -> None:
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()


def start_process(
    command: str, *arguments: str, environ: Mapping[str, str], log_file: Path
) -> ChildProcess:
    """Start `quittance COMMAND ARGUMENTS` in a session of its own; its output goes to the log."""
    with log_file.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "scripts.cli.app", OPTION, command, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=dict(environ),
            start_new_session=True,
        )
    return ChildProcess(command, log_file, process)


@contextmanager
def running_process(
    command: str, *arguments: str, environ: Mapping[str, str], log_file: Path
) -> Iterator[ChildProcess]:
    """A child for as long as the context lasts."""
    child = start_process(command, *arguments, environ=environ, log_file=log_file)
    try:
        yield child
    finally:
        child.stop()


def stop_with_stdin() -> None:
    """In a child: stop as on SIGTERM when the owner's pipe ends."""

    def wait() -> None:
        # Not through `sys.stdin`: its lock, held here, would abort the interpreter's own shutdown.
        while os.read(_STDIN, 1024):
            pass
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGTERM)

    threading.Thread(target=wait, name="owner", daemon=True).start()


def stop_event() -> threading.Event:
    """An event that SIGTERM and SIGINT set; call it from the main thread."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: event.set())
    return event
