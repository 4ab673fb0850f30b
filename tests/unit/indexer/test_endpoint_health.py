"""Which endpoint is asked: by latency, recent errors, lag, and what each asked for."""

import pytest

from contracts.evm import BlockNumber
from indexer.endpoint_health import (
    LAG_FREE_BLOCKS,
    PENALTY_HALVED_NS,
    PENALTY_MAX_US,
    EndpointHealth,
    ErrorClass,
    asking_order,
    costs_us,
    with_counts_of,
)

S = 1_000_000_000


def health(host: str = "a", *, latency_us: int | None = 50_000) -> EndpointHealth:
    return EndpointHealth(host=host, latency_us=latency_us)


def test_answered__latencies__smoothed_by_a_quarter() -> None:
    one = EndpointHealth(host="a")

    first = one.answered(now_ns=1, took_us=1_000)
    second = first.answered(now_ns=2, took_us=2_000)
    untimed = second.answered(now_ns=3, took_us=None)

    assert (first.latency_us, second.latency_us, untimed.latency_us) == (1_000, 1_250, 1_250)
    assert (untimed.requests, untimed.answered_at_ns) == (3, 3)


def test_answered__falling_latency__converges_to_it() -> None:
    one = health(latency_us=90_000)

    for _ in range(60):
        one = one.answered(now_ns=0, took_us=10)

    assert one.latency_us == 10


def test_failed__penalty__halves_with_time_and_is_bounded() -> None:
    one = health().failed(ErrorClass.MALFORMED, now_ns=0)
    many = health()
    for _ in range(100):
        many = many.failed(ErrorClass.DISPROVED, now_ns=0)

    halves = [one.penalty(seconds * PENALTY_HALVED_NS) for seconds in (0, 1, 2, 1_000_000)]
    assert halves == [5_000_000, 2_500_000, 1_250_000, 0]
    assert many.penalty(0) == PENALTY_MAX_US
    assert many.errors == {ErrorClass.DISPROVED: 100}


def test_failed__too_large__counted_but_not_held_against_it() -> None:
    one = health().failed(ErrorClass.TOO_LARGE, now_ns=0)

    assert (one.requests, one.errors, one.penalty(0)) == (1, {ErrorClass.TOO_LARGE: 1}, 0)


def test_failed__unreachable_again_and_again__avoided_for_longer_until_it_answers() -> None:
    one = health()
    ends = []
    for _ in range(10):
        one = one.failed(ErrorClass.UNREACHABLE, now_ns=0)
        ends.append(one.avoided_until_ns // S)

    assert ends == [1, 2, 4, 8, 8, 8, 8, 8, 8, 8]
    assert not one.answered(now_ns=0, took_us=None).is_avoided(1)


def test_failed__limited__asked_nothing_until_the_time_it_named() -> None:
    one = health().failed(ErrorClass.LIMITED, now_ns=5 * S, limited_s=7)

    assert one.is_limited(12 * S - 1)
    assert not one.is_limited(12 * S)


def test_blamed__answer_believed_before__no_further_request() -> None:
    one = health().answered(now_ns=0, took_us=None).blamed(ErrorClass.DISPROVED, now_ns=1)

    assert (one.requests, one.errors) == (1, {ErrorClass.DISPROVED: 1})


@pytest.mark.parametrize(
    ("latencies", "current", "order"),
    [
        ((50_000, 50_000), 0, [0, 1]),
        ((50_000, 30_000), 0, [0, 1]),  # better, but not clearly
        ((100_000, 40_000), 0, [0, 1]),  # less than half, by too little
        ((100_001, 40_000), 0, [1, 0]),
        ((100_001, 40_000), 1, [1, 0]),  # and it stays there
        ((40_000, 50_000), 1, [1, 0]),
        ((900, 100), 0, [0, 1]),  # both are fast: nothing to gain
        ((9_000_000, None), 0, [0, 1]),  # nothing is known of the other
        ((90_000, 80_000, 10_000), 0, [2, 1, 0]),
    ],
)
def test_asking_order__latencies__current_kept_unless_another_is_clearly_better(
    latencies: tuple[int | None, ...], current: int, order: list[int]
) -> None:
    healths = [health(str(place), latency_us=one) for place, one in enumerate(latencies)]

    assert asking_order(healths, current=current, now_ns=0) == order


def test_asking_order__errors__move_to_the_other_and_back_when_forgotten() -> None:
    fast = health("fast", latency_us=10_000).failed(ErrorClass.MALFORMED, now_ns=0)
    slow = health("slow", latency_us=200_000)

    at_once = asking_order([fast, slow], current=0, now_ns=0)
    later = asking_order([fast, slow], current=1, now_ns=10 * PENALTY_HALVED_NS)

    assert (at_once, later) == ([1, 0], [0, 1])


def test_asking_order__avoided_last_and_limited_not_at_all() -> None:
    down = health("down", latency_us=1).failed(ErrorClass.UNREACHABLE, now_ns=0)
    limited = health("limited").failed(ErrorClass.LIMITED, now_ns=0, limited_s=3)
    slow = health("slow", latency_us=9_000_000)

    assert asking_order([down, limited, slow], current=0, now_ns=0) == [2, 0]
    assert asking_order([down, limited], current=0, now_ns=0) == [0]
    assert asking_order([limited], current=0, now_ns=0) == []
    assert asking_order([limited], current=0, now_ns=3 * S) == [0]


def test_costs__lagging_head__costs_by_block() -> None:
    leads = EndpointHealth(host="a", head=BlockNumber(1_000))
    close = EndpointHealth(host="b", head=BlockNumber(1_000 - LAG_FREE_BLOCKS))
    lags = EndpointHealth(host="c", head=BlockNumber(1_000 - LAG_FREE_BLOCKS - 3))
    lost = EndpointHealth(host="d", head=BlockNumber(0))

    assert costs_us([leads, close, lags, lost], 0) == [0, 0, 300_000, 30_000_000]


def test_counts__of_other_processes__added_by_host_and_nothing_else() -> None:
    here = (
        health("a").failed(ErrorClass.LIMITED, now_ns=0).answered(now_ns=1, took_us=None),
        health("b"),
    )
    workers = (
        health("b").answered(now_ns=5, took_us=9_000_000),
        health("a").failed(ErrorClass.LIMITED, now_ns=0).failed(ErrorClass.MISSING, now_ns=0),
        health("a").answered(now_ns=5, took_us=1),
    )

    first, second = with_counts_of(here, workers)

    assert (first.host, first.requests) == ("a", 5)
    assert first.errors == {ErrorClass.LIMITED: 2, ErrorClass.MISSING: 1}
    assert (second.host, second.requests, second.errors) == ("b", 1, {})
    assert (first.penalty_us, first.latency_us) == (here[0].penalty_us, here[0].latency_us)
    assert second.latency_us == here[1].latency_us
