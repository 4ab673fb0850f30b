import pytest

from contracts.evm import Address
from contracts.units import NothingToAllot, allot, allot_rows, mul_div_down

A, B, C = (Address(bytes([value]) * 20) for value in (1, 2, 3))


def test_mul_div_down__remainder__is_dropped() -> None:
    assert mul_div_down(10, 2, 3) == 6


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (10, [1, 2], [3, 7]),
        (0, [1, 2], [0, 0]),
        (5, [0, 1], [0, 5]),
        (1, [1, 1, 1], [1, 0, 0]),
        (2, [5, 4, 1], [1, 1, 0]),  # 1.0, 0.8, 0.2: the remainder decides, not the share
        (2**256, [1, 1], [2**255, 2**255]),
    ],
)
def test_allot_rows__total__is_shared_to_the_last_unit(
    total: int, weights: list[int], shares: list[int]
) -> None:
    assert allot_rows(total, weights) == shares


@pytest.mark.parametrize("weights", [[], [0], [0, 0]])
def test_allot_rows__no_weight__refused(weights: list[int]) -> None:
    with pytest.raises(NothingToAllot, match="to share 7 units by") as refused:
        allot_rows(7, weights)

    assert refused.value.total == 7


def test_allot__tie__goes_to_the_lower_address() -> None:
    assert allot(10, {C: 1, B: 1, A: 1}) == {A: 4, B: 3, C: 3}
