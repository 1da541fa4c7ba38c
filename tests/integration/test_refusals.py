"""Who is to blame for a refusal: the receiver whom others outdo, or the installation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Clock
from tests.integration.test_contacts import Sign, failing, receivers_of_a_run
from tests.mails import reminder_states
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.models import Actor, DeliveryAttempt, Installation, OutgoingEmail, Task, User
from tracker.services import reminder_health
from tracker.services.delivery import Counts
from tracker.services.mail_trouble import FEW
from tracker.services.reminder_health import Problem

BANNER = "Ingen e-post er sendt ut på over en time."
REFUSED = "550 5.7.1 not to this receiver"
TROUBLE_OF_ONE = ("rcpt", REFUSED), ("mail", "552 5.3.4 too big")
PLACES = {"first": slice(0, 3), "last": slice(-3, None)}


def problems(database: Database, settings: Settings, now: Clock) -> set[Problem]:
    with database.session(write=False) as session:
        health = reminder_health.check(session, settings=settings, now=now())
    return set(health.problems) & {Problem.MAIL_LATE, Problem.MAIL_PAUSED}


def is_paused(database: Database) -> bool:
    with database.session(write=False) as session:
        return session.scalars(select(Installation.mail_paused_until)).one() is not None


def attempts(database: Database) -> int:
    with database.session(write=False) as session:
        return len(session.scalars(select(DeliveryAttempt.id)).all())


def queue_another(session: Session, address: str, now: Clock) -> None:
    """Queue a digest of another day for somebody who has had one."""
    person = session.scalars(select(User).where(User.email == address)).one()
    owner = session.scalars(select(Actor)).first()
    task = make.task(
        session, owner=owner, responsible=person, deadline=mails.DUE_IN_A_WEEK + dt.timedelta(1)
    )
    mails.queue_digest(session, person, [mails.line(task)], now=now())


@pytest.fixture
def read_as_siri(database: Database, as_user: Sign) -> Callable[[str], str]:
    """The words of a page as the secretariat reads it, signed in anew, because days pass."""
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    return lambda path: html.text(as_user(coordinator).page(path))


@pytest.mark.parametrize("place", PLACES)
def test_three_refused_people_hold_up_none_of_82_others_and_no_banner_appears(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    smtp_settings: Settings,
    now: Clock,
    read_as_siri: Callable[[str], str],
    place: str,
) -> None:
    queued = mails.queue_digests(database, 85)
    refused = queued[PLACES[place]]
    for address in refused:
        server.script.rcpt[address] = [REFUSED] * 50

    assert deliver() == Counts(sent=82, failed=3)
    assert sorted(server.receivers) == sorted(set(queued) - set(refused))
    for _ in range(6):
        now.advance(minutes=61)
        deliver()
        assert not is_paused(database)
        assert problems(database, smtp_settings, now) == set()
        assert BANNER not in read_as_siri("/tasks")
    listed = read_as_siri("/reminders/contacts")
    assert all(f"{address}" in listed for address in refused)
    assert listed.count(f"RCPT: {REFUSED}") == 3


@pytest.mark.parametrize(("command", "answer"), TROUBLE_OF_ONE)
def test_a_mail_that_is_refused_for_five_days_is_given_up_and_others_stand_in(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    smtp_settings: Settings,
    now: Clock,
    command: str,
    answer: str,
) -> None:
    refused, other = mails.queue_digests(database, 2)
    if command == "rcpt":
        server.script.rcpt[refused] = [answer] * 99
    else:
        server.script.mail = [answer]
    deliver()
    server.script.mail = [answer] * 99
    for _ in range(3 * 4 + 8):
        deliver()
        now.advance(hours=6)
    assert failing(database) == []
    for _ in range(2 * 4):
        deliver()
        now.advance(hours=6)

    assert server.receivers == [other]
    assert failing(database) == [refused]
    assert reminder_states(database) == [("cancelled", "given_up"), ("sent", None)]
    with database.session(write=True) as session:
        task = session.scalars(select(Task).order_by(Task.id).limit(1)).one()
        assert task.owner is not None
        lead = make.user(session, at=task.owner, role=Role.LEAD)
    assert f"user:{lead.id}" in receivers_of_a_run(database, smtp_settings, now)


def test_who_was_refused_while_others_got_through_pauses_nothing_on_a_day_without_others(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock
) -> None:
    queued = mails.queue_digests(database, 10)
    for address in queued[:7]:
        server.script.rcpt[address] = [REFUSED] * 99
    deliver()
    now.advance(minutes=2)
    deliver()
    assert server.receivers == queued[7:]
    now.advance(days=1)
    with database.session(write=True) as session:
        for address in queued[:7]:
            queue_another(session, address, now)

    assert deliver() == Counts(failed=14), "yesterday's and today's"
    assert not is_paused(database)


def test_a_server_that_refuses_everybody_is_tried_a_few_times_and_said_to_do_so(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    smtp_settings: Settings,
    now: Clock,
    read_as_siri: Callable[[str], str],
) -> None:
    mails.queue_digests(database, 60)
    server.script.mail = ["550 5.7.1 not you"] * 999
    assert deliver() == Counts(failed=FEW)
    for _ in range(24 * 4):
        deliver()
        now.advance(minutes=15)
    # A few before the first pause and after each, which soon lasts a quarter of an hour.
    assert attempts(database) <= FEW * (1 + 24 * 4)
    assert problems(database, smtp_settings, now) >= {Problem.MAIL_LATE}
    assert BANNER in read_as_siri("/tasks")
    assert failing(database) == []

    server.script.mail = []
    deliver()
    now.advance(hours=6)
    deliver()
    assert len(set(server.receivers)) == 60
    assert problems(database, smtp_settings, now) == set()


@pytest.mark.parametrize(
    "answers", [["550 5.7.1 not you"], ["451 4.3.0 try later"]], ids=["refused", "put off"]
)
def test_what_nobody_gets_is_told_although_mail_got_out_before_and_one_has_own_trouble(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    smtp_settings: Settings,
    now: Clock,
    read_as_siri: Callable[[str], str],
    answers: list[str],
) -> None:
    queued = mails.queue_digests(database, 12)
    server.script.rcpt[queued[0]] = [REFUSED] * 99
    for address in queued[2:]:
        server.script.rcpt[address] = answers * 99
    for _ in range(70):
        deliver()
        now.advance(minutes=1)
    assert server.receivers == [queued[1]]
    assert Problem.MAIL_LATE in problems(database, smtp_settings, now)
    assert BANNER in read_as_siri("/tasks")


def test_one_with_trouble_of_their_own_does_not_hide_that_the_next_mail_does_not_get_out(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    smtp_settings: Settings,
    now: Clock,
    read_as_siri: Callable[[str], str],
) -> None:
    queued = mails.queue_digests(database, 2)
    server.script.rcpt[queued[0]] = [REFUSED] * 99
    deliver()
    now.advance(days=1)
    with database.session(write=True) as session:
        queue_another(session, queued[1], now)
    server.script.rcpt[queued[1]] = ["451 4.3.0 try later"] * 99
    deliver()
    assert BANNER not in read_as_siri("/tasks")
    now.advance(minutes=61)
    deliver()
    assert BANNER in read_as_siri("/tasks")
    assert problems(database, smtp_settings, now) == {Problem.MAIL_LATE}


def test_a_refused_sign_in_pauses_at_the_first_mail(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 3)
    server.script.mail = ["530 5.7.0 sign in first"]
    assert deliver() == Counts(failed=1)
    assert is_paused(database)
    with database.session(write=False) as session:
        assert session.scalars(select(OutgoingEmail.state)).all() == ["queued"] * 3
