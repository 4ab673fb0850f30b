"""Accounting periods: calendar months in UTC by chain time, closed one after another, per book.

    month      2026-10 closed │ 2026-11 open            An entry counts for the month in which it
    entry           late ─────┼──► counts for 2026-11   takes effect, or, if that is closed when it
    effective     Oct 30      │                         is recorded, for the first that is open.

A period is written as a number, 100 a year and 1 a month. Its end, like that of an epoch, is a
timestamp that is not in it.
"""

from functools import lru_cache
from typing import Protocol

from contracts.evm import BlockRef, Timestamp
from settlement.ledger.errors import PeriodRefused

_DAY = 86_400
_DAYS_TO_MARCH_0 = 719_468  # from 0000-03-01 to 1970-01-01
_DAYS_PER_ERA = 146_097  # 400 years


class PeriodBooks(Protocol):
    """What closing needs of one book, in one database transaction."""

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        ...

    def cursor(self) -> BlockRef | None:
        """The block up to which events are posted."""
        ...

    def closed_period(self) -> int | None:
        """The last month that is closed."""
        ...

    def first_period(self) -> int | None:
        """The month of the first entry; None while there is none."""
        ...

    def close_period(self, period: int, closed_by: str, booked_at: Timestamp) -> None:
        """Close a month, in which nothing can be recorded from then on, at a time of the books."""
        ...


def period_of(timestamp: Timestamp) -> int:
    """The month of a time."""
    return _period_of_day(timestamp // _DAY)


def next_period(period: int) -> int:
    """The month after."""
    year, month = divmod(period, 100)
    return (year + 1) * 100 + 1 if month == 12 else period + 1


def period_end(period: int) -> Timestamp:
    """The first second that is not in the month."""
    year, month = divmod(next_period(period), 100)
    return Timestamp(_days(year, month) * _DAY)


def assigned_period(effective_at: Timestamp, closed: int | None) -> int:
    """The month that an entry counts for, where `closed` is the last that is closed."""
    period = period_of(effective_at)
    return period if closed is None else max(period, next_period(closed))


def close(books: PeriodBooks, period: int, *, closed_by: str) -> None:
    """Close a month; everything before it must be closed.

    Raises:
        PeriodRefused: it is not over by the books' clock, not the next one, or not a month.
    """
    books.lock()
    if not 1 <= period % 100 <= 12 or period < 1970_01:
        raise PeriodRefused(period, "it is no month")
    if not closed_by.strip():
        raise PeriodRefused(period, "nobody is named who closes it")
    closed, first, cursor = books.closed_period(), books.first_period(), books.cursor()
    if closed is not None and period <= closed:
        raise PeriodRefused(period, f"the books are closed up to {closed}")
    due = next_period(closed) if closed is not None else first
    if due is not None and period > due:
        raise PeriodRefused(period, f"{due} is to be closed first")
    if cursor is None or cursor.timestamp < period_end(period):
        raise PeriodRefused(period, "it is not over by the last block that is posted")
    books.close_period(period, closed_by.strip(), cursor.timestamp)


@lru_cache(maxsize=1_024)
def _period_of_day(days: int) -> int:
    year, month = _civil(days)
    return year * 100 + month


def _civil(days: int) -> tuple[int, int]:
    """Year and month of a day since 1970-01-01, by eras of 400 years that begin in March."""
    era, day = divmod(days + _DAYS_TO_MARCH_0, _DAYS_PER_ERA)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day_of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month


def _days(year: int, month: int) -> int:
    """Days from 1970-01-01 to the first of a month."""
    year -= month <= 2
    era, year = divmod(year, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5
    day = year * 365 + year // 4 - year // 100 + day_of_year
    return era * _DAYS_PER_ERA + day - _DAYS_TO_MARCH_0
