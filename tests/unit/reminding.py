"""What the tests of the reminder rules share: a calendar, people and a clock that walks."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache

from tracker.domain.calendar import Calendar, easter
from tracker.domain.reminder_facts import Key, People, TaskFacts
from tracker.domain.reminder_rules import RuleBook
from tracker.domain.reminders import Find, plan
from tracker.domain.roles import Person, Role
from tracker.domain.status import Status

KARI, LEAD, OTHER_LEAD, COORDINATOR, NEW = 1, 2, 3, 9, 5
KS, HDIR = 10, 20
DAY = dt.timedelta(days=1)
RULES = RuleBook()


@cache
def norwegian_holidays(year: int) -> frozenset[dt.date]:
    sunday = easter(year)
    moving = (sunday + n * DAY for n in (-3, -2, 0, 1, 39, 49, 50))
    fixed = (
        dt.date(year, month, day) for month, day in ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26))
    )
    return frozenset((*moving, *fixed))


CALENDAR = Calendar(norwegian_holidays)


def coordinator(user_id: int = COORDINATOR, *actor_ids: int) -> Person:
    return Person(
        user_id,
        "Sekretariatet",
        "nb",
        actor_ids=frozenset(actor_ids),
        roles=frozenset({Role.COORDINATOR}),
    )


def people(
    *reachable: int,
    leads: dict[int, tuple[int, ...]] | None = None,
    mailboxes: Collection[int] = (),
    coordinators: tuple[Person, ...] | None = None,
) -> People:
    return People(
        user_ids=frozenset(reachable or (KARI, LEAD, NEW)),
        leads={KS: (LEAD,)} if leads is None else leads,
        mailboxes=frozenset(mailboxes),
        coordinators=(coordinator(),) if coordinators is None else coordinators,
    )


def task(**facts: object) -> TaskFacts:
    values: dict[str, object] = {
        "id": 1,
        "series": 1,
        "status": Status.IN_PROGRESS,
        "created_on": dt.date(2020, 1, 1),
        "owner_id": KS,
        "responsible_id": KARI,
        **facts,
    }
    return TaskFacts(**values)  # type: ignore[arg-type]


@dataclass
class Clock:
    """Runs the plan day by day and remembers what was planned, as the database does."""

    people: People = field(default_factory=people)
    calendar: Calendar = CALENDAR
    known: defaultdict[int, set[Key]] = field(default_factory=lambda: defaultdict(set))
    finds: list[tuple[dt.date, Find]] = field(default_factory=list)

    def run(self, day: dt.date, *tasks: TaskFacts, busy: Collection[str] = ()) -> list[Find]:
        """Run once and give what was found, the superseded too."""
        found = list(
            plan(
                tasks,
                people=self.people,
                rules=RULES,
                planned=self.known,
                today=day,
                calendar=self.calendar,
                busy=busy,
            )
        )
        for find in found:
            assert find.key not in self.known[find.key.task_id]
            self.known[find.key.task_id].add(find.key)
        self.finds += [(day, find) for find in found]
        return found

    def walk(
        self,
        first: dt.date,
        last: dt.date,
        *tasks: TaskFacts,
        works: Callable[[dt.date], object] = bool,
    ) -> list[tuple[dt.date, str, int | str]]:
        """Run every day on which the worker `works`; give who was sent what."""
        start = len(self.finds)
        for day in days(first, last):
            if works(day):
                self.run(day, *tasks)
        return sent(self.finds[start:])


def days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    return (first + n * DAY for n in range((last - first).days + 1))


def sent(finds: list[tuple[dt.date, Find]]) -> list[tuple[dt.date, str, int | str]]:
    return [(day, find.key.addressee, find.label) for day, find in finds if find.superseded is None]


def settled(clock: Clock, day: dt.date, *tasks: TaskFacts) -> Clock:
    """Let everything reached by `day` be planned, so that a test sees what comes after."""
    while clock.calendar.is_closed(day):
        day -= DAY
    clock.run(day, *tasks)
    return clock
