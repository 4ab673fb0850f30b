"""How the weight of a work falls with its age: from one to a half in ten years, towards a tenth.

    h(t) = 0.1 + 0.9 · (4/9)^(t / 10 years)          h(0) = 1, h(10 years) = 0.5, h(∞) = 0.1

Published as a table of integers, so that every machine has the same factor. A step is a twelfth of
a Julian year; with 10³⁰ for one:

    X₀ = 10³⁰, Xₙ₊₁ = Xₙ · Q / 10³⁰        Q = 10³⁰ · (4/9)^(1/120), rounded down
    factorₙ = (10⁵ · 10³⁰ + 9 · 10⁵ · Xₙ) / 10³⁰ ppm, rounded to the nearest

The age of a work is counted in whole epochs, from its first registration to the reference block,
and then in whole steps. The factor is on a row's weight before a subscriber's rows are compared:
what an old work loses goes to the newer works beside it, and nothing to unallocated.

This file is frozen, as a ruleset is: another curve is another module and another name.
"""

from collections.abc import Iterator, Sequence

from contracts.evm import Timestamp
from contracts.units import PPM_ONE, mul_div_down

NAME = "v1"
"""What parameters call this curve."""

STEP_SECONDS = 2_629_800
STEPS = 2_400
ONE = 10**30
Q = 993_265_030_455_071_799_108_401_672_492
_FLOOR_PPM, _FALLING_PPM = 100_000, 900_000


def _factors() -> Iterator[int]:
    remaining = ONE
    for _ in range(STEPS):
        yield mul_div_down(_FLOOR_PPM * ONE + _FALLING_PPM * remaining + (ONE >> 1), 1, ONE)
        remaining = mul_div_down(remaining, Q, ONE)


FACTORS_PPM = tuple(_factors())
"""The factor of every step; the last one is for ever."""


def age_steps(
    registered_at: Timestamp, reference_at: Timestamp, *, epoch_length_seconds: int
) -> int:
    """The age of a work at a reference block, in whole epochs, then in whole steps."""
    epochs = mul_div_down(reference_at - registered_at, 1, epoch_length_seconds)
    return mul_div_down(epochs, epoch_length_seconds, STEP_SECONDS)


def factor_ppm(age: int) -> int:
    """The factor of a work of so many steps."""
    return FACTORS_PPM[min(age, STEPS - 1)]


def decayed(
    raw: Sequence[int], factors_ppm: Sequence[int], credibility_ppm: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Weights of rows after their factor: before and after credibility.

    A factor of one changes neither.
    """
    after = [
        mul_div_down(weight, factor, PPM_ONE)
        for weight, factor in zip(raw, factors_ppm, strict=True)
    ]
    counted = [
        mul_div_down(weight, min(credibility, PPM_ONE), PPM_ONE)
        for weight, credibility in zip(after, credibility_ppm, strict=True)
    ]
    return after, counted
