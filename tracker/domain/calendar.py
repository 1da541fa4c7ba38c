"""Days on which nothing is sent, and when a deadline of a given precision falls due."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tracker.domain.status import Precision

DAY: Final = dt.timedelta(days=1)
SATURDAY: Final = 5
YEAR_END: Final = frozenset({(12, 24), (12, 31)})
"""Month and day of the closed days that an installation starts with."""


class Period(StrEnum):
    """A stretch of days that many Norwegian offices keep closed, offered by its name."""

    EASTER_WEEK = "easter_week"
    """Påskeuke: Monday to Wednesday before Easter (the days after are public holidays)."""
    SUMMER = "summer"
    """Fellesferie: weeks 28, 29 and 30."""
    ROMJUL = "romjul"
    """27 to 30 December."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The closed days: weekends, public holidays and the installation's own."""

    public_holidays: Callable[[int], Collection[dt.date]]
    """Gives the public holidays of a year."""
    recurring: frozenset[tuple[int, int]] = YEAR_END
    """Month and day of days closed every year."""
    single: frozenset[dt.date] = frozenset()
    periods: frozenset[Period] = frozenset()
    _years: dict[int, frozenset[dt.date]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def is_closed(self, day: dt.date) -> bool:
        """Return whether nothing is sent on `day`."""
        if day.weekday() >= SATURDAY:
            return True
        closed = self._years.get(day.year)
        if closed is None:
            closed = self._years[day.year] = self._closed_in(day.year)
        return day in closed or (day.month, day.day) in self.recurring

    def working_day_on_or_before(self, day: dt.date) -> dt.date:
        """Return `day` itself, or the nearest open day before it."""
        return self._nearest(day, -DAY)

    def working_day_on_or_after(self, day: dt.date) -> dt.date:
        """Return `day` itself, or the nearest open day after it."""
        return self._nearest(day, DAY)

    def _nearest(self, day: dt.date, step: dt.timedelta) -> dt.date:
        nearest = day
        while self.is_closed(nearest):
            nearest += step
            if abs((nearest - day).days) > 366:
                raise ValueError(f"no open day within a year of {day}")
        return nearest

    def _closed_in(self, year: int) -> frozenset[dt.date]:
        named = (day for period in self.periods for day in days_of(period, year))
        return frozenset(self.public_holidays(year)) | self.single | frozenset(named)


EVERY_WEEK: Final = Calendar(lambda _year: (), recurring=frozenset())
"""Closed at weekends only."""


def days_of(period: Period, year: int) -> list[dt.date]:
    """Return the days of `period` in `year`; those that are closed anyway may be missing."""
    match period:
        case Period.EASTER_WEEK:
            first, last = easter(year) - 6 * DAY, easter(year) - 4 * DAY
        case Period.SUMMER:
            first = dt.date.fromisocalendar(year, 28, 1)
            last = dt.date.fromisocalendar(year, 30, 7)
        case Period.ROMJUL:
            first, last = dt.date(year, 12, 27), dt.date(year, 12, 30)
    return [first + number * DAY for number in range((last - first).days + 1)]


def easter(year: int) -> dt.date:
    """Return Easter Sunday of `year` (the anonymous Gregorian algorithm, Nature 1876)."""
    cycle = year % 19
    century, of_century = divmod(year, 100)
    leaps, rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * cycle + century - leaps - correction + 15) % 30
    quarter, remainder = divmod(of_century, 4)
    weekday = (32 + 2 * rest + 2 * quarter - epact - remainder) % 7
    late = (cycle + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return dt.date(year, month, day + 1)


def due_date(day: dt.date, precision: Precision) -> dt.date:
    """Return the last day of the period that `day` stands for: its day, month or year."""
    if precision is Precision.YEAR:
        return dt.date(day.year, 12, 31)
    if precision is Precision.MONTH:
        return day.replace(day=monthrange(day.year, day.month)[1])
    return day


def first_of_next_month(day: dt.date) -> dt.date:
    """Return the first day of the month after that of `day`."""
    return dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)


def next_monday(day: dt.date) -> dt.date:
    """Return the first Monday strictly after `day`."""
    return day + dt.timedelta(days=7 - day.weekday())
