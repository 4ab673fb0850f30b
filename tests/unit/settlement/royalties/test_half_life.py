"""The published curve: its table against exact arithmetic, ages at every border, and neutrality."""

from fractions import Fraction

import pytest

from contracts.evm import Timestamp, keccak
from contracts.units import PPM_ONE
from settlement.royalties import half_life
from settlement.royalties.half_life import (
    FACTORS_PPM,
    ONE,
    STEP_SECONDS,
    STEPS,
    Q,
    age_steps,
    decayed,
    factor_ppm,
)

TEN_YEARS = 120
"""In steps."""


def exact_ppm(step: int) -> Fraction:
    """The curve itself, from the 120th root by bisection, to far more digits than the table has."""
    digits = 10**60
    low, high = 0, digits
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if 9 * middle**120 <= 4 * digits**120 else (low, middle)
    return 100_000 + 900_000 * Fraction(low, digits) ** step


def test_q__literal__the_root_rounded_down() -> None:
    """Q / 10³⁰ ≤ (4/9)^(1/120) < (Q + 1) / 10³⁰, in whole numbers."""
    assert 9 * Q**120 <= 4 * ONE**120 < 9 * (Q + 1) ** 120


def test_factor__whole_table__as_published() -> None:
    text = ",".join(map(str, FACTORS_PPM))

    assert str(keccak(text.encode())) == (
        "0x1272f252859a2611c473cac3e6e4052398cf452e56f782d620e4c172a4d6c500"
    )


def test_factor__landmarks__one_half_and_a_tenth() -> None:
    assert factor_ppm(0) == PPM_ONE
    assert factor_ppm(TEN_YEARS >> 1) == 700_000  # 0.1 + 0.9 · 2/3
    assert factor_ppm(TEN_YEARS) == 500_000  # 0.1 + 0.9 · 4/9
    assert factor_ppm(2 * TEN_YEARS) == 277_778  # 0.1 + 0.9 · 16/81 = 0.27777…
    assert factor_ppm(STEPS - 1) == factor_ppm(STEPS) == factor_ppm(10**9) == 100_000


@pytest.mark.parametrize("step", [1, 2, 12, 61, 119, 121, 500, 1_199])
def test_factor__any_step__nearest_to_the_curve(step: int) -> None:
    assert abs(factor_ppm(step) - exact_ppm(step)) <= Fraction(1, 2)


def test_factor__whole_table__never_rises_and_ends_above_nothing() -> None:
    assert len(FACTORS_PPM) == STEPS
    assert list(FACTORS_PPM) == sorted(FACTORS_PPM, reverse=True)
    assert FACTORS_PPM[-1] == 100_000


@pytest.mark.parametrize(
    ("seconds", "length", "expected"),
    [
        (0, 100, 0),
        (STEP_SECONDS - 1, 1, 0),
        (STEP_SECONDS, 1, 1),
        (STEP_SECONDS, 100, 1),  # 26,298 epochs of 100 seconds are one step
        (STEP_SECONDS + 99, 1_000, 0),  # 2,629 whole epochs of 1,000 seconds are less than a step
        (2_630_000, 1_000, 1),
        (2_678_400, 2_678_400, 1),  # an epoch longer than a step
        (2 * 2_678_400 - 1, 2_678_400, 1),  # and nothing for the epoch that is not over
        (120 * STEP_SECONDS, STEP_SECONDS, 120),
    ],
)
def test_age__seconds_since_registration__whole_epochs_then_whole_steps(
    seconds: int, length: int, expected: int
) -> None:
    registered = Timestamp(1_000_000)

    age = age_steps(registered, Timestamp(registered + seconds), epoch_length_seconds=length)

    assert age == expected


def test_decayed__by_hand__each_division_rounds_down() -> None:
    raw, counted = decayed([1_000_003, 7, 10], [500_000, 999_999, 100_000], [333_333, 0, 5 * 10**6])

    # 1,000,003 / 2 = 500,001.5; · 0.333333 = 166,666.8; 7 · 0.999999 = 6.99; 10 / 10 = 1
    assert raw == [500_001, 6, 1]
    assert counted == [166_666, 0, 1]


def test_decayed__factor_one__bit_neutral() -> None:
    weights, credibility = [0, 1, 10**40 + 7], [PPM_ONE, 250_000, 2 * PPM_ONE]

    raw, counted = decayed(weights, [PPM_ONE] * 3, credibility)

    assert raw == weights
    assert counted == [0, 0, 10**40 + 7]


@pytest.mark.parametrize("lengths", [(1, 2, 1), (2, 1, 1), (1, 1, 2), (2, 2, 1)])
def test_decayed__rows_without_a_factor_or_credibility__refused(lengths: tuple[int, ...]) -> None:
    raw, factors, credibility = ([PPM_ONE] * length for length in lengths)

    with pytest.raises(ValueError, match=r"argument 2 is (short|long)er"):
        decayed(raw, factors, credibility)


def test_factors__computed_again__are_the_table() -> None:
    """The table is made when the module is read; here is the rule once more, at work."""
    assert tuple(half_life._factors()) == FACTORS_PPM
