"""Days of random histories through the database and out: each mail is what a reckoning expects.

The sweep over the rules alone is in tests/unit; here runs, delivery, absence and summer time are
real, so there are fewer days. `make soak` walks three years, many times.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from config import Settings
from tests import factories as make
from tests.extent import YEAR_SEEDS, YEARS
from tests.unit.reckoning import Story
from tests.unit.reminding import CALENDAR, COORDINATOR, DAY, HDIR, KARI, KS, LEAD, NEW, OTHER_LEAD
from tests.unit.test_reminders_sweep import START, World
from tracker.db import Database
from tracker.domain.reminder_steps import OptionalKind
from tracker.domain.roles import Role
from tracker.domain.status import Precision
from tracker.mail.senders import MailboxSender
from tracker.models import (
    Absence,
    DeclinedMail,
    OutgoingEmail,
    Reminder,
    ReminderRun,
    Snooze,
    Task,
    User,
)
from tracker.services import delivery, reminders

OSLO = ZoneInfo("Europe/Oslo")
SUBSTITUTES = {KARI: (LEAD, NEW), LEAD: (OTHER_LEAD, NEW), OTHER_LEAD: (NEW,), NEW: (COORDINATOR,)}
"""Later in the line always, so that none stands in for themselves in the end."""
EVENTS = (
    *("move", "move_year", "no_deadline", "update", "update", "person", "owner", "nobody"),
    *("hold", "end", "reopen", "ongoing", "snooze", "wake", "lose", "find", "down"),
    *("away",) * 6,
)
Mail = tuple[str, int, str]
"""Address, task, and the step or the days from the deadline."""


@dataclass
class Office(World):
    """The world of the sweep with more tasks, and with people who go away."""

    stories: list[Story] = field(
        default_factory=lambda: [
            Story(number, START, due=START + 30 * number * DAY, owner=owner, responsible=person)
            for number, (owner, person) in enumerate(4 * ((KS, KARI), (HDIR, NEW)), start=1)
        ]
    )
    away: list[tuple[int, dt.date, dt.date, int]] = field(default_factory=list)
    """Person, first and last day, substitute."""

    def happen(self, what: str, days: int, story: Story, today: dt.date) -> None:
        match what:
            case "end":
                story.status = "closed"
            case "away":
                self.leave(days, today + abs(days) // 4 * DAY)
            case _:
                super().happen(what, days, story, today)

    def assign(self, story: Story, what: str, days: int, today: dt.date) -> None:
        story.news.clear()  # Whose it was before is no news any more.
        super().assign(story, what, days, today)

    def leave(self, days: int, first: dt.date) -> None:
        person = tuple(SUBSTITUTES)[days % 4]
        last = first + abs(days) % 25 * DAY
        if not any(who == person and a <= last and b >= first for who, a, b, _ in self.away):
            substitutes = SUBSTITUTES[person]
            self.away.append((person, first, last, substitutes[days % len(substitutes)]))

    def holder(self, addressee: str, today: dt.date) -> int:
        """Return who gets the mail of somebody, followed by hand from one to the next."""
        person = current = int(addressee.removeprefix("user:"))
        found = True
        while found:
            found = False
            for who, first, last, substitute in self.away:
                if who == current and first <= today <= last:
                    current, found = substitute, True
                    break
        return person if current in self.reckoner.unreachable else current


def settle_in(session: Session) -> None:
    """Make the people, actors and tasks, under the ids that the stories know them by."""
    actors = {key: make.actor(session, f"Actor {key}", id=key) for key in (KS, HDIR)}
    for key, at, role in (
        (KARI, KS, Role.MEMBER),
        (NEW, HDIR, Role.MEMBER),
        (LEAD, KS, Role.LEAD),
        (OTHER_LEAD, HDIR, Role.LEAD),
        (COORDINATOR, None, Role.COORDINATOR),
    ):
        owner = actors[at] if at else None
        make.user(session, id=key, at=owner, role=role, email=_address(key))
    # Half of what can happen leaves something unsettled, which is another matter.
    session.add(DeclinedMail(user_id=COORDINATOR, kind=OptionalKind.UNSETTLED))
    for story in Office().stories:
        make.task(session, id=story.id, owner=actors[KS], created_at=_noon(START))


def write_down(session: Session, office: Office, today: dt.date) -> None:
    """Write what has happened into the database."""
    for story in office.stories:
        task = session.get_one(Task, story.id)
        task.owner_id, task.responsible_id = story.owner, story.responsible
        task.deadline, task.series, task.status = story.due, story.series, story.status
        precision = Precision.YEAR if story.by_year else Precision.DAY
        task.deadline_precision = precision if story.due else None
        task.look_again_on = story.look_again
        task.last_update_at = _noon(story.heard) if story.heard else None
        task.assigned_at = _noon(story.assigned) if story.assigned else None
        task.assignment, task.assigned_by_id = story.assignment, COORDINATOR
        session.execute(delete(Snooze).where(Snooze.task_id == story.id))
        session.add_all(
            Snooze(task_id=story.id, user_id=who, until=until, reason="-", created_at=_noon(today))
            for who, until in story.snoozes.items()
        )
    lost = User.id.in_(office.reckoner.unreachable)
    session.execute(update(User).values(email_failed_at=None))
    session.execute(update(User).where(lost).values(email_failed_at=_noon(today)))
    session.execute(delete(Absence))
    session.add_all(
        Absence(
            user_id=who,
            first_on=first,
            last_on=last,
            substitute_id=substitute,
            created_at=_noon(today),
            created_by_id=who,
        )
        for who, first, last, substitute in office.away
    )


def run(database: Database, settings: Settings, today: dt.date) -> Counter[Mail]:
    """Run the slot of seven o'clock and deliver; return what was sent to which address."""
    (slot,) = reminders.slots_of(today, settings=settings)
    with database.session(write=True) as session:
        assert reminders.plan_run(session, settings=settings, now=slot, slot=slot)
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=lambda: slot)
    with database.session(write=False) as session:
        sent = session.execute(
            select(OutgoingEmail.to_address, Reminder.task_id, Reminder)
            .join(Reminder, Reminder.email_id == OutgoingEmail.id)
            .where(OutgoingEmail.local_date == today, Reminder.state == "sent")
        ).all()
    return Counter(
        (address or "", task_id, _label(reminder)) for address, task_id, reminder in sent
    )


@pytest.mark.parametrize("seed", YEAR_SEEDS)
def test_every_mail_of_years_goes_to_whom_and_on_the_day_that_a_naive_reckoning_says(
    database: Database, settings: Settings, seed: int
) -> None:
    chance = random.Random(seed)
    office = Office()
    with database.session(write=True) as session:
        settle_in(session)
        write_down(session, office, START)
    mails = instead = 0
    for today in (START + n * DAY for n in range(YEARS * 366)):
        if not CALENDAR.is_closed(today) and today >= office.down_until:
            found = run(database, settings, today)
            reckoned = office.reckoner.morning(today, *office.stories)
            expected = Counter[Mail]()
            for (addressee, task_id, label), times in reckoned.items():
                holder = office.holder(addressee, today)
                expected[_address(holder), task_id, str(label)] += times
                instead += addressee != f"user:{holder}"
            assert found == expected, (seed, today, found - expected, expected - found)
            mails += found.total()
        if chance.random() < 0.4:
            story = chance.choice(office.stories)
            office.happen(chance.choice(EVENTS), chance.randint(-60, 200), story, today)
            with database.session(write=True) as session:
                write_down(session, office, today)
    assert mails > 20 * YEARS
    assert instead > YEARS, "too few mails of people who are away, so the seed shows little"
    with database.session(write=False) as session:
        hours = {at.astimezone(OSLO).time() for at in session.scalars(select(ReminderRun.at))}
        again = session.scalars(select(OutgoingEmail.possibly_duplicate)).all()
    assert hours == {dt.time(7)}, "seven o'clock, in summer and in winter"
    assert not any(again)


def _label(reminder: Reminder) -> str:
    if reminder.step in {"assigned", "question", "look_again"}:
        return reminder.step
    assert reminder.deadline is not None
    return str((reminder.nominal_on - reminder.deadline).days)


def _address(person: int) -> str:
    return f"person{person}@tracker.example"


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), OSLO).astimezone(dt.UTC)
