"""Two hundred seeds without a violation, and each of them the same whenever it is run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from settlement.payouts.operation import Kind
from tests.simulation.faults import Fault
from tests.simulation.run import Report, run_seed

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 200


@pytest.fixture(scope="module")
def report() -> Report:
    made = Report()
    for seed in range(SEEDS):
        made.add(run_seed(seed))
    return made


def test_simulation__two_hundred_seeds__no_violation(report: Report) -> None:
    assert report.violations == [], "\n" + "\n".join(report.lines())


def test_simulation__two_hundred_seeds__every_fault_many_times(report: Report) -> None:
    assert {fault: report.faults[fault] for fault in Fault if report.faults[fault] < 20} == {}


def test_simulation__two_hundred_seeds__every_kind_of_operation_many_times(report: Report) -> None:
    assert {kind: report.closed[kind] for kind in Kind if report.closed[kind] < SEEDS} == {}


def test_simulation__two_hundred_seeds__most_are_killed_while_money_is_on_its_way(
    report: Report,
) -> None:
    assert 2 * report.killed_mid_payment > report.seeds


def test_run_seed__another_process_and_hash_order__same_trace() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--replay", "7"]
    environment = os.environ | {"PYTHONHASHSEED": "12345"}

    printed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert tuple(printed.stdout.splitlines()) == run_seed(7).trace
