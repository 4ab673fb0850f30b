"""Periods of the books: calendar months in UTC, and runs of epochs; `[start, end)` in chain time.

    2026-11          all of November 2026
    epoch:3          epoch 3
    epoch:3-5        epochs 3, 4 and 5

A month is an accounting period: which month an entry belongs to stands in the journal, because what
comes late goes to the first month that is still open. Epochs are not closed; an entry belongs to
that of the second at which it took effect. Dates are computed here, in whole days, since nothing
pure may ask a clock or a time zone.

Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil).
"""

import re
from dataclasses import dataclass

from contracts.evm import Epoch, Timestamp
from reconciliation.errors import BadPeriod
from settlement.royalties.epoch import Timeline

DAY_S = 86_400
_MONTHS = 12
_ERA_DAYS, _ERA_YEARS = 146_097, 400
_EPOCH_DAY = 719_468  # days from 0000-03-01 to 1970-01-01
_YEAR_DAYS, _FOUR_YEARS_DAYS, _CENTURY_DAYS = 365, 1_460, 36_524
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_EPOCHS = re.compile(r"epoch:(0|[1-9]\d{0,8})(?:-(0|[1-9]\d{0,8}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of chain time with the name that it was asked for by.

    `month` is the accounting period, as YYYYMM, where it is one.
    """

    name: str
    start: Timestamp
    end: Timestamp
    month: int | None

    def __post_init__(self) -> None:
        """Refuse a period without a second."""
        if not 0 <= self.start < self.end:
            raise BadPeriod(self.name, "it ends as it begins or before, or begins before 1970")


ALL_TIME = Period(name="all", start=Timestamp(0), end=Timestamp(2**62), month=None)
"""Every entry there is."""


def period_from_text(text: str, timeline: Timeline | None) -> Period:
    """Read a period; epochs need the timeline of their settlement.

    Raises:
        BadPeriod: it is spelled otherwise, or names epochs where no timeline is known.
    """
    if month := _MONTH.fullmatch(text):
        return month_period(int(month[1]), int(month[2]))
    if epochs := _EPOCHS.fullmatch(text):
        if timeline is None:
            raise BadPeriod(text, "the clock of the settlement is not indexed yet")
        first = Epoch(int(epochs[1]))
        last = Epoch(int(epochs[2])) if epochs[2] is not None else first
        start, end = timeline.start_of(first), timeline.end_of(last)
        return Period(name=text, start=start, end=end, month=None)
    raise BadPeriod(text, "write YYYY-MM, epoch:N or epoch:N-M")


def month_period(year: int, month: int) -> Period:
    """One calendar month in UTC."""
    next_year, next_month = (year + 1, 1) if month == _MONTHS else (year, month + 1)
    return Period(
        name=f"{year:04}-{month:02}",
        start=Timestamp(_day_number(year, month, 1) * DAY_S),
        end=Timestamp(_day_number(next_year, next_month, 1) * DAY_S),
        month=year * 100 + month,
    )


def date_of(timestamp: Timestamp) -> str:
    """The day in UTC that a second belongs to, as YYYY-MM-DD."""
    era, day = divmod(timestamp // DAY_S + _EPOCH_DAY, _ERA_DAYS)
    leaps = day // _FOUR_YEARS_DAYS - day // _CENTURY_DAYS + day // (_ERA_DAYS - 1)
    year = (day - leaps) // _YEAR_DAYS
    day -= _YEAR_DAYS * year + year // 4 - year // 100
    month = (5 * day + 2) // 153  # counted from March
    number = day - (153 * month + 2) // 5 + 1
    name = month + 3 if month < 10 else month - 9
    return f"{era * _ERA_YEARS + year + (name <= 2):04}-{name:02}-{number:02}"


def time_of(timestamp: Timestamp) -> str:
    """A second as ISO 8601 in UTC."""
    minutes, seconds = divmod(timestamp % DAY_S, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{date_of(timestamp)}T{hours:02}:{minutes:02}:{seconds:02}Z"


def _day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01."""
    era, of_era = divmod(year - (month <= 2), _ERA_YEARS)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return (
        era * _ERA_DAYS + of_era * _YEAR_DAYS + of_era // 4 - of_era // 100 + of_year - _EPOCH_DAY
    )
