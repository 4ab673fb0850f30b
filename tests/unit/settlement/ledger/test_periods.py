"""`settlement.ledger.periods`."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.evm import BlockNumber, BlockRef, Timestamp
from settlement.ledger.errors import PeriodRefused
from settlement.ledger.periods import (
    assigned_period,
    close,
    next_period,
    period_end,
    period_of,
)
from tests.ledger_builders import work

OCTOBER_END = Timestamp(int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()))


class Periods:
    """Closed months in memory; serves `periods.PeriodBooks`."""

    def __init__(self, time: int, *, first: int | None = 202609) -> None:
        self.closed: list[int] = []
        self._first = first
        self._cursor = BlockRef(
            number=BlockNumber(1), hash=work(1), parent_hash=work(0), timestamp=Timestamp(time)
        )

    def lock(self) -> None:
        pass

    def cursor(self) -> BlockRef | None:
        return self._cursor

    def closed_period(self) -> int | None:
        return max(self.closed, default=None)

    def first_period(self) -> int | None:
        return self._first

    def close_period(self, period: int, closed_by: str, booked_at: Timestamp) -> None:
        self.closed.append(period)


def test_period_of__every_day_of_two_centuries__as_the_calendar_says() -> None:
    day = datetime(1970, 1, 1, tzinfo=UTC)
    for number in range(0, 73_000, 7):
        date = day + timedelta(days=number)
        assert period_of(Timestamp(number * 86_400 + 86_399)) == date.year * 100 + date.month


def test_period_end__any_month__first_second_of_the_next() -> None:
    for period in (197001, 199912, 200002, 210002, 202402, 202612):
        end = datetime.fromtimestamp(period_end(period), tz=UTC)

        assert (end.day, end.hour, end.minute, end.second) == (1, 0, 0, 0)
        assert end.year * 100 + end.month == next_period(period)


@pytest.mark.parametrize(
    ("closed", "expected"), [(None, 202610), (202609, 202610), (202610, 202611), (202612, 202701)]
)
def test_assigned_period__last_second_of_october__october_or_the_first_open(
    closed: int | None, expected: int
) -> None:
    assert assigned_period(Timestamp(OCTOBER_END - 1), closed) == expected


def test_close__months_in_order__closed() -> None:
    books = Periods(OCTOBER_END)

    close(books, 202609, closed_by="ann")
    close(books, 202610, closed_by="ann")

    assert books.closed == [202609, 202610]


@pytest.mark.parametrize(
    ("period", "time", "by", "why"),
    [
        (202610, OCTOBER_END, "ann", "202609 is to be closed first"),
        (202609, period_end(202609) - 1, "ann", "not over"),
        (202613, OCTOBER_END, "ann", "no month"),
        (196912, OCTOBER_END, "ann", "no month"),
        (202609, OCTOBER_END, " ", "nobody"),
    ],
)
def test_close__not_due__refused(period: int, time: int, by: str, why: str) -> None:
    with pytest.raises(PeriodRefused, match=why):
        close(Periods(time), period, closed_by=by)
