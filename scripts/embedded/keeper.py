"""The process between an owner and its server; `launch.py` runs this file by its path.

It runs the server as its child and shuts it down when the owner wants it or is gone. Three things
end the wait: a byte or the end of the owner's pipe (our standard input), a new parent (the owner
died, but a process that it forked still holds the pipe open), or a signal to ourselves. The server
gets its own stop signal, then SIGQUIT, then SIGKILL.

On Linux the server gets the stop signal also when this process is killed. The kernel sends that
when the starting *thread* ends, which is why this is a process of its own with one thread.

Uses the standard library only, and is run by the owner's interpreter in isolated mode: the server
may be under an account that can read neither the interpreter nor our code.
"""

import argparse
import ctypes
import os
import pwd
import select
import signal
import subprocess
import sys
from collections.abc import Callable

ORDERLY_STOP_S = 20
QUICK_STOP_S = 5
OWNER_POLL_S = 1.0
OWNER_PIPE = 0
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the server until it ends or is unwanted; return its exit code, as a shell does."""
    arguments = _arguments()
    stop_signal = signal.Signals(arguments.stop_signal)
    wakeups = _signal_pipe()
    server = _start(arguments, stop_signal)
    while server.poll() is None and not _unwanted(wakeups, arguments.owner):
        pass
    shut_down(server, ((stop_signal, ORDERLY_STOP_S), (signal.SIGQUIT, QUICK_STOP_S)))
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def shut_down(
    server: "subprocess.Popen[bytes]", steps: tuple[tuple[signal.Signals, float], ...]
) -> None:
    """Send each signal and wait its seconds for the server to end; at last SIGKILL."""
    for number, patience_s in steps:
        server.send_signal(number)  # does nothing if it has ended
        try:
            server.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return
    server.kill()
    server.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, required=True, help="process id of the owner")
    parser.add_argument("--stop-signal", type=int, required=True)
    parser.add_argument("--lock", type=int, required=True, help="descriptor that the server holds")
    parser.add_argument("--account", help="user that the server runs as, if not ours")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def _signal_pipe() -> int:
    """Turn signals into bytes of a pipe, so that one `select` waits for everything."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def _start(arguments: argparse.Namespace, stop_signal: signal.Signals) -> "subprocess.Popen[bytes]":
    account = pwd.getpwnam(arguments.account) if arguments.account else None
    return subprocess.Popen(  # noqa: S603  the command is the owner's
        arguments.command,
        stdin=subprocess.DEVNULL,
        env={"LC_ALL": "C", "PATH": os.defpath, "HOME": os.getcwd()},
        pass_fds=(arguments.lock,),
        umask=0o077,
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and (),
        # One thread here, so running Python between fork and exec is safe. The kernel forgets the
        # setting when the user changes; CPython calls this after that.
        preexec_fn=_ending_with_parent(stop_signal) if sys.platform == "linux" else None,  # noqa: PLW1509
    )


def _ending_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    keeper = os.getpid()
    prctl = ctypes.CDLL(None).prctl

    def before_exec() -> None:
        if prctl(PR_SET_PDEATHSIG, int(stop_signal)) != 0 or os.getppid() != keeper:
            os._exit(127)

    return before_exec


def _unwanted(wakeups: int, owner: int) -> bool:
    ready, _, _ = select.select([OWNER_PIPE, wakeups], [], [], OWNER_POLL_S)
    received = set(os.read(wakeups, 64)) if wakeups in ready else set()
    return (
        OWNER_PIPE in ready
        or os.getppid() != owner
        or not received.isdisjoint({signal.SIGTERM, signal.SIGINT})
    )


if __name__ == "__main__":
    sys.exit(main())
