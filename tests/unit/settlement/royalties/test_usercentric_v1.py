import json
from pathlib import Path

import pytest

from settlement.errors import BadValue
from settlement.royalties.usercentric_v1 import (
    Allocation,
    PlayDiscount,
    Reputation,
    Usage,
    allocate,
    credibility_of_rows,
    weigh,
)

_VECTORS = Path(__file__).parents[5] / "shared" / "vectors" / "dapr"
ONE = 1_000_000


def usage_of(
    rows: list[tuple[str, str, int]],
    *,
    plays: list[int] | None = None,
    credibility: list[int] | None = None,
) -> Usage[str]:
    """Rows (user, work, minutes) at price and region one."""
    return Usage(
        user=[row[0] for row in rows],
        work=[row[1] for row in rows],
        minutes=[row[2] for row in rows],
        price_ppm=[ONE] * len(rows),
        region_ppm=[ONE] * len(rows),
        plays=plays or [1] * len(rows),
        credibility_ppm=credibility or [ONE] * len(rows),
    )


def shared(fees: dict[str, int], usage: Usage[str]) -> Allocation[str]:
    return allocate(fees, usage, weigh(usage))


@pytest.mark.parametrize(
    ("plays", "ppm"),
    [
        (0, 1_000_000),
        (1, 1_000_000),
        (2, 750_000),
        (3, 611_111),
        (4, 520_833),
        (5, 456_666),
        (6, 408_333),
        (7, 370_408),
        (8, 339_732),
        (16, 211_295),
        (32, 126_827),
        (64, 74_122),
        (100, 51_873),
        (1_000, 7_485),
        (5_000, 1_818),
        (100_000, 120),
        (100_001, 120),
    ],
)
def test_play_discount__k_one__golden(plays: int, ppm: int) -> None:
    assert PlayDiscount(ONE).ppm(plays) == ppm


def test_play_discount__asked_downward__same_as_upward() -> None:
    discount = PlayDiscount(ONE)

    answers = [discount.ppm(plays) for plays in (100, 4, 1)]

    assert answers == [51_873, 520_833, 1_000_000]


def test_play_discount__k_zero__never_diminishes() -> None:
    assert PlayDiscount(0).ppm(5_000) == ONE


def test_play_discount__plays_max_64__clamped_there() -> None:
    assert PlayDiscount(ONE, 64).ppm(100) == 74_122


def test_weigh__one_minute_at_one__a_million_squared() -> None:
    weights = weigh(usage_of([("u", "w", 1)]))

    assert weights.raw == weights.counted == [10**12]


def test_weigh__plays_above_their_limit__clamped_and_told() -> None:
    usage = usage_of([("u", "w", 1), ("u", "v", 1)], plays=[8, 2])

    assert weigh(usage).discount_ppm == [339_732, 750_000]
    limited = weigh(usage, plays_max=4)
    assert limited.discount_ppm == [520_833, 750_000]
    assert limited.raw == [520_833 * ONE, 750_000 * ONE]


def test_allocate__least_weight_there_is__whole_fee() -> None:
    usage = Usage(
        user=["u"],
        work=["w"],
        minutes=[1],
        price_ppm=[1],
        region_ppm=[1],
        plays=[1],
        credibility_ppm=[ONE],
    )

    assert weigh(usage).raw == weigh(usage).counted == [1]
    assert shared({"u": 7}, usage).per_work == {"w": 7}


def test_credibility_of_rows__work_that_is_not_named__neutral() -> None:
    assert credibility_of_rows(["w", "v", "w"], {"w": 250_000}) == [250_000, ONE, 250_000]


def test_allocate__three_equal_rows__remainder_to_the_first() -> None:
    result = shared({"u": 10}, usage_of([("u", "a", 1), ("u", "b", 1), ("u", "c", 1)]))

    assert result.credited == [4, 3, 3]


def test_allocate__sixty_to_twenty__three_quarters() -> None:
    result = shared({"u": 10**6}, usage_of([("u", "a", 60), ("u", "b", 20)]))

    assert result.per_work == {"a": 750_000, "b": 250_000}


def test_allocate__replays__diminished() -> None:
    result = shared({"u": 10**6}, usage_of([("u", "wA", 10), ("u", "wB", 10)], plays=[1, 4]))

    assert result.per_work == {"wA": 657_534, "wB": 342_466}


def test_allocate__quarter_credibility_single_work__rest_burned() -> None:
    result = shared({"u": 10**6}, usage_of([("u", "w", 5)], credibility=[250_000]))

    assert (result.per_work, result.unallocated) == ({"w": 250_000}, 750_000)


@pytest.mark.parametrize(
    ("credibility", "paid", "unallocated"), [(100_000, 50_000, 450_000), (ONE, 500_000, 0)]
)
def test_allocate__five_heavy_users__golden(credibility: int, paid: int, unallocated: int) -> None:
    users = [f"u{number}" for number in range(5)]
    usage = usage_of(
        [(user, "w", 60) for user in users], plays=[5_000] * 5, credibility=[credibility] * 5
    )

    result = shared(dict.fromkeys(users, 100_000), usage)

    assert (result.per_work, result.unallocated) == ({"w": paid}, unallocated)


@pytest.mark.parametrize(
    ("credibility", "per_work", "unallocated"),
    [
        ([0, ONE, ONE], {"wA": 1_000_000, "wB": 250_000}, 750_000),
        ([500_000, ONE, ONE], {"wA": 1_375_000, "wB": 250_000}, 375_000),
    ],
)
def test_allocate__credibility_by_row__golden(
    credibility: list[int], per_work: dict[str, int], unallocated: int
) -> None:
    rows = [("u1", "wA", 300), ("u1", "wB", 100), ("u2", "wA", 400)]

    result = shared({"u1": 10**6, "u2": 10**6}, usage_of(rows, credibility=credibility))

    assert (result.per_work, result.unallocated) == (per_work, unallocated)


def test_allocate__demo_oracle__golden() -> None:
    rows = [("u1", "A", 60), ("u1", "B", 20), ("u2", "A", 30), ("u2", "C", 90)]

    result = shared({"u1": 10**18, "u2": 10**18}, usage_of(rows))

    assert result.per_work == {"A": 10**18, "B": 25 * 10**16, "C": 75 * 10**16}


def test_allocate__credibility_above_neutral__clamped_down() -> None:
    above = shared({"u": 100}, usage_of([("u", "w", 1)], credibility=[5 * ONE]))

    assert above.per_work == {"w": 100}
    assert above.reputation["w"].weighted_usage == 10**12


def test_allocate__user_without_fee__counts_for_nothing() -> None:
    result = shared({"payer": 10}, usage_of([("payer", "a", 1), ("guest", "b", 9)]))

    assert result.per_work == {"a": 10}
    assert result.reputation == {"a": Reputation(1, 10**12)}


def test_allocate__fee_of_zero__key_of_zero_and_reputation() -> None:
    result = shared({"u": 0}, usage_of([("u", "a", 1)]))

    assert result.per_work == {"a": 0}
    assert result.reputation == {"a": Reputation(1, 10**12)}


def test_allocate__zero_minutes_beside_positive__key_of_zero() -> None:
    result = shared({"u": 10}, usage_of([("u", "a", 0), ("u", "b", 1)]))

    assert result.per_work == {"a": 0, "b": 10}


def test_allocate__only_zero_minutes__unallocated_without_keys() -> None:
    result = shared({"u": 10}, usage_of([("u", "a", 0)]))

    assert (result.per_work, result.unallocated) == ({}, 10)
    assert result.reputation == {"a": Reputation(1, 0)}


def test_allocate__no_credibility_at_all__unallocated_without_keys() -> None:
    result = shared({"u": 10}, usage_of([("u", "a", 7)], credibility=[0]))

    assert (result.per_work, result.unallocated, result.unallocated_of) == ({}, 10, {"u": 10})


def test_allocate__fee_without_rows__unallocated() -> None:
    assert shared({"u": 10}, usage_of([])).unallocated == 10


def test_allocate__same_work_twice__two_rows_one_user() -> None:
    result = shared({"u": 10}, usage_of([("u", "a", 1), ("u", "a", 1)]))

    assert result.per_work == {"a": 10}
    assert result.reputation == {"a": Reputation(1, 2 * 10**12)}


def test_allocate__two_users_of_one_work__both_counted() -> None:
    usage = usage_of([("a", "w", 1), ("b", "w", 2), ("b", "v", 1)])

    reputation = shared({"a": 1, "b": 1}, usage).reputation

    assert {work: known.distinct_users for work, known in reputation.items()} == {"v": 1, "w": 2}


def test_allocate__beyond_256_bits__exact() -> None:
    fee = 2**300 + 1
    result = shared({"u": fee}, usage_of([("u", "a", 2**200), ("u", "b", 2**200)]))

    assert result.per_work == {"a": 2**299 + 1, "b": 2**299}


def test_usage__columns_of_different_length__refused_by_name() -> None:
    with pytest.raises(BadValue, match="credibility_ppm: 2 is not 1 rows long"):
        usage_of([("u", "a", 1)], credibility=[1, 2])


@pytest.mark.parametrize("name", ["basic", "zero_value"])
def test_allocate__published_data_set__equal(name: str) -> None:
    path = _VECTORS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"published data sets are not at {_VECTORS}")
    data, expected = (
        json.loads(file.read_text()) for file in (path, _VECTORS / f"{name}_expected.json")
    )
    works = [row["work"] for row in data["usage"]]
    usage = Usage(
        user=[row["user"] for row in data["usage"]],
        work=works,
        minutes=[row["minutes"] for row in data["usage"]],
        price_ppm=[row["price_ppm"] for row in data["usage"]],
        region_ppm=[row["region_ppm"] for row in data["usage"]],
        plays=[row.get("plays", 0) for row in data["usage"]],
        credibility_ppm=credibility_of_rows(works, data.get("bandwidth_ppm", {})),
    )

    result = shared(data["tier_fees"], usage)

    assert result.per_work == expected["per_work"]
    assert result.unallocated == expected["unallocated"]
