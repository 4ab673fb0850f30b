"""Sliding windows, by a clock that the test sets: api.rate_limits."""

import asyncio
import random

import pytest

from api.rate_limits import (
    SLOTS,
    Limiter,
    LocalWindows,
    Rate,
    RateClass,
    Rates,
    Taken,
    rate_class_of,
)
from contracts.evm import Timestamp

RATE = Rate(3, window_s=60)  # slots of five seconds
START = 1_000_000  # the first second of a slot


def taken(windows: LocalWindows, at: int, client: str = "a") -> Taken:
    return windows.take(client, Timestamp(START + at))


def test_window__within_the_limit__admitted_and_counted_down() -> None:
    windows = LocalWindows(RATE)

    assert [taken(windows, 0).remaining for _ in range(3)] == [2, 1, 0]
    assert taken(windows, 0) == Taken(is_admitted=False, remaining=0, reset_s=65)


@pytest.mark.parametrize(("first", "forgotten"), [(0, 65), (4, 65), (5, 70), (9, 70)])
def test_window__edge__a_request_counts_for_the_window_and_a_slot_at_most(
    first: int, forgotten: int
) -> None:
    windows = LocalWindows(RATE)
    for _ in range(3):
        taken(windows, first)

    refused = taken(windows, forgotten - 1)

    assert refused == Taken(is_admitted=False, remaining=0, reset_s=1)
    assert forgotten - first > RATE.window_s
    assert taken(windows, forgotten).is_admitted


def test_window__slides__oldest_forgotten_first() -> None:
    windows = LocalWindows(RATE)
    for at in (0, 20, 40):
        assert taken(windows, at).is_admitted

    assert taken(windows, 64) == Taken(is_admitted=False, remaining=0, reset_s=1)
    assert taken(windows, 65) == Taken(is_admitted=True, remaining=0, reset_s=20)
    assert not taken(windows, 66).is_admitted
    assert taken(windows, 85).is_admitted


def test_window__refused_requests__do_not_count() -> None:
    windows = LocalWindows(RATE)
    for at in range(65):
        taken(windows, at)

    assert [taken(windows, 65).is_admitted for _ in range(4)] == [True, True, True, False]


def test_window__long_pause__everything_forgotten() -> None:
    windows = LocalWindows(RATE)
    for _ in range(4):
        taken(windows, 0)

    assert taken(windows, 10_000).remaining == 2


def test_window__clock_set_back__nothing_is_forgotten_for_it() -> None:
    windows = LocalWindows(RATE)
    for _ in range(3):
        taken(windows, 100)

    assert not taken(windows, 0).is_admitted
    assert not taken(windows, 164).is_admitted
    assert taken(windows, 165).is_admitted


def test_window__any_history__no_window_holds_more_than_the_limit() -> None:
    source = random.Random(1)
    for _ in range(50):
        windows, admitted, at = LocalWindows(Rate(5, window_s=24)), [], 0
        for _ in range(300):
            at += source.choice((0, 0, 0, 1, 1, 2, 5, 30))
            if taken(windows, at).is_admitted:
                admitted.append(at)
        assert all(late - early >= 24 for early, late in zip(admitted, admitted[5:], strict=False))
        assert len(admitted) > 50


def test_window__clients__do_not_share() -> None:
    windows = LocalWindows(Rate(1))

    assert taken(windows, 0, "a").is_admitted
    assert taken(windows, 0, "b").is_admitted
    assert not taken(windows, 0, "a").is_admitted


def test_window__active_client__survives_the_change_of_generations() -> None:
    windows = LocalWindows(RATE)
    for at in (0, 60, 64):
        taken(windows, at)
    taken(windows, 66, "somebody new")  # turns the generations

    assert taken(windows, 67).remaining == 0
    assert not taken(windows, 68).is_admitted


def test_window__crowd__memory_is_bounded() -> None:
    windows = LocalWindows(Rate(1), clients_max=10)
    for client in range(1_000):
        assert taken(windows, 0, str(client)).is_admitted

    kept = len(windows._young) + len(windows._old)
    assert kept <= 20
    assert not taken(windows, 0, "999").is_admitted


@pytest.mark.parametrize(("limit", "window_s"), [(0, 60), (1, 61), (1, 6), (1, 0)])
def test_rate__not_countable__refused(limit: int, window_s: int) -> None:
    with pytest.raises(ValueError, match=f"{SLOTS} slots"):
        Rate(limit, window_s)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("GET", "/metrics", None),
        ("GET", "/v1/status", RateClass.READS),
        ("GET", "/v1/sessions", RateClass.READS),
        ("GET", "/nothing", RateClass.READS),
        ("POST", "/v1/proofs/verify", RateClass.READS),
        ("POST", "/v1/settlements/main/proofs/verify", RateClass.READS),
        ("POST", "/v1/sessions", RateClass.AUTHENTICATION),
        ("POST", "/v1/sessions/nonce", RateClass.AUTHENTICATION),
        ("DELETE", "/v1/sessions", RateClass.PAYMENTS),
        ("POST", "/v1/payments/intents", RateClass.PAYMENTS),
        ("POST", "/v1/settlements/main/payments/intents", RateClass.PAYMENTS),
        ("PUT", "/v1/nothing", RateClass.PAYMENTS),
    ],
)
def test_class__method_and_path(method: str, path: str, expected: RateClass | None) -> None:
    assert rate_class_of(method, path) is expected


class Shared:
    """Shared windows that answer what they are told to."""

    def __init__(self, *answers: Taken | None) -> None:
        self.answers = list(answers)

    async def take(
        self, rate_class: RateClass, rate: Rate, client: str, now: Timestamp
    ) -> Taken | None:
        return self.answers.pop(0)


def test_limiter__shared_windows__have_the_last_word() -> None:
    elsewhere = Taken(is_admitted=False, remaining=0, reset_s=7)
    limiter = Limiter(Rates(payments=RATE), Shared(elsewhere))

    answer = asyncio.run(limiter.take(RateClass.PAYMENTS, "a", Timestamp(START)))

    assert answer == elsewhere


def test_limiter__shared_windows_go_away__no_fresh_allowance() -> None:
    admitted = Taken(is_admitted=True, remaining=1, reset_s=65)
    limiter = Limiter(Rates(authentication=RATE), Shared(admitted, admitted, None))

    async def answers() -> list[bool]:
        return [
            (await limiter.take(RateClass.AUTHENTICATION, "a", Timestamp(START))).is_admitted
            for _ in range(4)  # the fourth is refused here: nobody else is asked
        ]

    assert asyncio.run(answers()) == [True, True, True, False]
