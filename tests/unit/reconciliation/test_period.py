"""`reconciliation.period`."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Timestamp
from reconciliation.errors import BadPeriod
from reconciliation.period import Period, date_of, month_period, period_from_text, time_of
from settlement.royalties.epoch import Timeline

TIMELINE = Timeline(genesis=Timestamp(1_000), length=100, grace=20)


@given(st.integers(0, 253_402_300_799))
def test_time__any_second__as_the_standard_library(second: int) -> None:
    expected = datetime.fromtimestamp(second, UTC)

    assert date_of(Timestamp(second)) == expected.date().isoformat()
    assert time_of(Timestamp(second)) == expected.isoformat().replace("+00:00", "Z")


@given(st.integers(1970, 9998), st.integers(1, 12))
def test_month__any__as_the_standard_library(year: int, month: int) -> None:
    period = month_period(year, month)

    assert period.start == int(datetime(year, month, 1, tzinfo=UTC).timestamp())
    last = datetime.fromtimestamp(period.end - 1, UTC)
    assert (last.year, last.month) == (year, month)
    assert datetime.fromtimestamp(period.end, UTC).day == 1
    assert period.month == year * 100 + month


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "1970-01",
            Period(name="1970-01", start=Timestamp(0), end=Timestamp(2_678_400), month=197001),
        ),
        (
            "epoch:3",
            Period(name="epoch:3", start=Timestamp(1_300), end=Timestamp(1_400), month=None),
        ),
        (
            "epoch:0-2",
            Period(name="epoch:0-2", start=Timestamp(1_000), end=Timestamp(1_300), month=None),
        ),
    ],
)
def test_period__text__read(text: str, expected: Period) -> None:
    assert period_from_text(text, TIMELINE) == expected


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-1", "epoch:", "epoch:-1", "epoch:3-2", "2026-11 ", "1969-12"],
)
def test_period__bad_text__refused(text: str) -> None:
    with pytest.raises(BadPeriod):
        period_from_text(text, TIMELINE)


def test_period__epoch_without_clock__refused() -> None:
    with pytest.raises(BadPeriod, match="clock"):
        period_from_text("epoch:1", None)
