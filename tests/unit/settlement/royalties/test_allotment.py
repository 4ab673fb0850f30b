import pytest

from contracts.units import NothingToAllot
from settlement.royalties.allotment import allotment


def test_allotment__three_thirds__each_step() -> None:
    shared = allotment(100, [333_333, 333_333, 333_334])

    assert (shared.total, shared.denominator, shared.dust) == (100, 1_000_000, 1)
    steps = [
        (one.product, one.floor, one.remainder, one.rank, one.extra) for one in shared.portions
    ]
    assert steps == [
        (33_333_300, 33, 333_300, 2, 0),
        (33_333_300, 33, 333_300, 3, 0),
        (33_333_400, 33, 333_400, 1, 1),
    ]
    assert [one.amount for one in shared.portions] == [33, 33, 34]


def test_allotment__equal_remainders__lower_index_first() -> None:
    assert [one.amount for one in allotment(1, [1, 1]).portions] == [1, 0]


def test_allotment__nothing_to_share__all_zero() -> None:
    assert [(one.amount, one.rank) for one in allotment(0, [1, 2]).portions] == [(0, 1), (0, 2)]


def test_allotment__least_weight_of_all__has_everything() -> None:
    assert [one.amount for one in allotment(7, [0, 1]).portions] == [0, 7]


def test_allotment__no_weight__refused() -> None:
    with pytest.raises(NothingToAllot) as refused:
        allotment(5, [0, 0])

    assert refused.value.total == 5
