"""The replay node as a process of its own, and what processes take, as the kernel tells it."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_SAMPLE_S = 0.05
_SHARED_EVERY = 5  # proportional sizes cost the kernel a walk over all pages
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A replay node that listens."""

    url: str
    process_id: int

    def call(self, method: str, *params: object) -> Any:
        """The result."""
        return self._reply(method, params)["result"]

    def error(self, method: str, *params: object) -> Any:
        """The error."""
        return self._reply(method, params)["error"]

    def _reply(self, method: str, params: tuple[object, ...]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        request = urllib.request.Request(self.url, body.encode())  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def running_node(directory: Path, *, latency_ms: int = 0) -> Iterator[RunningNode]:
    command = [sys.executable, "-m", "tests.bench.replay_node", str(directory)]
    command += ["--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the node has no output")
            port = json.loads(process.stdout.readline())["port"]
            yield RunningNode(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()


def cpu_s(process_id: int) -> float:
    """CPU seconds of a process and of all its descendants, ended ones included."""
    spent = 0
    for one in family(process_id):
        fields = _stat(one)
        spent += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return spent / _TICKS


def family(process_id: int) -> list[int]:
    """A process and its living descendants."""
    found = [process_id]
    for one in found:
        for task in _entries(Path(f"/proc/{one}/task")):
            found += [int(child) for child in _text(task / "children").split()]
    return found


@dataclass(slots=True)
class PeakMemory:
    """The most that a process and its descendants held at one time, in bytes.

    `resident` counts shared pages once for each process; `proportional` counts them once.
    """

    resident: int = 0
    proportional: int = 0
    processes: int = 0
    samples: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self, process_id: int) -> Iterator[None]:
        thread = threading.Thread(target=self._watch, args=(process_id,))
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def _watch(self, process_id: int) -> None:
        following = time.monotonic()
        while not self._stopped.is_set():
            members = family(process_id)
            self.processes = max(self.processes, len(members))
            self.resident = max(self.resident, sum(map(_resident, members)))
            if self.samples % _SHARED_EVERY == 0:
                self.proportional = max(self.proportional, sum(map(_proportional, members)))
            self.samples += 1
            following += _SAMPLE_S
            self._stopped.wait(max(0.0, following - time.monotonic()))


def _resident(process_id: int) -> int:
    fields = _text(Path(f"/proc/{process_id}/statm")).split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


def _proportional(process_id: int) -> int:
    for line in _text(Path(f"/proc/{process_id}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _stat(process_id: int) -> list[str]:
    fields = _text(Path(f"/proc/{process_id}/stat")).rpartition(")")[2].split()
    return fields or ["0"] * 15


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # the process has ended


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # the process has ended
