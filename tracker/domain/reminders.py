"""Who is to be reminded of what today. Pure: it is told the date and what is already planned.

A run asks for each task which steps have been reached, and plans those that are not yet planned.
It never asks whether a step falls on this very day, so a day without a run loses nothing.
docs/reminders.md tells the rules to people.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from tracker.domain.calendar import EVERY_WEEK, Calendar
from tracker.domain.reminder_facts import Audience, Key, Notice, People, Receiver, TaskFacts
from tracker.domain.reminder_rules import RuleBook, Rules
from tracker.domain.reminder_steps import (
    Schedule,
    Section,
    Step,
    StepKind,
    days_or_kind,
    is_before_deadline,
    is_of_deadline,
    month_starts,
    nominal_day,
    optional_kind,
    section_of,
)
from tracker.domain.status import Status

NOT_AHEAD: Final = dt.timedelta()
ONE_SERIES: Final = 0
"""The series of steps that the deadline does not move: their occurrence tells them apart."""


_ORDER: Final = {section: number for number, section in enumerate(Section)}


class Reason(StrEnum):
    """Why a step was reached and yet not sent."""

    LATER_STEP = "later_step"
    """A later step of the same task was reached too."""
    ANSWERED = "answered"
    """There was an answer within the last days before the deadline."""


@dataclass(frozen=True, slots=True)
class Find:
    """A step that was reached and not yet planned: to be sent, or recorded as superseded."""

    key: Key
    nominal_on: dt.date
    send_on: dt.date
    due: dt.date | None
    superseded: Reason | None = None

    @property
    def label(self) -> int | str:
        """The days from the deadline to the step's own day, or the kind of the step."""
        return days_or_kind(self.key.step, self.due, self.nominal_on)


@dataclass(frozen=True, slots=True)
class Line:
    """What one receiver's digest says of one task. The first find is the weightiest."""

    task_id: int
    finds: list[Find] = field(default_factory=list)

    @property
    def main(self) -> Find:
        """The find that decides where in the digest the line stands."""
        return self.finds[0]

    @property
    def section(self) -> Section:
        """The part of the digest that the line stands in."""
        return section_of(self.main.key.step)


class _Schedules:
    """The schedules of a day, one for each of the rules in the book."""

    def __init__(
        self, book: RuleBook, calendar: Calendar, today: dt.date, ahead: dt.timedelta = NOT_AHEAD
    ) -> None:
        self._book = book
        self._calendar = calendar
        self._today = today
        self._ahead = ahead
        self._by_rules: dict[Rules, Schedule] = {}

    def of(self, task: TaskFacts) -> Schedule:
        rules = self._book.of(task.id, task.kind, task.owner_id)
        schedule = self._by_rules.get(rules)
        if schedule is None:
            schedule = Schedule(rules, self._calendar, self._today, self._ahead)
            self._by_rules[rules] = schedule
        return schedule


class _Reached(NamedTuple):
    """Steps reached for one receiver, earliest first, of which only the last is worth sending."""

    receiver: Receiver
    series: int
    steps: tuple[Step, ...]

    def key(self, task: TaskFacts, step: Step) -> Key:
        audience, addressee = self.receiver
        return Key(task.id, self.series, audience, step.name, step.occurrence, addressee)


def plan(
    tasks: Iterable[TaskFacts],
    *,
    people: People,
    rules: RuleBook,
    planned: Mapping[int, Collection[Key]],
    today: dt.date,
    calendar: Calendar,
    busy: Collection[str] = (),
) -> Iterator[Find]:
    """Give what has been reached by the local date `today` and is not in `planned`.

    `planned` holds the keys by task id; a cancelled key is left out, so that it can come again.
    Of several steps reached for one task and receiver only the latest is to be sent; the others
    come marked as superseded. The finds of `busy` addressees (who have had today's digest)
    wait, and on a closed day everything does.
    """
    if calendar.is_closed(today):
        return
    schedules = _Schedules(rules, calendar, today)
    for task in tasks:
        yield from _plan_one(task, people, planned.get(task.id, ()), schedules.of(task), busy)


def still_holds(
    key: Key, task: TaskFacts, *, people: People, rules: RuleBook, today: dt.date
) -> bool:
    """Return whether a reminder planned earlier is still worth sending on `today`.

    It is not when the task, its owner or the receiver has changed so that it would not be planned
    any more, or when there has been an answer.
    """
    schedule = _a_year_ahead(rules.of(task.id, task.kind, task.owner_id), today)
    for reached in _reached(task, people, schedule):
        if reached.receiver != (key.audience, key.addressee) or reached.series != key.series:
            continue
        for step in reached.steps:
            if (step.name, step.occurrence) == (key.step, key.occurrence):
                return _superseded(task, step, step, schedule) is None
    return False


@lru_cache(maxsize=16)  # A morning's mails are all of one date.
def _a_year_ahead(rules: Rules, today: dt.date) -> Schedule:
    # The day of a reminder had come when it was planned, whichever days were closed; so that is
    # not asked again.
    return Schedule(rules, EVERY_WEEK, today, ahead=dt.timedelta(days=366))


def next_escalation(
    task: TaskFacts, *, people: People, rules: RuleBook, today: dt.date, calendar: Calendar
) -> tuple[StepKind, dt.date] | None:
    """Return which escalation of a late task comes after `today` and when, if any.

    The owner is told of it beforehand.
    """
    if task.due is None or task.due >= today:
        return None
    of_task = rules.of(task.id, task.kind, task.owner_id)
    horizon = Schedule(of_task, calendar, task.due + dt.timedelta(days=366))
    reminded = people.reminded(task, of_task)
    steps = [
        step
        for reached in _escalations(task, task.due, people, reminded, horizon)
        for step in reached.steps
        if step.send_on > today
    ]
    first = min(steps, key=lambda step: step.send_on, default=None)
    return (StepKind(first.name), first.send_on) if first else None


def forecast(
    tasks: Iterable[TaskFacts],
    *,
    people: People,
    rules: RuleBook,
    planned: Mapping[int, Collection[Key]],
    first: dt.date,
    last: dt.date,
    calendar: Calendar,
    busy: Collection[str] = (),
) -> Iterator[tuple[dt.date, Find]]:
    """Give what the runs of the days `first` to `last` would send if nothing changed.

    The order is by task, then by day. `busy` are the addressees who have had the digest of
    `first`.
    """
    horizon = _Schedules(rules, calendar, last)
    common = {calendar.working_day_on_or_after(first), *month_starts(calendar, first, last)}
    if busy:
        common.add(calendar.working_day_on_or_after(first + dt.timedelta(days=1)))
    schedules: dict[dt.date, _Schedules] = {}
    for task in tasks:
        known = set(planned.get(task.id, ()))
        days = {
            step.send_on
            for reached in _reached(_awake(task), people, horizon.of(task))
            for step in reached.steps
            if reached.key(task, step) not in known
        }
        days |= {calendar.working_day_on_or_after(until) for until in task.snoozes.values()}
        # Nothing can happen on other days than these, so that years are walked in no time.
        if days or task.notices or task.is_unsettled:
            days |= common
        for day in sorted(day for day in days if first <= day <= last):
            of_day = schedules.get(day) or schedules.setdefault(
                day, _Schedules(rules, calendar, day)
            )
            waits = busy if day == first else ()
            found = list(_plan_one(task, people, known, of_day.of(task), waits))
            known.update(find.key for find in found)
            yield from ((day, find) for find in found if find.superseded is None)


def _awake(task: TaskFacts) -> TaskFacts:
    return replace(task, snoozes={}) if task.snoozes else task


def digests(finds: Iterable[Find]) -> dict[str, list[Line]]:
    """Return what each addressee's digest says: one line per task, the weightiest first."""
    lines: defaultdict[str, dict[int, Line]] = defaultdict(dict)
    for find in finds:
        if find.superseded is None:
            of_addressee = lines[find.key.addressee]
            of_addressee.setdefault(find.key.task_id, Line(find.key.task_id)).finds.append(find)
    for of_addressee in lines.values():
        for line in of_addressee.values():
            line.finds.sort(key=_weight)
    return {
        addressee: sorted(lines[addressee].values(), key=lambda line: _weight(line.main))
        for addressee in sorted(lines)
    }


def _weight(find: Find) -> tuple[int, dt.date, int, bool, int]:
    section = _ORDER[section_of(find.key.step)]
    # Whose the task is comes before what else is new about it.
    is_other_news = find.key.step != StepKind.ASSIGNED
    latest = -find.nominal_on.toordinal()
    return section, find.due or dt.date.max, find.key.task_id, is_other_news, latest


def _plan_one(
    task: TaskFacts,
    people: People,
    known: Collection[Key],
    schedule: Schedule,
    busy: Collection[str],
) -> Iterator[Find]:
    for reached in _reached(task, people, schedule):
        if reached.receiver.addressee in busy:
            continue
        latest = reached.steps[-1]
        new = [step for step in reached.steps if reached.key(task, step) not in known]
        told_on = _told_on(task, reached, known) if new else None
        for step in new:
            if told_on is not None and is_of_deadline(step.name) and step.nominal_on <= told_on:
                continue
            superseded = _superseded(task, step, latest, schedule)
            key = reached.key(task, step)
            yield Find(key, step.nominal_on, step.send_on, task.due, superseded)


def _told_on(task: TaskFacts, reached: _Reached, known: Collection[Key]) -> dt.date | None:
    """Return the day of the last step of the deadline that the addressee has been planned.

    Steps until that day never come, in whatever capacity, so going back to earlier rules sends
    nothing again.
    """
    if task.due is None or reached.series == ONE_SERIES:
        return None
    same = (reached.series, reached.receiver.addressee)
    days = (
        nominal_day(key.step, key.occurrence, task.due)
        for key in known
        if (key.series, key.addressee) == same
    )
    return max((day for day in days if day is not None), default=None)


def _superseded(task: TaskFacts, step: Step, latest: Step, schedule: Schedule) -> Reason | None:
    if step is not latest:
        return Reason.LATER_STEP
    if is_before_deadline(step.name) and task.last_update_on is not None:
        silent = schedule.today - task.last_update_on
        if 0 <= silent.days <= schedule.rules.answered:
            return Reason.ANSWERED
    return None


def _reached(task: TaskFacts, people: People, schedule: Schedule) -> Iterator[_Reached]:
    """Give the steps that have been reached, by receiver; never an empty one."""
    receivers = people.receivers(task)
    if not task.is_finished:
        snoozing = {
            f"user:{user_id}" for user_id, until in task.snoozes.items() if schedule.today < until
        }
        for reached in _asked(task, people, receivers, schedule):
            if reached.receiver.addressee not in snoozing:
                yield reached
    yield from _notices(task, people, receivers, schedule)


def _asked(
    task: TaskFacts, people: People, receivers: list[Receiver], schedule: Schedule
) -> Iterator[_Reached]:
    """Give what somebody is asked to do."""
    if schedule.rules.is_on and not task.is_paused(schedule.today):
        yield from _of_owner(task, people, receivers, schedule)
    yield from _of_coordinator(task, people, schedule)


def _of_owner(
    task: TaskFacts, people: People, receivers: list[Receiver], schedule: Schedule
) -> Iterator[_Reached]:
    """Give what the owner's side is asked: to keep the deadline, or for a sign of life."""
    if task.status is Status.ON_HOLD and task.look_again_on is not None:
        step = schedule.once(
            StepKind.LOOK_AGAIN, task.look_again_on.isoformat(), task.look_again_on
        )
        yield from _to(receivers, ONE_SERIES, step)
    if task.due is None or task.status is Status.ONGOING:
        if task.owner_id is not None:
            yield from _to(receivers, ONE_SERIES, _question(task, schedule))
        return
    steps = schedule.of_deadline(task.due, task.precision)
    if task.status is None:
        # What is not settled is never late.
        steps = tuple(step for step in steps if step.nominal_on <= task.due)
    reminded = people.reminded(task, schedule.rules)
    yield from _to(reminded, task.series, steps)
    if task.status is not None and task.due < schedule.today:
        yield from _escalations(task, task.due, people, reminded, schedule)


def _escalations(
    task: TaskFacts, due: dt.date, people: People, receivers: list[Receiver], schedule: Schedule
) -> Iterator[_Reached]:
    """Give the escalations, but not to those who are reminded of the task all along."""
    reminded = {receiver.addressee for receiver in receivers}
    for kind, told in (
        (StepKind.ESCALATE_LEAD, people.leads_of(task)),
        (StepKind.ESCALATE_COORDINATOR, people.coordinating()),
    ):
        others = [receiver for receiver in told if receiver.addressee not in reminded]
        yield from _to(others, task.series, schedule.escalation(kind, due))


def _question(task: TaskFacts, schedule: Schedule) -> tuple[Step, ...]:
    """Return the question that a silence leads to: one per silence, known by its first day."""
    since = max(
        day
        for day in (
            task.created_on,
            task.assigned_on,
            task.no_deadline_since,
            task.last_update_on,
            task.look_again_on if task.status is Status.ON_HOLD else None,
        )
        if day is not None
    )
    if schedule.rules.silence is None:
        return ()
    asked_on = since + dt.timedelta(days=schedule.rules.silence)
    return schedule.once(StepKind.QUESTION, since.isoformat(), asked_on)


def _of_coordinator(task: TaskFacts, people: People, schedule: Schedule) -> Iterator[_Reached]:
    """Give what the secretariat is asked: to decide, and to have things settled."""
    if task.status is Status.REPORTED_DONE and task.reported is not None:
        cause, since, _ = task.reported
        steps = schedule.until_decided(StepKind.CONFIRM, cause, since)
        yield from _to(people.deciding(task), ONE_SERIES, steps)
    if task.deadline_request is not None:
        cause, since, _ = task.deadline_request
        steps = schedule.until_decided(StepKind.DECIDE_DEADLINE, cause, since)
        yield from _to(people.coordinating(), ONE_SERIES, steps)
    if task.is_unsettled:
        step = schedule.monthly(StepKind.UNSETTLED, task.created_on)
        told = people.coordinating()
        yield from _to(_without_declined(told, StepKind.UNSETTLED, people), ONE_SERIES, step)


def _notices(
    task: TaskFacts, people: People, receivers: list[Receiver], schedule: Schedule
) -> Iterator[_Reached]:
    """Give what has happened, to those whom it concerns and who have not done it themselves."""
    for notice in task.notices:
        if (schedule.today - notice.on).days > schedule.rules.news:
            continue
        seen = {f"user:{notice.by_id}"}
        step = schedule.once(notice.step, str(notice.cause), notice.on)
        concerned = _concerned(notice, task, people, receivers)
        for receiver in _without_declined(concerned, notice.step, people):
            if receiver.addressee not in seen:
                seen.add(receiver.addressee)
                yield from _to([receiver], ONE_SERIES, step)


def _without_declined(
    receivers: Iterable[Receiver], step: StepKind, people: People
) -> list[Receiver]:
    kind = optional_kind(step, is_copy=False)
    return [receiver for receiver in receivers if not people.declines(receiver, kind)]


def _concerned(
    notice: Notice, task: TaskFacts, people: People, receivers: list[Receiver]
) -> list[Receiver]:
    match notice.step:
        case StepKind.NOT_MINE:
            return people.coordinating()
        case StepKind.ASSIGNED:
            # To the person alone: nobody stands in for being made responsible.
            person = [one for one in receivers if one.audience is Audience.RESPONSIBLE]
            return [] if task.is_finished else person
        case _ if notice.author_id in people.user_ids:
            return [*receivers, Receiver(Audience.AUTHOR, f"user:{notice.author_id}")]
        case _:
            return receivers


def _to(receivers: Iterable[Receiver], series: int, steps: tuple[Step, ...]) -> Iterator[_Reached]:
    if steps:
        yield from (_Reached(receiver, series, steps) for receiver in receivers)
