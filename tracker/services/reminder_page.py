"""The page of what comes: few enough lines to read, and no more work than they take."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import Settings
from tracker.domain.calendar import DAY, Calendar
from tracker.domain.roles import Person
from tracker.models import Actor, Task, User
from tracker.services import absences, privacy, reminder_audiences, reminder_candidates
from tracker.services.closed_days import calendar
from tracker.services.reminder_audiences import Receivers
from tracker.services.reminder_preview import Coming, Foresight, lines
from tracker.services.tasks import visible_to

MOST: Final = 200
"""More tasks or lines than these are shown one day at a time."""
PAGE_SIZE: Final = 100
LOOKED_AT: Final = 150
"""Tasks looked at together while a page is filled."""


class Whose(StrEnum):
    """Whose reminders are shown."""

    MINE = "mine"
    """The reader's own, and those that the reader will get for somebody who is away."""
    ORGANISATION = "organisation"
    """Those about the tasks of the reader's own actors."""
    ALL = "all"


def usual(person: Person) -> Whose:
    """Return what somebody wants to see first: the own reminders, where one may get any."""
    return Whose.MINE if person.member_of or person.is_coordinator else Whose.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to show of the coming `days` local dates."""

    days: int
    whose: Whose = Whose.ALL
    owner_id: int | None = None
    """The actor whose tasks it is about; None: anybody's."""
    text: str = ""
    """A part of the receiver's name, or of an address that the reader may know, or a reference."""
    day: dt.date | None = None
    """The one day to show; None: all, or the first of them where that is too much."""
    after: tuple[dt.date, int] | None = None
    """On that day: the deadline and id of the last task on the page before."""


@dataclass(frozen=True, slots=True)
class OneDay:
    """Which day a page shows, because it was chosen or there is too much for more of them."""

    day: dt.date
    before: dt.date | None
    """The working days beside it; None: they lie outside what is shown."""
    after: dt.date | None
    next: tuple[dt.date, int] | None
    """Where the day's next page begins."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some coming lines by day."""

    days: list[tuple[dt.date, list[Coming]]]
    one_day: OneDay | None = None
    """None: this is everything."""


@dataclass(frozen=True, slots=True)
class Only:
    """What the filters mean for a reader: which tasks to look at, and which lines to keep."""

    by: Person
    sought: dict[str, Any] = field(default_factory=dict)
    keeps: tuple[Callable[[Coming], bool], ...] = ()

    def of(self, coming: list[Coming]) -> list[Coming]:
        """Return the lines to keep."""
        return [line for line in coming if all(keep(line) for keep in self.keeps)]


def page(
    session: Session,
    *,
    by: Person,
    settings: Settings,
    now: dt.datetime,
    first: dt.date,
    filters: Filters,
) -> Page:
    """Return what the runs from the local date `first` on will send, or a part of it.

    Everything in the order of sending, then by receiver; where that is too much, one day by
    deadline.
    """
    only_these = only(session, by, filters, first=first)
    foresight = Foresight(session, settings=settings, now=now, first=first)
    last = first + (filters.days - 1) * DAY
    sought = foresight.sought(first, last, **only_these.sought)
    few = None
    if filters.day is None:
        few = reminder_candidates.ids_up_to(session, sought, most=MOST)
    if few is not None:
        coming = only_these.of(
            [
                line
                for tasks in foresight.tasks(few)
                for line in lines(session, foresight.finds(tasks, first, last), by=by)
            ]
        )
        if len(coming) <= MOST:
            by_day = groupby(coming, key=lambda line: line.send_on)
            return Page([(day, list(of_day)) for day, of_day in by_day])
    one_day = _choose(filters, first, last, calendar(settings.closed_days))
    sought = replace(sought, first=one_day.day, last=one_day.day)
    task_ids = reminder_candidates.ids(session, sought, after=filters.after)
    found = _fill(session, foresight, task_ids, one_day.day, only_these)
    # The lines of one task stay together.
    shown = found[:PAGE_SIZE] + [
        line for line in found[PAGE_SIZE:] if line.task == found[PAGE_SIZE - 1].task
    ]
    if len(shown) < len(found):
        end = shown[-1].task
        one_day = replace(one_day, next=(end.deadline or dt.date.max, end.id))
    return Page([(one_day.day, shown)] if shown else [], one_day)


def _fill(
    session: Session, foresight: Foresight, task_ids: list[int], day: dt.date, wanted: Only
) -> list[Coming]:
    """Return the lines of a day in the order of the tasks; enough to see whether there are more."""
    place = {task_id: number for number, task_id in enumerate(task_ids)}
    shown: list[Coming] = []
    for tasks in foresight.tasks(task_ids, LOOKED_AT):
        found = wanted.of(list(lines(session, foresight.finds(tasks, day, day), by=wanted.by)))
        shown += sorted(found, key=lambda line: place[line.task.id])
        if len(shown) > PAGE_SIZE and shown[-1].task != shown[PAGE_SIZE - 1].task:
            break
    return shown


def _choose(filters: Filters, first: dt.date, last: dt.date, closed: Calendar) -> OneDay:
    """Return the day that is asked for, or the first one, with those beside it."""
    start = closed.working_day_on_or_after(first)
    day = max(start, closed.working_day_on_or_before(min(filters.day or start, last)))
    before = closed.working_day_on_or_before(day - DAY)
    after = closed.working_day_on_or_after(day + DAY)
    return OneDay(day, before if before >= start else None, after if after <= last else None, None)


def only(session: Session, by: Person, filters: Filters, *, first: dt.date) -> Only:
    """Return which tasks `filters` look at and which lines they keep, for the reader `by`.

    `first` is the local date of the next run.
    """
    sought: dict[str, Any] = {}
    keeps: list[Callable[[Coming], bool]] = []
    wanted = filters.text.strip().lower()
    if wanted:
        keeps.append(lambda line: _is_named(line, wanted))
    owner_ids = None if filters.owner_id is None else frozenset({filters.owner_id})
    match filters.whose:
        case Whose.MINE:
            absent = absences.stood_in_for(session, user_ids=[by.user_id], from_on=first)
            sought["receivers"] = reminder_audiences.receivers(
                session, user_ids=[by.user_id, *sorted(absent)]
            )
            keeps.append(lambda line: _is_mine(line, by.user_id))
        case Whose.ORGANISATION:
            owner_ids = by.actor_ids if owner_ids is None else owner_ids & by.actor_ids
    if owner_ids is not None:
        sought["owner_ids"] = owner_ids
        keeps.append(lambda line: line.task.owner_id in owner_ids)
    if wanted and filters.whose != Whose.MINE:
        sought["receivers"] = _receivers_named(session, wanted, by, first)
        sought["task_id"] = session.scalar(
            visible_to(by).with_only_columns(Task.id).where(func.lower(Task.ref) == wanted)
        )
    return Only(by, sought, tuple(keeps))


def _is_mine(line: Coming, user_id: int) -> bool:
    """Return whether it is a reminder of the reader's own, or one that the reader will get."""
    is_stand_in = line.stand_in is not None and line.stand_in.user_id == user_id
    return is_stand_in or line.receiver.addressee == f"user:{user_id}"


def _is_named(line: Coming, wanted: str) -> bool:
    receiver, stand_in = line.receiver, line.stand_in.name if line.stand_in else ""
    names = f"{receiver.name}\n{receiver.email}\n{stand_in}".lower()
    return wanted in names or wanted == line.task.ref.lower()


def _receivers_named(session: Session, wanted: str, by: Person, first: dt.date) -> Receivers:
    # SQLite's lower() knows no letters beyond z, so the names are read.
    named: list[list[int]] = []
    known: list[set[int]] = []
    for model in (User, Actor):
        rows = session.execute(
            select(model.id, model.name, model.email, privacy.is_known(model, by))
        ).all()
        known.append({row_id for row_id, _name, _email, is_known in rows if is_known})
        named.append(
            [
                row_id
                for row_id, name, email, is_known in rows
                if wanted in name.lower() or (is_known and wanted in (email or "").lower())
            ]
        )
    (users, mailboxes), (known_users, _) = named, known
    absent = absences.stood_in_for(session, user_ids=users, from_on=first)
    users += sorted(absent & known_users)
    return reminder_audiences.receivers(session, user_ids=users, mailboxes=mailboxes)
