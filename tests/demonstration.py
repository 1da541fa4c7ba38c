"""The demonstration, made on a certain Friday: what whole-product tests and pictures look at."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, Final

from flask import Flask
from sqlalchemy import select

from tests.client import Clock, tracker_of
from tracker.db import Database
from tracker.domain.reminder_steps import OptionalKind
from tracker.mail.senders import MailboxSender
from tracker.models import AnswerLink, Meeting, OutgoingEmail, StatusUpdate, Task, User
from tracker.services import answer_links, delivery, preferences, reminders, starting_set
from tracker.services import demonstration as service

FRIDAY: Final = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
NO_PAGES: Final = frozenset({"static", "mailbox.html", "reminders.export", "accounts.feed"})
"""What stands in the frame of another page, or is a file."""
MONDAY_SEVEN: Final = dt.datetime(2026, 11, 23, 6, tzinfo=dt.UTC)
PEOPLE: Final = {
    "adviser": "kari.nordmann@ks.example",
    "secretariat": "ingrid.solvang@sekretariatet.example",
    "director": "astrid.myhre@helsedir.example",
    "administrator": "jonas.berge@drift.example",
}


def make(app: Flask, database: Database, now: Clock) -> None:
    """Load the starting set and make the demonstration on Friday at 13 o'clock."""
    now.now = FRIDAY
    with database.session(write=True) as session:
        starting_set.load(session, now=FRIDAY)
    service.make(database, settings=tracker_of(app).settings, now=FRIDAY)


def run_reminders(app: Flask, url: str, now: Clock, at: dt.datetime) -> None:
    """Move on to the slot `at` and send what is due then, with links that begin with `url`."""
    now.now = at
    tracker = tracker_of(app)
    settings = replace(tracker.settings, base_url=url)
    with tracker.database.session(write=True) as session:
        reminders.plan_run(session, settings=settings, now=at, slot=at)
    delivery.deliver_due(tracker.database, MailboxSender(), settings=settings, now=now)


def user(database: Database, who: str) -> User:
    """Return one of `PEOPLE`."""
    with database.session(write=False) as session:
        return session.scalars(select(User).where(User.email == PEOPLE[who])).one()


def latest_mail(database: Database, who: str) -> OutgoingEmail:
    """Return the mail that one of `PEOPLE` got last."""
    with database.session(write=False) as session:
        mails = select(OutgoingEmail).where(OutgoingEmail.to_address == PEOPLE[who])
        return session.scalars(mails.order_by(OutgoingEmail.id.desc()).limit(1)).one()


def things(app: Flask, database: Database) -> dict[str, Any]:
    """Return something that exists for each argument that an address of the product has."""
    key = tracker_of(app).settings.secret_key
    with database.session(write=False) as session:
        link = session.scalars(select(AnswerLink).order_by(AnswerLink.id).limit(1)).one()
        return {
            "task_id": session.scalars(select(Task.id).where(Task.ref == "DIFI-4.2")).one(),
            "actor_id": 3,
            "source_id": 1,
            "user_id": 4,
            "email_id": session.scalars(select(OutgoingEmail.id).limit(1)).one(),
            "update_id": session.scalars(select(StatusUpdate.id).limit(1)).one(),
            "meeting_id": session.scalars(select(Meeting.id).order_by(Meeting.id)).first(),
            "scope": "all",
            "token": _token(answer_links.address(link, base_url="", secret_key=key)),
            "unsubscribe": _token(
                preferences.address(
                    4,
                    tuple(OptionalKind),
                    mailed_at=tracker_of(app).now(),
                    base_url="",
                    secret_key=key,
                )
            ),
        }


def _token(address: str) -> str:
    return address.rpartition("/")[2]


def addresses(app: Flask, database: Database) -> list[str]:
    """Return one address for every page of the product."""
    existing = things(app, database)
    found = []
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("127.0.0.1")
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and rule.endpoint not in NO_PAGES:
                values = {name: existing[name] for name in rule.arguments}
                if rule.endpoint == "accounts.unsubscribe":
                    values["token"] = existing["unsubscribe"]
                found.append(adapter.build(rule.endpoint, values))
    return sorted(found)
