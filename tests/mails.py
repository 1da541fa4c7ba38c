"""Mails in the outbox as a run of the reminders leaves them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import factories as make
from tracker.clock import local_date
from tracker.db import Database
from tracker.domain.reminder_steps import StepKind
from tracker.models import Actor, OutgoingEmail, Reminder, Task, User
from tracker.services import outbox

MAIL_FROM = "tracker@tracker.example"
DUE_IN_A_WEEK = make.TODAY + dt.timedelta(days=7)
DUE_LAST_FRIDAY = make.TODAY - dt.timedelta(days=3)


def queue_digest(
    session: Session, to: User | Actor, lines: Iterable[Reminder], *, now: dt.datetime = make.NOW
) -> OutgoingEmail:
    """Queue a digest that holds `lines`."""
    addressee = outbox.to_user(to.id) if isinstance(to, User) else outbox.to_actor(to.id)
    email = outbox.queue_email(
        session,
        kind="digest",
        addressee=addressee,
        mail_from=MAIL_FROM,
        now=now,
        local_date=local_date(now, "Europe/Oslo"),
    )
    for reminder in lines:
        reminder.addressee = addressee
        reminder.user_id, reminder.actor_id = email.user_id, email.actor_id
        reminder.email_id = email.id
        session.add(reminder)
    session.flush()
    return email


def line(task: Task, step: str = "-7", audience: str = "responsible", **values: object) -> Reminder:
    """A planned reminder of `task`, to be put into a digest."""
    # The deadline moves only the steps that are reckoned from it.
    reckoned = step.lstrip("-").isdigit() or step in {
        StepKind.WEEK,
        StepKind.MONTH,
        StepKind.ESCALATE_LEAD,
        StepKind.ESCALATE_COORDINATOR,
    }
    defaults = {
        "series": task.series if reckoned else 0,
        "occurrence": "",
        "state": "planned",
        "nominal_on": make.TODAY,
        "send_on": make.TODAY,
        "deadline": task.deadline,
        "created_at": make.NOW,
    }
    return Reminder(task_id=task.id, step=step, audience=audience, **(defaults | values))


def queue_digests(database: Database, number: int) -> list[str]:
    """Queue a digest with one line for each of `number` people; return their addresses."""
    addresses = []
    with database.session(write=True) as session:
        actor = make.actor(session)
        for place in range(number):
            person = make.user(session, at=actor, email=f"p{place:02}@ks.example")
            task = make.task(session, owner=actor, responsible=person, deadline=DUE_IN_A_WEEK)
            queue_digest(session, person, [line(task)])
            addresses.append(person.email)
    return addresses


def states(database: Database) -> dict[str, str]:
    """Return the state of each mail by the address it went to, or its addressee."""
    with database.session(write=False) as session:
        emails = session.scalars(select(OutgoingEmail).order_by(OutgoingEmail.id))
        return {email.to_address or email.addressee: email.state for email in emails}


def only_mail(database: Database) -> OutgoingEmail:
    """Return the one mail of the outbox, with its attempts."""
    with database.session(write=False) as session:
        email = session.scalars(select(OutgoingEmail)).one()
        assert [attempt.email_id for attempt in email.delivery_attempts]
        return email


def outcomes(email: OutgoingEmail) -> list[str | None]:
    """Return what came of each attempt."""
    return [attempt.outcome for attempt in email.delivery_attempts]


def reminder_states(database: Database) -> list[tuple[str, str | None]]:
    """Return state and reason of all reminders, the oldest first."""
    with database.session(write=False) as session:
        rows = session.scalars(select(Reminder).order_by(Reminder.id))
        return [(row.state, row.reason) for row in rows]
