"""The steps of a reminder: which there are, the day each belongs to and the day it is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple

from tracker.domain.calendar import Calendar, first_of_next_month, next_monday
from tracker.domain.reminder_rules import DEFAULT, Rules
from tracker.domain.status import Precision


class StepKind(StrEnum):
    """Steps that are known by a name; those before and after the deadline are day offsets."""

    WEEK = "week"
    MONTH = "month"
    ESCALATE_LEAD = "escalate_lead"
    ESCALATE_COORDINATOR = "escalate_coordinator"
    QUESTION = "question"
    LOOK_AGAIN = "look_again"
    CONFIRM = "confirm"
    DECIDE_DEADLINE = "decide_deadline"
    ASSIGNED = "assigned"
    SENT_BACK = "sent_back"
    CONFIRMED = "confirmed"
    DEADLINE_DECIDED = "deadline_decided"
    NOT_MINE = "not_mine"
    UNSETTLED = "unsettled"


class Section(StrEnum):
    """The parts of a digest, in the order they are read."""

    OVERDUE = "overdue"
    DUE_SOON = "due_soon"
    QUESTIONS = "questions"
    RAISED = "raised"
    TO_DECIDE = "to_decide"
    NOTICES = "notices"


_SECTIONS: Final = {
    StepKind.WEEK: Section.OVERDUE,
    StepKind.MONTH: Section.OVERDUE,
    StepKind.QUESTION: Section.QUESTIONS,
    StepKind.LOOK_AGAIN: Section.QUESTIONS,
    StepKind.ESCALATE_LEAD: Section.RAISED,
    StepKind.ESCALATE_COORDINATOR: Section.RAISED,
    StepKind.CONFIRM: Section.TO_DECIDE,
    StepKind.DECIDE_DEADLINE: Section.TO_DECIDE,
    StepKind.NOT_MINE: Section.TO_DECIDE,
    StepKind.UNSETTLED: Section.TO_DECIDE,
}


class OptionalKind(StrEnum):
    """The kinds of reminders that a person may do without."""

    DECISIONS = "decisions"
    """What was decided about a report or a new deadline."""
    UNSETTLED = "unsettled"
    """What the forum has to settle, monthly."""
    COPIES = "copies"
    """Deadlines of tasks that others are responsible for, where the rules say so."""


class Step(NamedTuple):
    """One step of one task."""

    name: str
    occurrence: str
    """Tells repeats apart; empty for steps that come once."""
    nominal_on: dt.date
    send_on: dt.date
    """The working day it moves to."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Reckons the steps that have been reached by `today`, earliest first."""

    rules: Rules
    calendar: Calendar
    today: dt.date
    ahead: dt.timedelta = dt.timedelta()
    """So much later a step may still be sent and count as reached."""
    _deadlines: dict[tuple[dt.date, Precision], tuple[Step, ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def _limit(self) -> dt.date:
        return self.today + self.ahead

    def of_deadline(self, due: dt.date, precision: Precision) -> tuple[Step, ...]:
        """Return the reached steps of a task due on `due`."""
        # Many tasks share a deadline, so that each is reckoned once.
        steps = self._deadlines.get((due, precision))
        if steps is None:
            reached = chain(self._before(due, precision), self._late(due))
            steps = self._deadlines[due, precision] = tuple(reached)
        return steps

    def escalation(self, kind: StepKind, due: dt.date) -> tuple[Step, ...]:
        """Return the escalation to the leads or the coordinator when it has been reached."""
        days = (
            self.rules.leads_told if kind is StepKind.ESCALATE_LEAD else self.rules.coordinator_told
        )
        if days is None:
            return ()
        return self.once(kind, "", due + dt.timedelta(days=days))

    def once(self, kind: StepKind, occurrence: str, nominal: dt.date) -> tuple[Step, ...]:
        """Return the one step of `nominal`, or nothing when it has not been reached."""
        return tuple(self._reached_after([(kind, occurrence, nominal)]))

    def until_decided(self, kind: StepKind, cause: int, since: dt.date) -> tuple[Step, ...]:
        """Return the steps that remind of a decision: at once, then weekly, then monthly.

        `cause` is the id of the row that asked for it, on the date `since`. Other rules for some
        tasks do not change that.
        """
        repeats = ((kind, day.isoformat(), day) for _, day in _repeats(since, DEFAULT))
        return tuple(self._reached_after(chain([(kind, str(cause), since)], repeats)))

    def monthly(self, kind: StepKind, since: dt.date) -> tuple[Step, ...]:
        """Return the step of this month; none before the month after `since`."""
        first = self.today.replace(day=1)
        return self.once(kind, first.strftime("%Y-%m"), first) if first > since else ()

    def _before(self, due: dt.date, precision: Precision) -> Iterator[Step]:
        is_year = precision is Precision.YEAR
        for days in self.rules.before_year_end if is_year else self.rules.before:
            nominal = due - dt.timedelta(days=days)
            if nominal - self._limit > dt.timedelta(days=366):
                return  # far ahead; no run of closed days is that long
            send_on = self.calendar.working_day_on_or_before(nominal)
            if send_on > self._limit:
                return
            yield Step(str(-days), "", nominal, send_on)

    def _late(self, due: dt.date) -> Iterator[Step]:
        if self.rules.late is None or due >= self._limit:
            return iter(())
        first = due + dt.timedelta(days=self.rules.late)
        repeats = ((kind, day.isoformat(), day) for kind, day in _repeats(first, self.rules))
        return self._reached_after(chain([(str(self.rules.late), "", first)], repeats))

    def _reached_after(self, steps: Iterable[tuple[str, str, dt.date]]) -> Iterator[Step]:
        for name, occurrence, nominal in steps:
            if nominal > self._limit:
                return
            send_on = self.calendar.working_day_on_or_after(nominal)
            if send_on > self._limit:
                return
            yield Step(name, occurrence, nominal, send_on)


def month_starts(calendar: Calendar, first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Give the first working day of each month that begins after `first` and until `last`."""
    month = first_of_next_month(first)
    while month <= last:
        yield calendar.working_day_on_or_after(month)
        month = first_of_next_month(month)


def is_before_deadline(name: str) -> bool:
    """Return whether the step comes strictly before the deadline."""
    return name.startswith("-")


def is_of_deadline(name: str) -> bool:
    """Return whether the step reminds of the deadline itself: before it, on the day or after."""
    return section_of(name) in {Section.OVERDUE, Section.DUE_SOON}


def is_reckoned_from_deadline(name: str) -> bool:
    """Return whether the step comes so many days before or after the deadline."""
    return section_of(name) in {Section.OVERDUE, Section.DUE_SOON, Section.RAISED}


def days_or_kind(name: str, due: dt.date | None, on: dt.date) -> int | str:
    """Return how many days after the deadline `due` a step is on `on`, or the kind of others."""
    if due is None or not is_reckoned_from_deadline(name):
        return name
    return (on - due).days


def section_of(name: str) -> Section:
    """Return the part of the digest that a step belongs to."""
    if is_before_deadline(name) or name == "0":
        return Section.DUE_SOON
    if name.isdigit():
        return Section.OVERDUE
    return _SECTIONS.get(StepKind(name), Section.NOTICES)


def optional_kind(name: str, *, is_copy: bool) -> OptionalKind | None:
    """Return the kind that a step belongs to, where a person may do without it."""
    match name:
        case StepKind.CONFIRMED | StepKind.DEADLINE_DECIDED:
            return OptionalKind.DECISIONS
        case StepKind.UNSETTLED:
            return OptionalKind.UNSETTLED
        case _:
            return OptionalKind.COPIES if is_copy else None


def nominal_day(name: str, occurrence: str, due: dt.date) -> dt.date | None:
    """Return the day of a step before or after the deadline `due`; None for other steps."""
    if name in {StepKind.WEEK, StepKind.MONTH}:
        return dt.date.fromisoformat(occurrence)
    if name.lstrip("-").isdigit():
        return due + dt.timedelta(days=int(name))
    return None


def _repeats(after: dt.date, rules: Rules) -> Iterator[tuple[StepKind, dt.date]]:
    """Give the Mondays after `after`, so many, then the first of each month, for ever."""
    day = after
    for _ in range(rules.weeks):
        day = next_monday(day)
        yield StepKind.WEEK, day
    while rules.monthly:
        day = first_of_next_month(day)
        yield StepKind.MONTH, day
