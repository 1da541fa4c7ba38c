"""Finds the tasks that can have something to be sent on some days, without looking at the others.

Only `tracker.domain.reminders` decides what is sent. These conditions say the same of its rules in
SQL, but more loosely: they may find too many tasks and never too few. What has been planned
already is left out where that saves much.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    text,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from config import Settings
from tracker.domain.reminder_facts import Audience
from tracker.domain.reminder_rules import ALL, DEFAULT, RuleBook, Rules
from tracker.domain.reminder_steps import StepKind
from tracker.domain.reminder_windows import DAY, Window, latest_steps
from tracker.domain.roles import Role
from tracker.domain.status import Precision, Status
from tracker.models import DeadlineChange, Membership, Reminder, Snooze, StatusUpdate, Task
from tracker.models.tasks import OPEN, UNSETTLED
from tracker.models.updates import REPORT_ENDED
from tracker.services.closed_days import calendar
from tracker.services.reminder_audiences import (
    Concerned,
    Condition,
    Receivers,
    planned,
    planned_for_person,
    some,
    some_other,
)
from tracker.services.reminder_facts import NEWS_DAYS
from tracker.services.tasks import visible_to

Tasks: TypeAlias = Select[Any]
To: TypeAlias = Callable[[Any], list[Condition]]
"""Gives the ways in which somebody sought is concerned, by the column of the owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is sought: something that may be sent on the days `first` to `last`.

    It is seen from the runs of the date `run_from` and later: the first of them also plans what
    had been reached before. The facts are those of the moment `now`.
    """

    settings: Settings
    rules: RuleBook
    now: dt.datetime
    run_from: dt.date
    first: dt.date
    last: dt.date
    is_resumed: bool = False
    """Some have had the digest of `run_from`, so what was reached before waits for the next run."""
    receivers: Receivers | None = None
    """None: everybody."""
    owner_ids: Collection[int] | None = None
    """The actors that own the tasks; None: any."""
    task_id: int | None = None
    """A task that is sought besides, whoever gets mail about it."""


def ids(session: Session, sought: Sought, *, after: tuple[dt.date, int] | None = None) -> list[int]:
    """Return the ids of the tasks, by deadline and then id, from those after that pair on."""
    found = union(*_Search(sought).branches()).subquery()
    query = (
        visible_to(None)
        .with_only_columns(Task.id)
        .where(Task.id.in_(select(found.c.id)))
        .order_by(Task.deadline_key, Task.id)
    )
    if after is not None:
        due, task_id = after
        query = query.where(
            or_(Task.deadline_key > due, and_(Task.deadline_key == due, Task.id > task_id))
        )
    return list(session.scalars(query))


def ids_up_to(session: Session, sought: Sought, *, most: int) -> list[int] | None:
    """Return the same in no order, or None where there are more than `most`, found at once."""
    found = union_all(*_Search(sought).branches()).subquery()
    # What several searches find is counted several times; a few times more is too much anyway.
    limit = 10 * most
    seen = session.scalars(select(found.c.id).limit(limit)).all()
    task_ids = sorted(set(seen))
    return None if len(seen) == limit or len(task_ids) > most else task_ids


# Not the columns themselves: SQLite would take their indexes, where others are better.
_STATUS: Final = func.coalesce(Task.status, "")
_OWNER: Final = func.coalesce(Task.owner_id, 0)


class _Search:
    """The searches that together find the tasks; each begins with an index."""

    def __init__(self, sought: Sought) -> None:
        self._sought = sought
        self._concerned = Concerned(sought.receivers)
        self._zone = ZoneInfo(sought.settings.timezone)
        self._calendar = calendar(sought.settings.closed_days)
        self._groups = list(_groups(sought.rules))

    def branches(self) -> Iterator[Tasks]:
        """Give the searches."""
        if self._sought.task_id is not None:
            yield from self._tasks(Task.id == self._sought.task_id, to=lambda _: [true()])
        yield from self._decisions()
        yield from self._new_steps()
        day = self._first_run_day
        if day is not None:
            yield from self._reached_before(day)
            yield from self._news()

    @cached_property
    def _first_run_day(self) -> dt.date | None:
        """The last of the days that plan what was reached earlier; None: it is not in sight."""
        sought = self._sought
        starts = [sought.run_from + DAY, sought.run_from][not sought.is_resumed :]
        days = (self._calendar.working_day_on_or_after(start) for start in starts)
        return next((day for day in days if sought.first <= day <= sought.last), None)

    def _tasks(self, *conditions: Condition, to: To, owner: Any = _OWNER) -> Iterator[Tasks]:
        """Give a search for each way in which somebody sought is concerned."""
        owners = self._sought.owner_ids
        of_owners = [] if owners is None else [owner.in_(owners)]
        for concerned in to(owner):
            yield (
                visible_to(None)
                .with_only_columns(Task.id)
                .where(*conditions, concerned, *of_owners)
            )

    def _by_deadline(self, *conditions: Condition, to: To) -> Iterator[Tasks]:
        """Give such searches for open tasks by a range of deadlines."""
        return self._tasks(OPEN, *conditions, to=to, owner=Task.owner_id)

    # What is found

    def _decisions(self) -> Iterator[Tasks]:
        """Give what waits for the secretariat, and that is not much."""
        to = self._concerned.to_coordinators
        yield from self._tasks(OPEN, Task.status == Status.REPORTED_DONE, to=to)
        asking = select(DeadlineChange.task_id).where(DeadlineChange.outcome.is_(None))
        yield from self._tasks(OPEN, Task.id.in_(asking), to=to)

    def _new_steps(self) -> Iterator[Tasks]:
        """Give the tasks with a step that is reached within the days."""
        for rules, applies in self._groups:
            yield from self._new_steps_by(rules, applies)
        window = Window(DEFAULT, self._calendar, self._sought.first, self._sought.last)
        first, last = window.reached
        resumed = and_(_STATUS == Status.ON_HOLD, Task.look_again_on.between(first, last))
        yield from self._tasks(OPEN, resumed, to=self._concerned.to_anybody)
        awake = select(Snooze.task_id).where(
            Snooze.ended_at.is_(None), Snooze.until.between(first, last)
        )
        yield from self._tasks(OPEN, Task.id.in_(awake), to=_to_whomever)
        months = window.month_starts()
        if months:
            entered = Task.created_at < self._midnight(months[-1])
            yield from self._tasks(*_UNSETTLED, entered, to=self._concerned.to_coordinators)

    def _new_steps_by(self, rules: Rules, applies: Condition) -> Iterator[Tasks]:
        """Give those of them that some rules are the cause of, which apply to some tasks."""
        window = Window(rules, self._calendar, self._sought.first, self._sought.last)
        first, last = window.reached
        for is_precise, precision in _PRECISIONS:
            for due in window.owners(precision):
                yield from self._by_deadline(
                    applies,
                    Task.deadline_key.between(*due),
                    is_precise,
                    self._is_active(last),
                    to=self._to_reminded(rules),
                )
        for days, to in (
            (rules.leads_told, self._concerned.to_leads),
            (rules.coordinator_told, self._concerned.to_coordinators),
        ):
            if days is not None:
                late = Task.deadline_key.between(*window.told(days))
                yield from self._by_deadline(applies, late, self._is_active(last), to=to)
        if rules.silence is None:
            return
        since, until = (day - rules.silence * DAY for day in (first, last))
        began = or_(
            Task.created_at >= self._midnight(since),
            Task.assigned_at >= self._midnight(since),
            Task.last_update_at >= self._midnight(since),
            Task.deadline_none_on >= since,
            Task.look_again_on >= since,
        )
        silent = self._is_silent(until)
        yield from self._tasks(OPEN, applies, silent, began, to=self._concerned.to_owner)

    def _to_reminded(self, rules: Rules) -> To:
        return _to_whomever if rules.reaches_others else self._concerned.to_owner

    def _reached_before(self, day: dt.date) -> Iterator[Tasks]:
        """Give what was reached by `day` and has not been planned."""
        for rules, applies in self._groups:
            yield from self._reached_before_by(rules, applies, day)
        coordinator = Membership.role == Role.COORDINATOR
        again = planned_for_person(StepKind.LOOK_AGAIN, cast(Task.look_again_on, String))
        yield from self._tasks(
            OPEN,
            _STATUS == Status.ON_HOLD,
            Task.look_again_on <= day,
            ~again,
            to=self._concerned.to_owner,
        )
        month = day.replace(day=1)
        told = planned(
            Audience.COORDINATOR,
            StepKind.UNSETTLED,
            month.strftime("%Y-%m"),
            Membership.user_id,
        )
        yield from self._tasks(
            *_UNSETTLED,
            Task.created_at < self._midnight(month),
            some(coordinator, ~told),
            to=self._concerned.to_coordinators,
        )

    def _reached_before_by(self, rules: Rules, applies: Condition, day: dt.date) -> Iterator[Tasks]:
        """Give those of them that some rules are the cause of, which apply to some tasks."""
        lead = and_(Membership.role == Role.LEAD, Membership.actor_id == Task.owner_id)
        coordinator = Membership.role == Role.COORDINATOR
        concerned: list[tuple[To, Condition]] = [
            (self._to_reminded(rules), self._is_unplanned(rules, day))
        ]
        for days, to, those, kind in (
            (rules.leads_told, self._concerned.to_leads, lead, StepKind.ESCALATE_LEAD),
            (
                rules.coordinator_told,
                self._concerned.to_coordinators,
                coordinator,
                StepKind.ESCALATE_COORDINATOR,
            ),
        ):
            if days is not None:
                concerned.append((to, _is_untold(those, kind, day - days * DAY)))
        if self._sought.receivers is None:
            # One look at each of the tasks is enough.
            concerned = [(self._concerned.to_anybody, or_(*(found for _, found in concerned)))]
        window = Window(rules, self._calendar, day, day)
        ahead = max(window.ahead(precision) for _, precision in _PRECISIONS)
        for those_sought, found in concerned:
            yield from self._by_deadline(
                applies,
                Task.deadline_key <= ahead,
                self._is_active(day),
                found,
                to=those_sought,
            )
        if rules.silence is not None:
            silent = self._is_silent(day - rules.silence * DAY)
            yield from self._tasks(OPEN, applies, silent, to=self._concerned.to_owner)

    def _news(self) -> Iterator[Tasks]:
        """Give what has happened lately and has not been told."""
        since = self._sought.now - NEWS_DAYS
        told = planned_for_person(StepKind.ASSIGNED, cast(Task.assignment, String))
        yield from self._tasks(
            OPEN,
            Task.assigned_at >= since,
            Task.assigned_by_id.is_distinct_from(Task.responsible_id),
            ~told,
            to=self._concerned.to_owner,
        )
        update, change = StatusUpdate, DeadlineChange
        kind = case(
            (update.status_after == Status.CLOSED, StepKind.CONFIRMED.value),
            else_=StepKind.SENT_BACK.value,
        )
        ended = and_(
            update.as_contributor.is_(False),
            text(REPORT_ENDED),
            ~planned_for_person(kind, cast(update.id, String)),
        )
        untold = ~planned(
            Audience.COORDINATOR, StepKind.NOT_MINE, cast(update.id, String), Membership.user_id
        )
        # These are so few that their age does not matter.
        not_mine = and_(update.not_mine, some(Membership.role == Role.COORDINATOR, untold))
        for what, to in (
            (and_(ended, update.created_at >= since), self._concerned.to_owner),
            (not_mine, self._concerned.to_coordinators),
        ):
            for tasks in self._tasks(what, to=to):
                yield tasks.join(update, update.task_id == Task.id)
        decided, cause = StepKind.DEADLINE_DECIDED, cast(change.id, String)
        author = change.requested_by_id
        for what, to in (
            (~planned_for_person(decided, cause), self._concerned.to_owner),
            (~planned(Audience.AUTHOR, decided, cause, author), self._concerned.to_author),
        ):
            for tasks in self._tasks(what, change.decided_at >= since, to=to):
                yield tasks.join(change, change.task_id == Task.id)

    # What they are made of

    def _is_active(self, day: dt.date) -> Condition:
        """Return the condition under which steps of the deadline come until `day`."""
        on_hold = and_(_STATUS == Status.ON_HOLD, Task.look_again_on <= day)
        return or_(_STATUS.in_(["", Status.NOT_STARTED, Status.IN_PROGRESS]), on_hold)

    def _is_silent(self, since: dt.date) -> Condition:
        """Return the condition under which nothing was heard after `since` that had to be."""
        end = self._midnight(since + DAY)
        return and_(
            or_(Task.deadline_key == dt.date.max, Task.status == Status.ONGOING),
            Task.owner_id.is_not(None),
            Task.created_at < end,
            or_(Task.last_update_at.is_(None), Task.last_update_at < end),
            or_(Task.deadline_none_on.is_(None), Task.deadline_none_on <= since),
            or_(_STATUS == Status.ONGOING, self._is_active(since)),
        )

    def _is_unplanned(self, rules: Rules, day: dt.date) -> Condition:
        """Return the condition under which the latest step by `day` has not been planned."""
        if rules.reaches_others or not rules.always_have_a_step:
            return true()
        of_day, of_year = (
            latest_steps(rules, self._calendar, day, precision)
            for precision in (Precision.DAY, Precision.YEAR)
        )

        def latest(index: int) -> ColumnElement[str]:
            """Return the name of the step, or what tells it from its repeats."""
            by_day, by_year = (
                case(*((Task.deadline_key <= one.until, str(one.step[index])) for one in steps))
                for steps in (of_day, of_year)
            )
            return case((Task.deadline_precision == Precision.YEAR, by_year), else_=by_day)

        is_planned = planned_for_person(latest(0), latest(1), Task.series)
        # A cancelled step may come again, and then those before the latest are recorded anew.
        cancelled = exists().where(
            Reminder.task_id == Task.id,
            Reminder.series == Task.series,
            Reminder.state == "cancelled",
        )
        has_step = or_(
            Task.deadline_precision == Precision.YEAR,
            Task.deadline_key <= of_day[-1].until,
        )
        return and_(has_step, or_(Task.status.is_(None), ~is_planned, cancelled))

    def _midnight(self, day: dt.date) -> dt.datetime:
        """Return the moment at which a local date begins."""
        return dt.datetime.combine(day, dt.time(), self._zone)


def _groups(book: RuleBook) -> Iterator[tuple[Rules, Condition]]:
    """Give the rules in use, each with the condition on the tasks that it applies to."""
    scopes: dict[str, list[tuple[Any, Rules]]] = {"task": [], "actor": [], "kind": []}
    for scope, rules in book.by_scope.items():
        name, _, value = scope.partition(":")
        if scope != ALL:
            scopes[name].append((value if name == "kind" else int(value), rules))
    columns = (("task", Task.id), ("actor", _OWNER), ("kind", func.coalesce(Task.kind, "")))
    for rules in book.in_use():
        applies: list[Condition] = []
        others: list[Condition] = []
        for name, column in columns:
            own = [value for value, of_value in scopes[name] if of_value == rules]
            if own:
                applies.append(and_(column.in_(own), *others))
            if scopes[name]:
                others.append(column.not_in([value for value, _ in scopes[name]]))
        if book.by_scope.get(ALL, DEFAULT) == rules:
            applies.append(and_(true(), *others))
        if rules.is_on:
            yield rules, or_(*applies)


def _to_whomever(_owner: Any) -> list[Condition]:
    return [true()]


_PRECISIONS: Final = (
    (Task.deadline_precision != Precision.YEAR, Precision.DAY),
    (Task.deadline_precision == Precision.YEAR, Precision.YEAR),
)
"""A deadline set as a month has the steps of one set as a day."""


def _is_untold(those: Condition, kind: StepKind, until: dt.date) -> Condition:
    """Return the condition under which one of those has not been told of a deadline missed."""
    told = planned(_TOLD_AS[kind], kind, "", Membership.user_id, Task.series)
    return and_(Task.deadline_key <= until, some_other(those, ~told))


_TOLD_AS: Final = {
    StepKind.ESCALATE_LEAD: Audience.LEADS,
    StepKind.ESCALATE_COORDINATOR: Audience.COORDINATOR,
}
# The reference is there for SQLite: it leads to the index of these tasks.
_UNSETTLED: Final = (UNSETTLED, Task.ref_key > "")
