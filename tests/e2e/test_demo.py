"""The demo as a user runs it: whole, and killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.embedded.places import scratch_directory
from tests.processes import processes_of

AMOUNTS = ("paid", "allocated", "unallocated", "withdrawn", "held", "unclaimed")
SMALL = ("--once", "--json", "--subscribers", "40", "--works", "12")
LIMIT_S = 400


@pytest.fixture
def directory() -> Iterator[Path]:
    with scratch_directory() as path:
        yield path


def start(directory: Path, *options: str) -> "subprocess.Popen[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.cli.app", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | {"QUITTANCE_DATA_DIR": str(directory)},
    )


def test_demo__small__settles_three_epochs(directory: Path) -> None:
    process = start(directory, *SMALL)
    output, errors = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 0, errors
    result = json.loads(output)
    assert result["chain"] == 31337
    assert [epoch["number"] for epoch in result["epochs"]] == [0, 1, 2]
    for row in (*result["epochs"], result["totals"]):
        paid, allocated, unallocated, withdrawn, held, unclaimed = (
            int(row[name]) for name in AMOUNTS
        )
        assert paid == allocated + unallocated
        assert allocated == withdrawn + held + unclaimed
        assert allocated > 0
    for name in AMOUNTS:
        assert int(result["totals"][name]) == sum(int(row[name]) for row in result["epochs"])
    assert int(result["totals"]["held"]) > 0
    assert int(result["totals"]["unclaimed"]) > 0
    assert result["refused_on_chain"] == 6  # a bad proof and a late one, in each epoch
    assert {"unpaid_tier", "unregistered_work", "work_under_verdict"} <= set(result["quarantined"])
    assert len(result["held"]) == 1
    assert (result["discrepancies"], result["verifier"]) == (0, "OK")
    assert (result["restarts"], result["api"]) == (1, None)
    assert result["omission_refused_at"] > 0
    assert processes_of(directory) == {}


def test_demo__kill_9__leaves_nothing_running(directory: Path) -> None:
    process = start(directory, *SMALL)
    assert process.stderr is not None
    for line in process.stderr:
        if "subscriptions paid" in line:
            break
    assert len(processes_of(directory)) > 4

    process.send_signal(signal.SIGKILL)
    process.communicate()

    deadline = time.monotonic() + 30
    while (left := processes_of(directory)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == {}


def test_demo__served_then_interrupted__ends_clean(directory: Path) -> None:
    process = start(directory, *(option for option in SMALL if option != "--once"))
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    with urllib.request.urlopen(json.loads(text)["api"] + "/v1/epochs", timeout=10) as answer:  # noqa: S310
        states = {item["epoch"]: item["state"] for item in json.load(answer)["items"]}

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert {states[epoch] for epoch in (0, 2)} == {"settled"}
    assert states[1] == "active"  # a work is held
    assert process.returncode == 0
    assert list((directory / "demo").iterdir()) == []
    assert processes_of(directory) == {}
