"""Which deadlines can have a step on some days: the rules of `reminder_steps` read backwards.

With these ranges a database finds the few tasks to look at. They may hold too many deadlines and
never too few; `tracker.domain.reminders` alone decides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from tracker.domain.calendar import Calendar, first_of_next_month, next_monday
from tracker.domain.reminder_rules import Rules
from tracker.domain.reminder_steps import Schedule, Step
from tracker.domain.status import Precision

DAY: Final = dt.timedelta(days=1)
WEEK: Final = 7 * DAY


class Range(NamedTuple):
    """Deadlines from `first` (the beginning of time) up to and including `last`."""

    first: dt.date
    last: dt.date


class Latest(NamedTuple):
    """Up to the deadline `until`, from where the one before ends, `step` is the latest one."""

    until: dt.date
    step: Step


@dataclass(frozen=True, slots=True)
class Window:
    """The days `first` to `last`, on which something may be sent."""

    rules: Rules
    calendar: Calendar
    first: dt.date
    last: dt.date

    @property
    def reached(self) -> Range:
        """The days of which a step that moves to the working day after is sent in the window."""
        return Range(self._open_day_before + DAY, self.last)

    def month_starts(self) -> list[dt.date]:
        """Return the first days of months among those."""
        found = []
        month = first_of_next_month(self._open_day_before)
        while month <= self.last:
            found.append(month)
            month = first_of_next_month(month)
        return found

    def owners(self, precision: Precision) -> list[Range]:
        """Return the deadlines with a step of the owner's side in the window."""
        return _merged((*self._before(precision), *self._late()))

    def ahead(self, precision: Precision) -> dt.date:
        """Return the last deadline of which a step has been reached by the window's last day."""
        return max((found.last for found in self._before(precision)), default=self.last)

    def told(self, days: int) -> Range:
        """Return the deadlines that are escalated in the window, so many days after."""
        first, last = self.reached
        return Range(first - days * DAY, last - days * DAY)

    @property
    def _open_day_before(self) -> dt.date:
        return self.calendar.working_day_on_or_before(self.first - DAY)

    def _before(self, precision: Precision) -> Iterator[Range]:
        # These move to the working day before, so the days up to the next one count too.
        last = self.calendar.working_day_on_or_after(self.last + DAY) - DAY
        is_year = precision is Precision.YEAR
        for days in self.rules.before_year_end if is_year else self.rules.before:
            yield Range(self.first + days * DAY, last + days * DAY)

    def _late(self) -> Iterator[Range]:
        if self.rules.late is None:
            return
        first, last = self.reached
        late, weeks = self.rules.late * DAY, self.rules.weeks * WEEK
        yield Range(first - late, last - late)
        monday = next_monday(first - DAY)
        if monday <= last:
            yield Range(monday - weeks - late, last - late - DAY)
        months = self.month_starts()
        if months and self.rules.monthly:
            # The last of the Mondays is at least so far behind.
            yield Range(dt.date.min, months[-1] - late - max(weeks - WEEK, dt.timedelta()) - DAY)


def latest_steps(
    rules: Rules, calendar: Calendar, day: dt.date, precision: Precision
) -> list[Latest]:
    """Return the latest step reached by the open day `day`, by deadline in ascending order.

    The rules must always have a step. Up to the first deadline it is the step of this month.
    """
    schedule = Schedule(rules, calendar, day)
    due = day.replace(day=1) - (rules.weeks * 7 + (rules.late or 0) + 1) * DAY
    end = Window(rules, calendar, day, day).ahead(precision)
    found: list[Latest] = []
    while due <= end:
        step = schedule.of_deadline(due, precision)[-1]
        if found and found[-1].step[:2] == step[:2]:
            found.pop()
        found.append(Latest(due, step))
        due += DAY
    return found


def _merged(ranges: Iterable[Range]) -> list[Range]:
    """Return the same days in as few ranges as possible, ascending."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1].last + DAY:
            found[-1] = Range(found[-1].first, max(found[-1].last, last))
        else:
            found.append(Range(first, last))
    return found
