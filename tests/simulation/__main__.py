"""The simulation at the command line.

python -m tests.simulation --seeds 10000 [--first S] [--workers 2] [--stop-at-first]
python -m tests.simulation --replay SEED
python -m tests.simulation --real 4 [--first S]      on Postgres and anvil, with real kills
"""

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from typing import TypeVar

from tests.simulation.run import Report, Run, run_seed

_PROGRESS_S = 5
_Run = TypeVar("_Run")


def main() -> int:
    """Run, print, and exit with 1 if an invariant did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--stop-at-first", action="store_true", help="stop at the first violation")
    parser.add_argument("--replay", type=int, help="print the trace of one seed")
    parser.add_argument("--real", type=int, help="how many on real servers")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if options.real is not None:
        return _real(range(options.first, options.first + options.real))
    if options.replay is not None:
        return _replay(options.replay)
    seeds = range(options.first, options.first + options.seeds)
    report = Report()
    for run in _with_progress(_runs(seeds, options.workers), len(seeds)):
        report.add(run)
        if run.violation is not None and options.stop_at_first:
            break
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 1 if report.violations else 0


def _real(seeds: range) -> int:
    real = import_module("tests.simulation.real")  # all of the product: only who needs it waits
    strikes, steps, violations = Counter[str](), 0, 0
    with real.real_settlement() as settlement:
        runs = (real.run_real(seed, settlement) for seed in seeds)
        for run in _with_progress(runs, len(seeds)):
            strikes += run.strikes
            steps += run.steps
            if run.violation is not None:
                violations += 1
                sys.stdout.write(f"seed {run.seed}: {run.violation}\n")
    sys.stdout.write(f"seeds on real servers     {len(seeds):>9,}\nsteps {steps:>29,}\n")
    for strike in real.Strike:
        sys.stdout.write(f"  {strike:<48}{strikes[strike]:>9,}\n")
    sys.stdout.write(f"violations                {violations:>9,}\n")
    return 1 if violations else 0


def _replay(seed: int) -> int:
    run = run_seed(seed)
    sys.stdout.write("\n".join(run.trace) + "\n")
    return 1 if run.violation is not None else 0


def _runs(seeds: range, workers: int) -> Iterator[Run]:
    if workers == 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(workers, initializer=logging.disable) as pool:
        yield from pool.map(run_seed, seeds, chunksize=10)


def _with_progress(runs: Iterable[_Run], total: int) -> Iterator[_Run]:
    """Say now and then how far it is, how fast, and how long it takes still."""
    start = last = time.monotonic()
    for done, run in enumerate(runs, 1):
        now = time.monotonic()
        if now - last >= _PROGRESS_S or done == total:
            last, rate = now, done / (now - start)
            left = int((total - done) / rate)
            line = f"\r{done:,} of {total:,} seeds, {rate:.1f} a second, {left} s left "
            sys.stderr.write(line + ("\n" if done == total else ""))
        yield run


if __name__ == "__main__":
    sys.exit(main())
