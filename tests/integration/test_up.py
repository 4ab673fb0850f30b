"""`quittance up` without configuration, as a user runs it, and other commands beside it.

Its children run scripts.worker, scripts.index and scripts.serve.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from scripts.cli.app import app
from scripts.embedded.places import scratch_directory
from scripts.reviewing import NotComputed
from tests.processes import processes_of

LIMIT_S = 60

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Running:
    """A running `quittance up` whose API answers."""

    process: "subprocess.Popen[str]"
    directory: Path
    url: str
    environ: dict[str, str]

    def run(self, command: str) -> tuple[int, Any]:
        """Another command with the configuration of its processes; exit code and JSON."""
        result = CliRunner(env=self.environ).invoke(app, command.split())
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout) if result.stdout else result.stderr


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with scratch_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def up(directory: Path) -> Iterator[Running]:
    with running_up(directory) as running:
        yield running


@contextmanager
def running_up(directory: Path) -> Iterator[Running]:
    """`quittance up` with nothing configured but its folder; terminated in the end."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.cli.app", "up"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | {"QUITTANCE_DATA_DIR": str(directory)},
    ) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            url = told.removeprefix("The API answers at ").split(";")[0]
            waited(process, lambda: status_of(url))
            yield Running(process, directory, url, environ_of_serve(directory))
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(LIMIT_S)


def waited(process: "subprocess.Popen[str]", find: Callable[[], Found | None]) -> Found:
    """What a question finds once it finds anything, while the process lives."""
    deadline = time.monotonic() + LIMIT_S
    while (found := find()) is None:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def status_of(url: str) -> Any:
    """The status of the chain once it is indexed up to a finalized block."""
    try:
        with urllib.request.urlopen(f"{url}/v1/status", timeout=60) as answer:  # noqa: S310
            (chain,) = json.load(answer)["chains"]
    except (urllib.error.URLError, ConnectionError):
        return None
    return chain if chain.get("finalized") else None


def environ_of_serve(directory: Path) -> dict[str, str]:
    """The configuration that `up` made for its children."""
    (pid,) = (
        pid for pid, command in processes_of(directory).items() if command.endswith(" serve ")
    )
    pairs = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair.startswith("QUITTANCE_"))


def test_status__dev_chain__indexed(up: Running) -> None:
    status = status_of(up.url)

    assert status["chain_id"] == 31337, status


def test_processes__running__index_worker_serve(up: Running) -> None:
    commands = processes_of(up.directory).values()
    names = {command.split()[-1] for command in commands if "scripts.cli.app" in command}

    assert names == {"up", "index", "worker", "serve"}
    assert sorted(path.name for path in (up.directory / "logs").iterdir()) == [
        "index.log",
        "serve.log",
        "worker.log",
    ]


def test_db_migrate__already_done__names_the_database(up: Running) -> None:
    code, answer = up.run("db migrate --json")

    assert code == 0
    assert str(up.directory / "postgres").replace("/", "%2F") in answer["database"]


def test_ledger_balance__no_money_yet__zero(up: Running) -> None:
    code, balance = up.run("ledger balance")

    assert code == 0
    assert (balance["accounts"], balance["net"]) == ([], {})


def test_epochs__none_over__none_computed(up: Running) -> None:
    assert up.run("epoch list") == (0, {"epochs": []})
    with pytest.raises(NotComputed, match="run `quittance epoch compute 0`"):
        up.run("epoch show 0")
    code, sentence = up.run("epoch compute 0")

    assert code == 1
    assert sentence.startswith("epoch 0 cannot be computed yet: grace_not_final; needs a final ")


def test_payout_status__unknown_operation__exit_1(up: Running) -> None:
    code, sentence = up.run("payout status 0x" + "ab" * 32)

    assert (code, sentence) == (1, f"operation 0x{'ab' * 32} was never planned here\n")


def test_reconcile_run__dev_chain__agrees_at_a_finalized_block(up: Running) -> None:
    waited(up.process, lambda: up.run("reconcile run")[0] == 0 or None)  # the worker has posted

    code, answer = up.run("reconcile run")

    assert (code, answer["discrepancies"]) == (0, [])
    assert answer["checks"] > 0
    assert answer["block"]["number"] <= status_of(up.url)["finalized"]["number"]


def test_up__terminated__nothing_left(up: Running) -> None:
    assert len(processes_of(up.directory)) > 4

    up.process.send_signal(signal.SIGTERM)
    code = up.process.wait(LIMIT_S)

    assert code == 0, up.process.stderr and up.process.stderr.read()
    assert processes_of(up.directory) == {}


def test_up__again_and_a_child_dies__the_rest_is_stopped_and_it_says_why(
    up: Running, directory: Path
) -> None:
    assert up.process.poll() is not None, "runs after the one before"
    with running_up(directory) as again:
        assert again.environ == up.environ  # the same database, and the same chain
        (worker,) = (
            pid for pid, command in processes_of(directory).items() if command.endswith(" worker ")
        )

        os.kill(worker, signal.SIGKILL)
        code = again.process.wait(LIMIT_S)

        assert again.process.stderr is not None
        assert code == 3
        assert "quittance: worker ended with code -9" in again.process.stderr.read()
        assert processes_of(directory) == {}
