"""Pausing reminders about a task: whom it silences, what goes on, and who can see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Client
from tests.factories import TODAY
from tests.mails import reminder_states
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import Reminder, Snooze, Task, User
from tracker.services import reminders

DAY = dt.timedelta(days=1)
Sign = Callable[[User | Person], Client]


@dataclass
class Late:
    """A late task of Kari's, of which a lead is to be told."""

    task: Task
    kari: User
    lead: User
    stranger: User
    coordinator: Person


@pytest.fixture
def late(database: Database) -> Late:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, "Kari Nordmann", at=ks)
        return Late(
            make.task(session, owner=ks, responsible=kari, deadline=TODAY - 15 * DAY),
            kari,
            make.user(session, "Liv Leder", at=ks, role=Role.LEAD),
            make.user(session, "Per Fremmed", at=make.actor(session, "Hdir")),
            make.coordinator(session),
        )


def pause(who: Client, task: Task, days: int, reason: str = "Venter på budsjettet") -> str:
    answer = who.submit(
        f"/tasks/{task.id}/snooze", until=(TODAY + days * DAY).isoformat(), reason=reason
    )
    return html.text(who.page(answer.location) if answer.location else html.parse(answer.text))


def run(database: Database, settings: Settings, now: dt.datetime) -> set[tuple[str, str]]:
    """Run the reminders; return who gets which step."""
    with database.session(write=True) as session:
        planned = reminders.plan_run(session, settings=settings, now=now)
        assert planned is not None
        rows = session.scalars(
            select(Reminder).where(Reminder.run_id == planned.id, Reminder.state == "planned")
        )
        return {(row.addressee, row.step) for row in rows}


def test_a_person_pauses_the_nagging_until_a_day_and_then_it_takes_up_again(
    database: Database, settings: Settings, late: Late, as_user: Sign
) -> None:
    page = pause(as_user(late.kari), late.task, 10)
    assert "Kari Nordmann har satt påminnelsene sine på pause til torsdag 12. mars 2026:" in page
    assert "Venter på budsjettet" in page

    kari, lead = f"user:{late.kari.id}", f"user:{late.lead.id}"
    assert run(database, settings, make.NOW) == {(lead, "escalate_lead")}
    assert run(database, settings, make.NOW + 9 * DAY) <= {
        (f"user:{late.coordinator.user_id}", "escalate_coordinator")
    }
    assert (kari, "week") in run(database, settings, make.NOW + 10 * DAY)


def test_what_waits_to_be_sent_is_cancelled_at_once(
    database: Database, late: Late, as_user: Sign
) -> None:
    with database.session(write=True) as session:
        kari, task = session.get_one(User, late.kari.id), session.get_one(Task, late.task.id)
        mails.queue_digest(session, kari, [mails.line(task, "1")])
    pause(as_user(late.kari), late.task, 10)
    assert reminder_states(database) == [("cancelled", "changed")]


def test_taken_back_it_ends_at_once_and_a_new_pause_takes_the_place_of_the_old(
    database: Database, settings: Settings, late: Late, as_user: Sign
) -> None:
    kari = as_user(late.kari)
    pause(kari, late.task, 10)
    assert "16. mars" in pause(kari, late.task, 14)
    kari.send(f"/tasks/{late.task.id}/snooze/end")
    assert "på pause til" not in html.text(kari.page(f"/tasks/{late.task.id}"))
    with database.session(write=False) as session:
        assert all(snooze.ended_at for snooze in session.scalars(select(Snooze)))
    assert (f"user:{late.kari.id}", "week") in run(database, settings, make.NOW)


def test_everybody_sees_the_pause_and_its_reason(late: Late, as_user: Sign) -> None:
    pause(as_user(late.kari), late.task, 10)
    for who in (late.stranger, late.coordinator):
        assert "Venter på budsjettet" in html.text(as_user(who).page(f"/tasks/{late.task.id}"))
    assert "Venter på budsjettet" in html.text(as_user(late.coordinator).page("/"))


@pytest.mark.parametrize(
    ("days", "reason", "words"),
    [
        (0, "Ferie", "Velg en dag etter i dag."),
        (91, "Ferie", "de neste 90 dagene"),
        (5, " ", "hvorfor"),
    ],
)
def test_a_pause_that_cannot_be_is_refused(
    database: Database, late: Late, as_user: Sign, days: int, reason: str, words: str
) -> None:
    assert words in pause(as_user(late.kari), late.task, days, reason)
    with database.session(write=False) as session:
        assert not session.scalars(select(Snooze)).all()


def test_who_gets_no_reminders_of_it_cannot_pause_them(late: Late, as_user: Sign) -> None:
    stranger = as_user(late.stranger)
    assert stranger.get(f"/tasks/{late.task.id}/snooze").status_code == 403
    tomorrow = (TODAY + DAY).isoformat()
    sent = stranger.send(f"/tasks/{late.task.id}/snooze", until=tomorrow, reason="Nei")
    assert sent.status_code == 403
