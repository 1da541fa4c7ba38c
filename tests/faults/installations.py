"""Whom the tests remind, and whether what came of it keeps the promise."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from config import Settings
from tests import factories as make
from tests import mails
from tests.faults.mail_server import Arrival, MailServer
from tests.smtp_server import trusting_context
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.mail.smtp import SmtpSender
from tracker.models import OutgoingEmail, Reminder, ReminderRun
from tracker.services import delivery

LEAD = "leder@ks.example"
MAILBOX = "post@ks.example"


def make_people(
    database: Database, number: int, *, deadlines: Sequence[dt.date] = (mails.DUE_IN_A_WEEK,)
) -> None:
    """Make so many people who have a task for each deadline, in one actor with a lead."""
    with database.session(write=True) as session:
        actor = make.actor(session, "KS", email=MAILBOX)
        make.user(session, "Leder", at=actor, role=Role.LEAD, email=LEAD)
        for place in range(number):
            person = make.user(session, at=actor, email=address(place))
            for deadline in deadlines:
                make.task(session, owner=actor, responsible=person, deadline=deadline)


def address(place: int) -> str:
    """Return where the person at `place` gets mail; they are reminded in this order."""
    return f"p{place:03}@ks.example"


def send_due(
    database: Database, settings: Settings, now: Callable[[], dt.datetime], *, timeout: float = 30
) -> delivery.Counts:
    """Do as `tracker.jobs.deliver`, trusting the test's certificate."""
    assert settings.smtp
    with closing(SmtpSender(settings.smtp, timeout=timeout, tls=trusting_context())) as sender:
        return delivery.deliver_due(database, sender, settings=settings, now=now)


def waiting(database: Database) -> int:
    """Return how many mails lie in the outbox."""
    with database.session(write=False) as session:
        queued = select(func.count(OutgoingEmail.id)).where(OutgoingEmail.state == "queued")
        return session.scalars(queued).one()


def emails(database: Database) -> list[OutgoingEmail]:
    """Return all mails, with their attempts."""
    with database.session(write=False) as session:
        wanted = select(OutgoingEmail).options(selectinload(OutgoingEmail.delivery_attempts))
        return list(session.scalars(wanted.order_by(OutgoingEmail.id)))


def slots_taken(database: Database) -> list[dt.datetime]:
    """Return the slots that runs have taken."""
    with database.session(write=False) as session:
        runs = session.scalars(select(ReminderRun).order_by(ReminderRun.id)).all()
        assert [run.error for run in runs if run.slot] == [None for run in runs if run.slot]
        return [run.slot for run in runs if run.slot]


def possibly_duplicate(database: Database) -> int:
    """Return how many repeated sendings were counted."""
    return sum(email.possibly_duplicate for email in emails(database))


def assert_none_lost_none_twice(
    database: Database, server: MailServer, expected: Counter[str]
) -> int:
    """Check the promise; return how many mails came more than once, each of them counted.

    `expected` is what arrives where nothing goes wrong.
    """
    arrivals: defaultdict[str, list[Arrival]] = defaultdict(list)
    for arrival in server.arrivals():
        arrivals[arrival.message_id].append(arrival)
    sent = {email.message_id: email for email in emails(database)}
    assert {email.state for email in sent.values()} == {"sent"}
    assert set(arrivals) == set(sent), "each mail has come, and nothing but these mails"
    assert Counter(copies[0].to for copies in arrivals.values()) == expected
    for message_id, copies in arrivals.items():
        assert len({copy.to for copy in copies}) == 1
        repeated, counted = len(copies) - 1, sent[message_id].possibly_duplicate
        assert repeated <= counted, f"{copies[0].to} came {len(copies)} times, {counted=}"
    with database.session(write=False) as session:
        states = session.scalars(select(Reminder.state)).all()
    # Steps before the latest one are superseded from the start.
    assert set(states) <= {"sent", "superseded"}
    return sum(len(copies) - 1 for copies in arrivals.values())
