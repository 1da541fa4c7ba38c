"""Looking only at the tasks that the database names finds what looking at all of them finds."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from config import Settings
from tests import factories as make
from tests.unit.reminding import CALENDAR
from tracker.db import Database
from tracker.domain import reminders as rules
from tracker.domain.calendar import DAY, due_date
from tracker.domain.reminder_facts import Key
from tracker.domain.reminder_rules import ALL, DEFAULT, RuleAudience, Rules
from tracker.domain.reminder_steps import OptionalKind, Schedule
from tracker.domain.reminder_windows import latest_steps
from tracker.domain.roles import Role
from tracker.domain.status import Kind, Precision, Status
from tracker.models import (
    Actor,
    DeclinedMail,
    Reminder,
    ReminderRule,
    Snooze,
    Task,
    TaskContributor,
    User,
)
from tracker.services import (
    reminder_audiences,
    reminder_candidates,
    reminder_facts,
    reminder_rules,
    reminders,
)
from tracker.services.closed_days import calendar
from tracker.services.reminder_preview import Foresight

START = dt.datetime(2026, 11, 16, 6, tzinfo=dt.UTC)
"""A Monday; Christmas and a change of year are ahead."""
HOUR = dt.timedelta(hours=1)
TASKS = 60
DECIDED = ("approved", "rejected", "withdrawn")


@dataclass
class World:
    """People and tasks to whom anything happens, as long as the tables admit it."""

    session: Session
    chance: random.Random
    actors: list[Actor] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    asking: list[Task] = field(default_factory=list)

    def fill(self) -> None:
        session = self.session
        mailboxes = ("post@a.example", None, "post@c.example")
        self.actors = [make.actor(session, email=email) for email in mailboxes]
        for number in range(9):
            at = self.actors[number % 3]
            role = Role.LEAD if number in {0, 2, 3, 4} else Role.MEMBER
            self.users.append(make.user(session, at=at, role=role))
        self.users += [make.user(session, role=Role.COORDINATOR) for _ in range(2)]
        make.membership(session, self.users[-1], Role.MEMBER, at=self.actors[0])
        self.tasks = [make.task(session) for _ in range(TASKS)]
        for task in self.tasks[::3]:
            actor = self.chance.choice(self.actors)
            session.add(TaskContributor(task_id=task.id, actor_id=actor.id))
        for task in self.tasks:
            self.change_task(task, START)
            task.created_at = self.ago(START)

    def ago(self, now: dt.datetime) -> dt.datetime:
        """Give a moment of the past, often one of the days that matter, at any hour."""
        days = self.chance.choice((0, 1, 7, 8, 29, 30, 31, 32, 87, 90, 91, 92, 200))
        return now - (days + self.chance.choice((0, 0, 1))) * DAY - self.hours()

    def hours(self) -> dt.timedelta:
        return dt.timedelta(minutes=self.chance.randrange(24 * 60))

    def change_task(self, task: Task, now: dt.datetime) -> None:
        chance = self.chance
        owner = chance.choice((*self.actors, *self.actors, None))
        task.owner = owner
        task.responsible = chance.choice((*self.users, None)) if owner else None
        task.status = chance.choice((*Status, None, Status.IN_PROGRESS, Status.NOT_STARTED))
        task.look_again_on = None
        if task.status == Status.ON_HOLD and chance.random() < 0.9:
            task.look_again_on = now.date() + chance.randrange(-100, 40) * DAY
        days = chance.choice((*range(-50, 40), *range(-200, 200, 9)))
        precision = chance.choice((*Precision, Precision.DAY))
        task.deadline, task.deadline_precision, task.deadline_none_on = None, None, None
        if chance.random() < 0.7:
            task.deadline = due_date(now.date() + days * DAY, precision)
            task.deadline_precision = precision
        elif chance.random() < 0.7:
            task.deadline_none_on = self.ago(now).date()
        if chance.random() < 0.5:
            task.last_update_at = self.ago(now)
        if chance.random() < 0.3 and task.responsible:
            task.assignment += 1
            task.assigned_at = self.ago(now)
            task.assigned_by_id = chance.choice(self.users).id
        task.series += 1
        task.changed_at = now
        self.session.flush()

    def happen(self, now: dt.datetime) -> None:
        """Let something happen at `now`."""
        chance, session = self.chance, self.session
        task = chance.choice(self.tasks)
        match chance.randrange(10):
            case 0 | 1:
                self.change_task(task, now)
            case 2:
                make.update(
                    session,
                    task,
                    chance.choice((*self.users, None)),
                    actor_id=chance.choice((task.owner_id, None)),
                    created_at=self.ago(now),
                    status_before=chance.choice((Status.REPORTED_DONE, Status.IN_PROGRESS)),
                    status_after=chance.choice(
                        (Status.CLOSED, Status.IN_PROGRESS, Status.REPORTED_DONE)
                    ),
                    not_mine=chance.random() < 0.3,
                    as_contributor=chance.random() < 0.2,
                )
            case 3:
                self.request(task, now)
            case 4:
                user = chance.choice(self.users)
                user.active = chance.random() < 0.7
                user.email_failed_at = chance.choice((now, None, None))
            case 5:
                actor = chance.choice(self.actors)
                actor.email_failed_at = chance.choice((now, None))
            case 6:
                self.change_rules(task, now)
            case 7:
                user = task.responsible or chance.choice(self.users)
                self.snooze(task, user, now)
            case 8:
                self.decline()
            case _:
                # A change may cancel what waits, and delivery does.
                session.execute(
                    update(Reminder)
                    .where(Reminder.task_id == task.id, Reminder.state == "planned")
                    .values(state="cancelled")
                )
        session.flush()

    def change_rules(self, task: Task, now: dt.datetime) -> None:
        """Change or restore the rules for some tasks."""
        chance = self.chance
        of_actor = f"actor:{chance.choice(self.actors).id}"
        scope = chance.choice(
            (ALL, f"kind:{chance.choice(list(Kind))}", of_actor, f"task:{task.id}")
        )
        self.session.execute(delete(ReminderRule).where(ReminderRule.scope == scope))
        if chance.random() < 0.8:
            values = random_rules(chance).as_values()
            self.session.add(ReminderRule(scope=scope, values=values, changed_at=now))

    def snooze(self, task: Task, user: User, now: dt.datetime) -> None:
        self.session.execute(
            update(Snooze)
            .where(Snooze.task_id == task.id, Snooze.user_id == user.id)
            .values(ended_at=now)
        )
        if self.chance.random() < 0.8:
            until = now.date() + self.chance.choice((-3, 1, 2, 5, 20)) * DAY
            self.session.add(
                Snooze(task_id=task.id, user_id=user.id, until=until, reason="-", created_at=now)
            )

    def decline(self) -> None:
        user, kind = self.chance.choice(self.users), self.chance.choice(list(OptionalKind))
        declined = self.session.get(DeclinedMail, (user.id, kind))
        if declined:
            self.session.delete(declined)
        else:
            self.session.add(DeclinedMail(user_id=user.id, kind=kind))

    def request(self, task: Task, now: dt.datetime) -> None:
        outcome = self.chance.choice((*DECIDED, None))
        if outcome is None and task in self.asking:
            return
        self.asking += [task] if outcome is None else []
        make.deadline_change(
            self.session,
            task,
            now.date() + 50 * DAY,
            requested_by_id=self.chance.choice((*(user.id for user in self.users), None)),
            requested_at=self.ago(now),
            outcome=outcome,
            decided_by_id=self.chance.choice(self.users).id if outcome else None,
            decided_at=self.ago(now) if outcome else None,
        )


def random_rules(chance: random.Random) -> Rules:
    def some(most: int) -> tuple[int, ...]:
        return tuple(sorted(chance.sample((0, 1, 3, 7, 14, 30, 90), chance.randrange(most)))[::-1])

    return Rules(
        is_on=chance.random() < 0.9,
        before=some(4),
        before_year_end=some(3),
        late=chance.choice((None, 1, 1, 3, 10)),
        weeks=chance.choice((0, 1, 4, 8)),
        monthly=chance.random() < 0.7,
        leads_told=chance.choice((None, 1, 14, 30)),
        coordinator_told=chance.choice((None, 5, 21)),
        silence=chance.choice((None, 30, 90)),
        audience=frozenset(
            chance.choice(
                (
                    {RuleAudience.RESPONSIBLE},
                    {RuleAudience.RESPONSIBLE, RuleAudience.LEADS},
                    {RuleAudience.CONTRIBUTORS},
                    set(RuleAudience),
                )
            )
        ),
    )


@pytest.fixture(params=range(4))
def world(request: pytest.FixtureRequest, database: Database) -> Iterator[World]:
    with database.session(write=True) as session:
        world = World(session, random.Random(request.param))
        world.fill()
        yield world


def foreseen(
    world: World, settings: Settings, now: dt.datetime, first: int, last: int, **only: Any
) -> tuple[Counter[tuple[dt.date, Key]], Counter[tuple[dt.date, Key]]]:
    """Return what is foreseen of all tasks, and of those that are named, counted in days."""
    today = now.date()
    foresight = Foresight(world.session, settings=settings, now=now, first=today)
    days = today + first * DAY, today + last * DAY
    named = reminder_candidates.ids(world.session, foresight.sought(*days, **only))
    found = []
    for task_ids in ([task.id for task in world.tasks], named):
        facts = foresight.tasks(task_ids)
        coming = (found for tasks in facts for found in foresight.finds(tasks, *days))
        found.append(Counter((day, find.key) for day, find in coming))
    return found[0], found[1]


@pytest.mark.parametrize("single", [frozenset(), frozenset({dt.date(2026, 11, 23)})], ids=len)
def test_a_walk_through_weeks_foresees_and_plans_everything(
    world: World, settings: Settings, single: frozenset[dt.date]
) -> None:
    closed = replace(settings.closed_days, single=single, periods=frozenset({"romjul"}))
    settings = replace(settings, closed_days=closed)
    now, compared = START, 0
    for _ in range(12):
        first = world.chance.choice((0, 0, 1, 2, 3, 14, 40))
        last = first + world.chance.choice((0, 0, 3, 13, 30))
        compared += compare_foreseen(world, settings, now, first, last)
        if world.chance.random() < 0.8:
            compare_run(world, settings, now)
        for _ in range(world.chance.randrange(6)):
            world.happen(now + 3 * HOUR)
        now += world.chance.choice((HOUR * 6, DAY, DAY, DAY, 3 * DAY, 9 * DAY))
    assert compared > 100


def compare_foreseen(
    world: World, settings: Settings, now: dt.datetime, first: int, last: int
) -> int:
    """Compare what is foreseen for everybody, for one receiver and for one owner."""
    of_all, of_named = foreseen(world, settings, now, first, last)
    assert of_named == of_all, (now, first, last)
    user, actor = world.chance.choice(world.users), world.chance.choice(world.actors)
    for addressee, who in (
        (f"user:{user.id}", {"user_ids": {user.id}}),
        (f"actor:{actor.id}", {"user_ids": (), "mailboxes": {actor.id}}),
    ):
        among = reminder_audiences.receivers(world.session, **who)
        of_all, of_named = foreseen(world, settings, now, first, last, receivers=among)
        assert to(of_named, addressee) == to(of_all, addressee), (now, first, last, addressee)
    owned = {task.id for task in world.tasks if task.owner is actor}
    of_all, of_named = foreseen(world, settings, now, first, last, owner_ids={actor.id})
    assert of_named == Counter(found for found in of_all if found[1].task_id in owned)
    return len(of_all)


def to(found: Counter[tuple[dt.date, Key]], addressee: str) -> set[tuple[dt.date, Key]]:
    return {(day, key) for day, key in found if key.addressee == addressee}


def compare_run(world: World, settings: Settings, now: dt.datetime) -> None:
    """Run, and compare with what the rules say of all tasks, the superseded included."""
    session, today = world.session, now.date()
    session.flush()
    before = kept(session)
    book = reminder_rules.book(session)
    (tasks,) = reminder_facts.chunks(
        session,
        task_ids=[task.id for task in world.tasks],
        rules=book,
        now=now,
        timezone=settings.timezone,
    )
    expected = rules.plan(
        tasks,
        people=reminder_facts.people(session),
        rules=book,
        planned=reminder_facts.planned_keys(session, tasks=tasks),
        today=today,
        calendar=calendar(settings.closed_days),
        busy=reminder_facts.receivers_of(session, day=today, timezone=settings.timezone),
    )
    wanted = {find.key: "superseded" if find.superseded else "planned" for find in expected}
    reminders.plan_run(session, settings=settings, now=now)
    assert kept(session) == before | wanted


def kept(session: Session) -> dict[Key, str]:
    columns = (getattr(Reminder, name) for name in Key._fields)
    rows = session.execute(select(Reminder.state, *columns))
    return {Key(*row[1:]): row[0] for row in rows}


@pytest.mark.parametrize("precision", list(Precision))
def test_each_deadline_stands_with_its_latest_step(precision: Precision) -> None:
    for number in range(0, 366, 3):
        today = CALENDAR.working_day_on_or_after(START.date() + number * DAY)
        schedule = Schedule(DEFAULT, CALENDAR, today)
        latest = latest_steps(DEFAULT, CALENDAR, today, precision)
        for days in range(-200, 120):
            due = today + days * DAY
            steps = schedule.of_deadline(due, precision)
            found = next((one.step for one in latest if due <= one.until), None)
            assert (steps[-1][:2] if steps else None) == (found[:2] if found else None), (
                today,
                due,
            )
