"""Processes as children: they stop in order, may be killed, and never outlive their owner.

The child is `quittance schedule`: without its broker it says so, and waits for its end.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.addresses import settlements_to_json
from scripts.errors import ServerFailed
from scripts.launcher import OPTION, ChildProcess, running_process, start_process
from tests.royalties_builders import SETTLEMENT

OWNER = Path(__file__).with_name("launcher_owner.py")
ROOT = OWNER.parents[2]
LIMIT_S = 60

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A settlement, and a queue that does not answer."""
    (tmp_path / "addresses.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = {SETTLEMENT.chain_id}\nname = "test"\nrpc = ["http://127.0.0.1:1"]\n'
        'start_block = 0\naddresses = "addresses.json"\n'
        'finality = { tag = "finalized", depth = 12 }\n'
    )
    return {
        "QUITTANCE_CONFIG": str(config),
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "QUITTANCE_DATA_DIR": str(tmp_path),
        "QUITTANCE_BROKER_URL": "redis://127.0.0.1:1",
    }


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def is_ready(pid: int) -> bool:
    """Whether it handles SIGTERM by now."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (caught,) = (line.split()[1] for line in status if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def started(environ: dict[str, str], directory: Path) -> ChildProcess:
    child = start_process("schedule", environ=environ, log_file=directory / "schedule.log")
    try:
        wait_until(lambda: is_ready(child.process.pid))
    except BaseException:
        child.kill()
        raise
    return child


def test_child__stopped__ends_in_order(environ: dict[str, str], tmp_path: Path) -> None:
    child = started(environ, tmp_path)
    child.check()
    assert os.getsid(child.process.pid) == child.process.pid  # our Ctrl-C does not reach it

    child.stop()

    assert child.process.returncode == 0, child.log_file.read_text()
    assert not is_running(child.process.pid)
    child.stop()  # again is harmless


def test_child__killed__is_gone_at_once(environ: dict[str, str], tmp_path: Path) -> None:
    child = started(environ, tmp_path)

    child.kill()

    assert child.process.returncode == -signal.SIGKILL
    with pytest.raises(ServerFailed, match="schedule ended with code -9"):
        child.check()
    child.stop()


def test_child__ends_by_itself__check_shows_its_last_lines(
    environ: dict[str, str], tmp_path: Path
) -> None:
    del environ["QUITTANCE_BROKER_URL"]
    log_file = tmp_path / "schedule.log"
    log_file.write_text("an earlier run\n")
    with running_process("schedule", environ=environ, log_file=log_file) as child:
        child.process.wait(LIMIT_S)

        with pytest.raises(ServerFailed, match="schedule ended with code 2") as caught:
            child.check()

    assert "schedule needs broker_url" in str(caught.value)
    assert log_file.read_text().startswith("an earlier run\n")


def test_context__left_by_an_error__child_stopped(environ: dict[str, str], tmp_path: Path) -> None:
    log_file = tmp_path / "schedule.log"

    with (
        pytest.raises(KeyError),
        running_process("schedule", environ=environ, log_file=log_file) as child,
    ):
        raise KeyError("the owner's own trouble")

    assert not is_running(child.process.pid)


def test_owner__killed__child_stops(environ: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(OWNER), str(tmp_path / "log"), "schedule"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        try:
            assert owner.stdout is not None
            child = int(owner.stdout.readline())
            wait_until(lambda: is_ready(child))
            assert OPTION.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        finally:
            owner.kill()
        owner.wait(LIMIT_S)

    wait_until(lambda: not is_running(child))
