"""Laws of `usercentric-v1`, and a second, slow implementation of it in exact fractions."""

from collections import defaultdict
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from settlement.royalties.usercentric_v1 import Allocation, Usage, allocate, weigh

PPM = 10**6
USERS, WORKS = "uvwxyz", "ABCDE"

rows = st.lists(
    st.tuples(
        st.sampled_from(USERS),
        st.sampled_from(WORKS),
        st.one_of(st.integers(0, 5), st.integers(0, 2**32)),  # minutes
        st.sampled_from([1, 7, 600_000, PPM, 2**40 - 1]),  # price
        st.sampled_from([0, 1, 900_000, PPM]),  # region
        st.integers(0, 70),  # plays
        st.one_of(st.sampled_from([0, PPM, 2 * PPM]), st.integers(0, PPM)),  # credibility
    ),
    max_size=25,
)
fees = st.dictionaries(
    st.sampled_from(USERS), st.one_of(st.integers(0, 50), st.integers(0, 2**256)), max_size=6
)
Row = tuple[str, str, int, int, int, int, int]


def usage_of(data: list[Row]) -> Usage[str]:
    columns: list[list[int]] = [[row[at] for row in data] for at in range(2, 7)]  # type: ignore[misc]
    return Usage(
        user=[row[0] for row in data],
        work=[row[1] for row in data],
        minutes=columns[0],
        price_ppm=columns[1],
        region_ppm=columns[2],
        plays=columns[3],
        credibility_ppm=columns[4],
    )


def shared(paid: dict[str, int], data: list[Row], k_ppm: int = PPM) -> Allocation[str]:
    usage = usage_of(data)
    return allocate(paid, usage, weigh(usage, k_ppm=k_ppm))


@given(fees, rows)
def test_allocation__any_input__conserves(paid: dict[str, int], data: list[Row]) -> None:
    result = shared(paid, data)

    assert sum(result.per_work.values()) + result.unallocated == sum(paid.values())
    assert sum(result.credited) == sum(result.per_work.values())
    assert sum(result.unallocated_of.values()) == result.unallocated


@given(fees, rows, st.randoms(use_true_random=False))
def test_allocation__users_interleaved_otherwise__same(
    paid: dict[str, int], data: list[Row], random: Random
) -> None:
    """Only the order within one user may matter."""
    users = list(USERS)
    random.shuffle(users)
    grouped = [row for user in users for row in data if row[0] == user]
    shuffled = dict(sorted(paid.items(), key=lambda item: users.index(item[0])))

    first, second = shared(paid, data), shared(shuffled, grouped)

    assert first.per_work == second.per_work
    assert list(first.per_work) == list(second.per_work)
    assert (first.unallocated, first.reputation) == (second.unallocated, second.reputation)


@given(fees, rows, st.sets(st.sampled_from(USERS)))
def test_allocation__subscribers_in_two_chunks__sums_up(
    paid: dict[str, int], data: list[Row], chunk: set[str]
) -> None:
    whole = shared(paid, data)
    parts = [
        shared(
            {user: fee for user, fee in paid.items() if (user in chunk) is inside},
            [row for row in data if (row[0] in chunk) is inside],
        )
        for inside in (True, False)
    ]

    summed: dict[str, int] = defaultdict(int)
    for part in parts:
        for work, amount in part.per_work.items():
            summed[work] += amount
    assert summed == whole.per_work
    assert sum(part.unallocated for part in parts) == whole.unallocated


@given(fees, rows, st.sampled_from([0, 1, 350_000, PPM, 7 * PPM]))
def test_allocation__second_implementation__agrees(
    paid: dict[str, int], data: list[Row], k_ppm: int
) -> None:
    result = shared(paid, data, k_ppm)

    assert (result.per_work, result.unallocated) == slow_reference(paid, data, k_ppm)


def slow_reference(paid: dict[str, int], data: list[Row], k_ppm: int) -> tuple[dict[str, int], int]:
    """The formula read aloud, with exact fractions and explicit floors."""
    per_work: dict[str, int] = {}
    unallocated = 0
    for user, fee in paid.items():
        weights = []
        for _, work, minutes, price, region, plays, credibility in (
            row for row in data if row[0] == user
        ):
            times = min(max(plays, 1), 100_000)
            series = [
                Fraction(10**12, 10**6 + k_ppm * (j - 1)).__floor__() for j in range(1, times + 1)
            ]
            mean = Fraction(sum(series), times).__floor__()
            raw = Fraction(minutes * price * region * mean, PPM).__floor__()
            counted = (raw * Fraction(min(credibility, PPM), PPM)).__floor__()
            weights.append((work, raw, counted))
        all_raw = sum(raw for _, raw, _ in weights)
        all_counted = sum(counted for _, _, counted in weights)
        if not all_raw or not all_counted:
            unallocated += fee
            continue
        target = Fraction(fee * all_counted, all_raw).__floor__()
        exact = [Fraction(target * counted, all_counted) for _, _, counted in weights]
        shares = [share.__floor__() for share in exact]
        ranking = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
        for lucky in ranking[: target - sum(shares)]:
            shares[lucky] += 1
        for (work, _, _), share in zip(weights, shares, strict=True):
            per_work[work] = per_work.get(work, 0) + share
        unallocated += fee - target
    return dict(sorted(per_work.items())), unallocated
