import random

import numpy as np
import pytest

from contracts.units import allot_rows
from settlement.royalties.shard_shares import (
    SUM_BITS,
    ExactSums,
    WideNumbers,
    share_lines,
    wide_numbers,
)


def numbers(wide: WideNumbers) -> list[list[int]]:
    high = np.zeros_like(wide.low) if wide.high is None else wide.high
    pairs = zip(wide.low.tolist(), high.tolist(), strict=True)
    return [[a | b << 64 for a, b in zip(*pair, strict=True)] for pair in pairs]


def shared(totals: list[int], lines: list[list[int]]) -> list[list[int]]:
    return numbers(share_lines(wide_numbers(totals), np.array(lines, dtype=np.uint64)))


@pytest.mark.parametrize("total", [0, 1, 2**64 - 1, 2**64, 2**127 + 3, 2**128 - 1])
@pytest.mark.parametrize(
    "weights", [[1], [2**SUM_BITS - 1], [1, 2**SUM_BITS - 2], [3, 3, 3], [0, 5]]
)
def test_share_lines__borders__as_allot_rows(total: int, weights: list[int]) -> None:
    assert shared([total], [weights]) == [allot_rows(total, weights)]


def test_share_lines__ties__lower_place_first() -> None:
    assert shared([2, 1], [[1, 1, 1], [1, 1, 1]]) == [[1, 1, 0], [1, 0, 0]]


def test_share_lines__dust_at_the_edge_of_a_word__carried() -> None:
    """The floor of the first share is 2⁶⁴ - 1 in the low word, and it gets the extra unit."""
    total = 2 * 2**64 - 1

    assert shared([total], [[1, 1]]) == [[2**64, 2**64 - 1]]


@pytest.mark.parametrize("seed", range(300))
def test_share_lines__random__as_allot_rows(seed: int) -> None:
    pick = random.Random(seed)
    rows, bits = pick.randint(1, 17), pick.randint(5, SUM_BITS)
    most = (2**bits - 1) // rows
    lines = [[pick.choice([0, most, pick.randint(0, most)]) for _ in range(rows)] for _ in range(5)]
    lines = [line if sum(line) else [1, *line[1:]] for line in lines]
    width = pick.choice([1, 12, 40, 63, 64, 65, 96, 128])
    totals = [pick.choice([0, 2**width - 1, pick.getrandbits(width)]) for _ in lines]

    expected = [allot_rows(total, line) for total, line in zip(totals, lines, strict=True)]

    assert shared(totals, lines) == expected


@pytest.mark.parametrize("largest", [0, 2**64 - 1, 2**64, 2**128 - 1])
def test_wide_numbers__any_below_2_128__two_words(largest: int) -> None:
    found = wide_numbers([1, largest, 2**63])

    assert found.low.tolist() == [1, largest % 2**64, 2**63]
    assert (found.high is None) == (largest < 2**64)
    assert found.high is None or found.high.tolist() == [0, largest >> 64, 0]


def test_exact_sums__shares_of_all_sizes__add_up() -> None:
    sums = ExactSums(4)
    shares = wide_numbers([2**128 - 1, 2**64, 7, 0])
    codes = np.array([1, 1, 3, 2])

    for _ in range(3):
        sums.add(codes, shares)
    sums.add_one(0, 2**200)
    sums.add_one(1, 1)

    assert sums.totals() == {0: 2**200, 1: 3 * (2**128 - 1 + 2**64) + 1, 2: 0, 3: 21}
