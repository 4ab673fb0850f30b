"""Groth16 verification by both pairing back ends, singly and in batches, and what it is made of.

`python -m tests.bench.bench_zk [PROOFS]`. One thread; the reference back end gets a few proofs. On
a busy machine the wall time says little; the CPU time and the ratio to py-ecc of the same run still
do. Every verdict is compared with the right one. Exit 1 if one is wrong.
"""

import sys
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

from settlement.royalties.zk.backends import BACKENDS, backend_named
from settlement.royalties.zk.curve import is_on_g1, is_on_g2
from settlement.royalties.zk.groth16 import Proof, Verdict, verify_batch, verify_proof
from tests.zk_vectors import ProvedStatement, proved_statements

GOAL_MS = 10.0
"""A proof, one by one, on the fast back end."""
FAST, REFERENCE = (name for name, _ in BACKENDS)
REFERENCE_PROOFS = 4
REFERENCE_BATCH = 8
BATCH = 100


class Figure(NamedTuple):
    """Milliseconds a proof, and whether every verdict was right."""

    wall_ms: float
    cpu_ms: float
    is_right: bool


def main(proofs: int) -> int:
    reference = _singly(REFERENCE, REFERENCE_PROOFS)
    fast = _singly(FAST, proofs)
    figures = {
        f"{REFERENCE}, one by one": reference,
        f"{REFERENCE}, batch of {REFERENCE_BATCH}": _batch(REFERENCE, REFERENCE_BATCH, bad=None),
        f"{FAST}, one by one": fast,
        f"{FAST}, checking the points alone": _points(proofs),
        f"{FAST}, batch of {BATCH}": _batch(FAST, BATCH, bad=None),
        f"{FAST}, batch of {BATCH}, one bad": _batch(FAST, BATCH, bad=37),
    }
    for name, figure in figures.items():
        sys.stdout.write(
            f"{name:34} {figure.wall_ms:8.2f} ms a proof  {figure.cpu_ms:8.2f} ms CPU"
            f"  ({reference.cpu_ms / figure.cpu_ms:6.1f} times {REFERENCE} one by one)\n"
        )
    reached = "reached" if fast.cpu_ms < GOAL_MS else "missed"
    sys.stdout.write(f"goal: under {GOAL_MS:.0f} ms CPU a proof on {FAST}: {reached}\n")
    return 0 if all(figure.is_right for figure in figures.values()) else 1


def _statements(count: int) -> list[ProvedStatement]:
    """Proofs for one key, over and over."""
    proved = proved_statements()
    return list(islice(cycle(one for one in proved if one.key == proved[0].key), count))


def _singly(name: str, count: int) -> Figure:
    """Medians; the first proof is not counted, it pays for tables."""
    backend, statements = backend_named(name), _statements(count + 1)

    def verify(one: ProvedStatement) -> bool:
        return verify_proof(one.key, one.proof, one.public_input, backend) is Verdict.VALID

    return _medians(verify, statements)


def _points(count: int) -> Figure:
    """What is done before a back end sees a proof."""

    def check(one: ProvedStatement) -> bool:
        proof = one.proof
        return is_on_g1(*proof.a) and is_on_g1(*proof.c) and is_on_g2(*proof.b)

    return _medians(check, _statements(count + 1))


def _batch(name: str, count: int, *, bad: int | None) -> Figure:
    """Means over one batch, in which the proof at `bad` is shown with another input."""
    backend, statements = backend_named(name), _statements(count)
    shown: list[tuple[Proof, int]] = [
        (one.proof, one.public_input + (place == bad)) for place, one in enumerate(statements)
    ]
    expected = [Verdict.NOT_PROVED if place == bad else Verdict.VALID for place in range(count)]

    def verify(one: ProvedStatement) -> bool:
        return verify_batch(one.key, shown, backend) == expected

    wall_ms, cpu_ms, is_right = _timed(verify, statements[0])
    return Figure(wall_ms / count, cpu_ms / count, is_right)


def _medians(work: Callable[[ProvedStatement], bool], given: Sequence[ProvedStatement]) -> Figure:
    timed = [_timed(work, one) for one in given]
    return Figure(
        median(one.wall_ms for one in timed[1:]),
        median(one.cpu_ms for one in timed[1:]),
        all(one.is_right for one in timed),
    )


def _timed(work: Callable[[ProvedStatement], bool], given: ProvedStatement) -> Figure:
    wall, cpu = perf_counter(), process_time()
    is_right = work(given)
    return Figure(1000 * (perf_counter() - wall), 1000 * (process_time() - cpu), is_right)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
