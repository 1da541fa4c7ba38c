"""Where the demonstration's days lie, so that the same story holds on whatever day it is made."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from tracker import clock
from tracker.data.demonstration import Due
from tracker.domain.calendar import DAY, Calendar, due_date
from tracker.domain.status import Precision

FIRST_HOUR: Final = dt.time(8, 10)
BETWEEN: Final = dt.timedelta(minutes=37)


@dataclass(frozen=True)
class Days:
    """The days around `today` (local date) in the IANA zone `timezone`."""

    today: dt.date
    timezone: str
    calendar: Calendar

    def run_day(self, number: int) -> dt.date:
        """Return the working day from today on with this number; 0 is the first."""
        day = self.calendar.working_day_on_or_after(self.today)
        for _ in range(number):
            day = self.calendar.working_day_on_or_after(day + DAY)
        return day

    def working_days_before(self, count: int) -> list[dt.date]:
        """Return the last `count` working days before today, earliest first."""
        found = [self.calendar.working_day_on_or_before(self.today - DAY)]
        while len(found) < count:
            found.append(self.calendar.working_day_on_or_before(found[-1] - DAY))
        return found[::-1]

    def moment(self, days_ago: int, number: int = 0) -> dt.datetime:
        """Return the moment of the task's event `number`, in the office hours of a working day."""
        day = self.calendar.working_day_on_or_before(self.today - days_ago * DAY)
        local = dt.datetime.combine(day, FIRST_HOUR, ZoneInfo(self.timezone)) + number * BETWEEN
        return local.astimezone(dt.UTC)

    def local_date(self, moment: dt.datetime) -> dt.date:
        """Return the date that an aware `moment` falls on here."""
        return clock.local_date(moment, self.timezone)

    def deadline(self, due: Due) -> tuple[dt.date, Precision]:
        """Return the last day of a deadline and how precisely it is set."""
        if due.step is not None:
            return self._meeting(due.step, self.run_day(due.run)), Precision.DAY
        if due.months is not None:
            year, month = divmod(self.today.month - 1 + due.months, 12)
            first = dt.date(self.today.year + year, month + 1, 1)
            return due_date(first, Precision.MONTH), Precision.MONTH
        if due.years is not None:
            first = dt.date(self.today.year + due.years, 1, 1)
            return due_date(first, Precision.YEAR), Precision.YEAR
        return self.in_days(due.days or 0), Precision.DAY

    def in_days(self, days: int) -> dt.date:
        """Return the first working day from so many days after today on; before it if negative."""
        return self.calendar.working_day_on_or_after(self.today + days * DAY)

    def _meeting(self, step: int, run_day: dt.date) -> dt.date:
        """Return the first working day whose reminder `step` is sent on `run_day` or later."""
        # No run of closed days in the Norwegian calendar is longer than this.
        day = self.calendar.working_day_on_or_after(run_day - (step + 14) * DAY)
        while self._sent_on(day, step) < run_day:
            day = self.calendar.working_day_on_or_after(day + DAY)
        return day

    def _sent_on(self, deadline: dt.date, step: int) -> dt.date:
        nominal = deadline + step * DAY
        if step > 0:
            return self.calendar.working_day_on_or_after(nominal)
        return self.calendar.working_day_on_or_before(nominal)
