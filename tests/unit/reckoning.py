"""An independent, naive reckoning of reminders: what should be sent today, from the written rules.

It knows a task as a plain story, remembers what it has told whom, and moves days by hand. Of the
product's code it uses only which days are closed.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.unit.reminding import CALENDAR, COORDINATOR, DAY

Sent = tuple[str, int, int | str]
"""Addressee, task, and the days from the deadline or the kind of the step."""
Receiver = tuple[str, str]
"""Capacity and addressee."""
WEEKLY = 4


def moved_back(day: dt.date) -> dt.date:
    while CALENDAR.is_closed(day):
        day -= DAY
    return day


def moved_on(day: dt.date) -> dt.date:
    while CALENDAR.is_closed(day):
        day += DAY
    return day


@dataclass
class Story:
    """A task as it is today."""

    id: int
    created: dt.date
    due: dt.date | None = None
    by_year: bool = False
    status: str = "in_progress"
    owner: int = 10
    responsible: int | None = 1
    assigned: dt.date | None = None
    assignment: int = 0
    series: int = 1
    heard: dt.date | None = None
    """The last update."""
    look_again: dt.date | None = None
    report: tuple[int, dt.date, int] | None = None
    """Number, day and author of a report that waits to be confirmed."""
    request: tuple[int, dt.date, int] | None = None
    news: list[tuple[str, int, dt.date, int]] = field(default_factory=list)
    """Kind, number, day, author."""
    snoozes: dict[int, dt.date] = field(default_factory=dict)


@dataclass
class Reckoner:
    """Remembers what has been told."""

    leads: dict[int, int]
    """By actor."""
    unreachable: set[int] = field(default_factory=set)
    told: set[tuple[object, ...]] = field(default_factory=set)
    last: dict[tuple[object, ...], dt.date] = field(default_factory=dict)
    """The day of the last step of a deadline that somebody was told."""

    def morning(self, today: dt.date, *stories: Story) -> Counter[Sent]:
        """Return what is sent on an open day."""
        return Counter(
            (addressee, story.id, label)
            for story in stories
            for addressee, label in self._of(story, today)
        )

    def _of(self, story: Story, today: dt.date) -> Iterator[tuple[str, int | str]]:
        receivers = self._receivers(story)
        asleep = {f"user:{person}" for person, until in story.snoozes.items() if today < until}
        if story.status not in {"closed", "dropped"}:
            for capacity, addressee in receivers:
                if addressee not in asleep:
                    yield from self._owner(story, today, capacity, addressee)
            if not self._is_silent(story, today):
                for addressee, label in self._escalations(story, today, receivers, asleep):
                    yield addressee, label
            if f"user:{COORDINATOR}" not in asleep:
                for kind, asked in (("confirm", story.report), ("decide_deadline", story.request)):
                    if asked and self._decision(story, kind, asked, today):
                        yield f"user:{COORDINATOR}", kind
        yield from self._news(story, today, receivers)

    def _receivers(self, story: Story) -> list[Receiver]:
        if story.responsible is not None and story.responsible not in self.unreachable:
            return [("responsible", f"user:{story.responsible}")]
        lead = self.leads.get(story.owner)
        if lead is not None and lead not in self.unreachable:
            return [("leads", f"user:{lead}")]
        return [("coordinator", f"user:{COORDINATOR}")]

    def _is_silent(self, story: Story, today: dt.date) -> bool:
        on_hold = story.status == "on_hold"
        waits = on_hold and (story.look_again is None or today < story.look_again)
        return waits or story.status == "reported_done" or story.request is not None

    def _owner(
        self, story: Story, today: dt.date, capacity: str, addressee: str
    ) -> Iterator[tuple[str, int | str]]:
        if self._is_silent(story, today):
            return
        if story.status == "on_hold" and story.look_again and moved_on(story.look_again) <= today:
            fact = ("look_again", story.id, capacity, addressee, story.look_again)
            if self._is_new(*fact):
                yield addressee, "look_again"
        if story.due is None or story.status == "ongoing":
            days = [story.created, story.assigned, story.heard]
            days += [story.look_again] if story.status == "on_hold" else []
            since = max(day for day in days if day)
            fact = ("question", story.id, capacity, addressee, since)
            if moved_on(since + 90 * DAY) <= today and self._is_new(*fact):
                yield addressee, "question"
            return
        reached = [day for day, send_on in _steps(story, today) if send_on <= today]
        place = (story.id, story.series, capacity, addressee)
        if reached and reached[-1] > self.last.get(place, dt.date.min):
            self.last[place] = reached[-1]
            offset = (reached[-1] - story.due).days
            heard_lately = story.heard is not None and 0 <= (today - story.heard).days <= 7
            if not (offset < 0 and heard_lately):
                yield addressee, offset

    def _escalations(
        self, story: Story, today: dt.date, receivers: list[Receiver], asleep: set[str]
    ) -> Iterator[tuple[str, int]]:
        if story.due is None or story.status == "ongoing" or story.due >= today:
            return
        lead = self.leads.get(story.owner)
        for who, days in ((lead, 14), (COORDINATOR, 21)):
            addressee = f"user:{who}"
            if who is None or who in self.unreachable or addressee in asleep:
                continue
            if addressee in {reminded for _, reminded in receivers}:
                continue
            if moved_on(story.due + days * DAY) <= today and self._is_new(
                "raised", story.id, story.series, days, addressee
            ):
                yield addressee, days

    def _decision(
        self, story: Story, kind: str, asked: tuple[int, dt.date, int], today: dt.date
    ) -> bool:
        number, since, _ = asked
        mondays = [since + n * DAY for n in range(1, 60) if (since + n * DAY).weekday() == 0]
        days = mondays[:WEEKLY]
        days += [day for day in _days(days[-1] + DAY, today) if day.day == 1]
        reached = [day for day in (since, *days) if moved_on(day) <= today]
        if not reached:
            return False
        latest = number if reached[-1] == since else reached[-1]
        new = ("decision", kind, story.id, latest) not in self.told
        self.told |= {("decision", kind, story.id, day) for day in (number, *reached[1:])}
        return new

    def _news(
        self, story: Story, today: dt.date, receivers: list[Receiver]
    ) -> Iterator[tuple[str, str]]:
        for kind, number, on, author in story.news:
            if (today - on).days > 30 or moved_on(on) > today:
                continue
            for capacity, addressee in receivers:
                if addressee == f"user:{author}":
                    continue
                if kind == "assigned" and (
                    capacity != "responsible" or story.status in {"closed", "dropped"}
                ):
                    continue
                if self._is_new("news", kind, story.id, number, capacity, addressee):
                    yield addressee, kind

    def _is_new(self, *fact: object) -> bool:
        if fact in self.told:
            return False
        self.told.add(fact)
        return True


def _steps(story: Story, today: dt.date) -> list[tuple[dt.date, dt.date]]:
    """List each step's own day and the day it is sent, in order of their own days."""
    assert story.due is not None
    offsets = (90, 30, 0) if story.by_year else (30, 7, 0)
    found = [(story.due - n * DAY, moved_back(story.due - n * DAY)) for n in offsets]
    first = story.due + DAY
    mondays = [day for day in _days(first + DAY, first + 40 * DAY) if day.weekday() == 0][:WEEKLY]
    firsts = [day for day in _days(mondays[-1] + DAY, today) if day.day == 1]
    return found + [(day, moved_on(day)) for day in (first, *mondays, *firsts)]


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    return (first + n * DAY for n in range((last - first).days + 1))
