"""Addresses that take no mail: who stands in, who sees it, and how it is tried again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Client, Clock
from tests.mails import only_mail, reminder_states
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import Reminder, Task, User
from tracker.services import contacts, delivery_outcomes, reminders
from tracker.services.delivery import Counts

Sign = Callable[[User | Person], Client]
ADDRESS = "p00@ks.example"
BUSY = "451 4.3.0 try later"


def receivers_of_a_run(database: Database, settings: Settings, now: Clock) -> set[str]:
    with database.session(write=True) as session:
        run = reminders.plan_run(session, settings=settings, now=now())
        assert run is not None
        rows = session.scalars(
            select(Reminder.addressee).where(Reminder.run_id == run.id, Reminder.state == "planned")
        )
        return set(rows)


def failing(database: Database) -> list[str]:
    with database.session(write=False) as session:
        return list(session.scalars(select(User.email).where(User.email_failed_at.is_not(None))))


def try_for_days(deliver: Callable[[], Counts], now: Clock, days: int) -> None:
    for _ in range(days * 4 + 8):
        deliver()
        now.advance(hours=6)


def test_a_mail_that_fails_for_five_days_is_given_up_and_others_stand_in(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    smtp_settings: Settings,
    now: Clock,
) -> None:
    mails.queue_digests(database, 2)
    server.script.rcpt[ADDRESS] = [BUSY] * 100
    try_for_days(deliver, now, 3)
    assert failing(database) == []
    try_for_days(deliver, now, 2)

    assert server.receivers == ["p01@ks.example"]
    assert failing(database) == [ADDRESS]
    assert reminder_states(database) == [("cancelled", "given_up"), ("sent", None)]
    with database.session(write=True) as session:
        task = session.scalars(select(Task).order_by(Task.id)).first()
        assert task is not None
        assert task.needs_contact_since is not None
        assert task.owner is not None
        lead = make.user(session, at=task.owner, role=Role.LEAD)
    assert f"user:{lead.id}" in receivers_of_a_run(database, smtp_settings, now)


def test_a_server_that_is_away_for_a_week_gives_up_nothing(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock
) -> None:
    mails.queue_digests(database, 2)
    server.script.mail = ["550 5.7.1 not you"] * 200
    try_for_days(deliver, now, 7)
    server.script.mail.clear()
    now.advance(hours=6)
    deliver()
    assert sorted(server.receivers) == [ADDRESS, "p01@ks.example"]
    assert failing(database) == []


def test_the_secretariat_sees_who_needs_a_new_contact_and_a_click_tries_again(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    as_user: Sign,
) -> None:
    mails.queue_digests(database, 1)
    server.script.rcpt[ADDRESS] = ["550 5.1.1 no such user"]
    deliver()
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    siri = as_user(coordinator)
    page = html.text(siri.page("/reminders/contacts"))
    assert ADDRESS in page
    assert "RCPT: 550 5.1.1 no such user" in page

    addressee = only_mail(database).addressee
    siri.send("/reminders/contacts/try-again", addressee=addressee)
    assert "Alle adressene virker" in html.text(siri.page("/reminders/contacts"))
    assert deliver() == Counts(sent=1)
    assert server.receivers == [ADDRESS]
    assert reminder_states(database) == [("sent", None)]
    with database.session(write=False) as session:
        assert session.scalars(select(Task.needs_contact_since)).one() is None


def test_a_temporary_failure_shows_when_it_is_tried_next_and_may_be_tried_at_once(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    as_user: Sign,
) -> None:
    mails.queue_digests(database, 1)
    server.script.rcpt[ADDRESS] = [BUSY]
    deliver()
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    siri = as_user(coordinator)
    page = html.text(siri.page("/reminders/contacts"))
    assert "10.01" in page
    assert "451 4.3.0 try later" in page
    assert deliver() == Counts()
    siri.send(f"/reminders/contacts/mails/{only_mail(database).id}/try-now")
    assert deliver() == Counts(sent=1)


def test_nobody_else_sees_or_tries(database: Database, as_user: Sign) -> None:
    with database.session(write=True) as session:
        lead = make.user(session, at=make.actor(session), role=Role.LEAD)
    kari = as_user(lead)
    assert kari.get("/reminders/contacts").status_code == 403
    assert kari.send("/reminders/contacts/try-again", addressee="user:1").status_code == 403
    assert kari.send("/reminders/contacts/mails/1/try-now").status_code == 403


def test_mail_that_has_failed_for_an_hour_is_announced_to_the_secretariat_on_every_page(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock, as_user: Sign
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=True) as session:
        coordinator, reader = make.coordinator(session), make.user(session)
    siri, kari = as_user(coordinator), as_user(reader)
    server.script.mail = ["550 5.7.1 not you"] * 9
    deliver()
    words = "Ingen e-post er sendt ut på over en time."
    assert words not in html.text(siri.page("/tasks"))
    now.advance(minutes=61)
    assert words in html.text(siri.page("/tasks"))
    assert "1 e-post venter, siden" in html.text(siri.page("/reminders"))
    assert words not in html.text(kari.page("/tasks"))
    server.script.mail.clear()
    deliver()
    assert words not in html.text(siri.page("/tasks"))


@pytest.mark.parametrize("addressee", ["", "user:1", "user:x", "actor:99999999999999", "nobody"])
def test_trying_an_address_that_does_not_fail_says_so(
    database: Database, as_user: Sign, addressee: str
) -> None:
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    answer = as_user(coordinator).send("/reminders/contacts/try-again", addressee=addressee)
    assert answer.status_code == 404
    assert "Adressen er ikke lenger registrert med feil." in answer.text


@pytest.mark.parametrize(
    ("step", "audience", "is_flagged"),
    [
        ("-7", "responsible", True),
        ("1", "leads", True),
        ("1", "mailbox", True),
        ("escalate_lead", "leads", False),
        ("escalate_coordinator", "coordinator", False),
        ("unsettled", "coordinator", False),
        ("-7", "copy", False),
    ],
)
def test_only_who_is_to_answer_for_a_task_leaves_it_without_a_contact(
    database: Database,
    step: str,
    audience: str,
    is_flagged: bool,
) -> None:
    with database.session(write=True) as session:
        owner = make.actor(session)
        lead = make.user(session, at=owner, role=Role.LEAD, email=ADDRESS)
        task = make.task(session, owner=owner, deadline=mails.DUE_LAST_FRIDAY)
        email = mails.queue_digest(session, lead, [mails.line(task, step, audience)])
        delivery_outcomes.undeliverable(session, email, None, "550 no", now=make.NOW)
    with database.session(write=True) as session:
        flagged = session.get_one(Task, task.id).needs_contact_since is not None
        contacts.works(session, addressee=f"user:{lead.id}")
    with database.session(write=False) as session:
        cleared = session.get_one(Task, task.id).needs_contact_since is None
    assert flagged == is_flagged
    assert cleared


def test_a_person_whose_address_fails_reads_it_on_the_overview(
    database: Database, as_user: Sign
) -> None:
    with database.session(write=True) as session:
        kari = make.user(session, at=make.actor(session), email=ADDRESS, email_failed_at=make.NOW)
        ola = make.user(session, at=make.actor(session))
    assert f"E-post til {ADDRESS} kommer ikke fram." in html.text(as_user(kari).page("/"))
    assert "kommer ikke fram" not in html.text(as_user(ola).page("/"))


def test_to_try_a_mail_now_does_not_wait_for_the_pause_to_end(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], as_user: Sign
) -> None:
    mails.queue_digests(database, 1)
    server.script.mail = ["530 5.7.0 sign in first"]
    deliver()
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    assert deliver() == Counts()
    assert as_user(coordinator).send("/reminders/contacts/mails/1/try-now").status_code == 303
    assert deliver() == Counts(sent=1)
