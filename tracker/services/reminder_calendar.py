"""A month of coming reminders, counted by day, from the code that the runs use."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from config import Settings
from tracker.domain.calendar import DAY, first_of_next_month
from tracker.domain.roles import Person
from tracker.services import reminder_candidates, reminder_page
from tracker.services.closed_days import calendar
from tracker.services.reminder_page import Filters, Only
from tracker.services.reminder_preview import Coming, Foresight, lines

AHEAD: Final = 366
"""So many days from the next run on can be foreseen."""
COUNTED: Final = 1000
"""More tasks than these in a month are not counted by day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A date in a month's calendar."""

    date: dt.date
    is_closed: bool
    """Nothing is sent on it."""
    is_ahead: bool
    """It lies among the days that are foreseen."""
    mails: tuple[tuple[str, int], ...]
    """Who gets a mail, by name, and about how many tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The coming reminders of a month."""

    first: dt.date
    weeks: list[list[Day | None]]
    """From Monday to Sunday, those that have passed left out; None: a day of another month."""
    is_counted: bool
    """False: there are so many that only the days are named."""
    mails: int
    previous: dt.date | None
    """The first of the month before; None where it is not foreseen."""
    next: dt.date | None


def months(first: dt.date) -> list[dt.date]:
    """Return the first days of the months that are foreseen from the run of the date `first`."""
    found, last = [first.replace(day=1)], first + (AHEAD - 1) * DAY
    while (following := first_of_next_month(found[-1])) <= last:
        found.append(following)
    return found


def month(
    session: Session,
    *,
    by: Person,
    settings: Settings,
    now: dt.datetime,
    first: dt.date,
    of: dt.date,
    filters: Filters,
) -> Month:
    """Return the month that begins at `of`, one of `months(first)`.

    `first` is the local date of the next run. Of the `filters` the days do not count.
    """
    last = of.replace(day=monthrange(of.year, of.month)[1])
    shown = max(of, first), min(last, first + (AHEAD - 1) * DAY)
    foresight = Foresight(session, settings=settings, now=now, first=first)
    found = _lines(session, foresight, shown, reminder_page.only(session, by, filters, first=first))
    mails: defaultdict[dt.date, Counter[tuple[str, str]]] = defaultdict(Counter)
    for line in found or ():
        name = line.stand_in.name if line.stand_in else line.receiver.name
        mails[line.send_on][name, line.receiver.addressee] += 1
    closed = calendar(settings.closed_days)
    days = [
        Day(
            date=day,
            is_closed=closed.is_closed(day),
            is_ahead=shown[0] <= day <= shown[1],
            mails=tuple((name, count) for (name, _), count in mails[day].items()),
        )
        for day in (of + number * DAY for number in range(last.day))
    ]
    all_months = months(first)
    place = all_months.index(of)
    return Month(
        first=of,
        weeks=[week for week in _weeks(days) if any(day and day.date >= first for day in week)],
        is_counted=found is not None,
        mails=sum(map(len, mails.values())),
        previous=all_months[place - 1] if place else None,
        next=all_months[place + 1] if place + 1 < len(all_months) else None,
    )


def _lines(
    session: Session, foresight: Foresight, shown: tuple[dt.date, dt.date], only: Only
) -> list[Coming] | None:
    """Return what is sent on the days `shown`, or None where that is too much to count."""
    sought = foresight.sought(*shown, **only.sought)
    task_ids = reminder_candidates.ids_up_to(session, sought, most=COUNTED)
    if task_ids is None:
        return None
    finds = (find for tasks in foresight.tasks(task_ids) for find in foresight.finds(tasks, *shown))
    return only.of(list(lines(session, finds, by=only.by)))


def _weeks(days: list[Day]) -> list[list[Day | None]]:
    before = days[0].date.weekday()
    cells: list[Day | None] = [*[None] * before, *days]
    cells += [None] * (-len(cells) % 7)
    return [cells[place : place + 7] for place in range(0, len(cells), 7)]
