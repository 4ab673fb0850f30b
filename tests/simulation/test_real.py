"""One seed in fifty on real servers, with processes that really die."""

import subprocess
import sys
from pathlib import Path

from tests.simulation.test_simulation import SEEDS

ROOT = Path(__file__).resolve().parents[2]
REAL_SEEDS = SEEDS // 50
LIMIT_S = 600


def test_simulation__one_seed_in_fifty_on_real_servers__no_violation() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--real", str(REAL_SEEDS)]

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )

    counts = {line[:-10].strip(): int(line[-10:]) for line in done.stdout.splitlines()}
    assert (done.returncode, counts["violations"]) == (0, 0), done.stdout + done.stderr
    assert counts["killed before a commit"] + counts["killed after a commit"] > REAL_SEEDS
