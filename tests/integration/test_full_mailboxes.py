"""A mailbox that is full passes; one that has been full for two weeks is read by nobody."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Clock
from tests.integration.test_bounces import bounce, report
from tests.integration.test_contacts import ADDRESS, Sign, failing, receivers_of_a_run
from tests.integration.test_refusals import queue_another
from tests.mails import reminder_states
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.models import Actor, OutgoingEmail
from tracker.services import contacts
from tracker.services.delivery import Counts

FULL = "552 5.2.2 mailbox full"
FULL_ANSWERS = ("rcpt", FULL), ("rcpt", "452 4.2.2 over quota"), ("content", "552 over quota")


def deliver_for(days: float, deliver: Callable[[], Counts], now: Clock, *, each: float = 6) -> None:
    for _ in range(round(days * 24 / each)):
        deliver()
        now.advance(hours=each)


def refuse(server: SmtpServer, command: str, answer: str) -> None:
    if command == "rcpt":
        server.script.rcpt[ADDRESS] = [answer] * 300
    else:
        server.script.content = [answer] * 300


@pytest.mark.parametrize(("command", "answer"), FULL_ANSWERS)
def test_a_mailbox_that_refuses_as_full_for_two_weeks_is_flagged_and_others_stand_in(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    smtp_settings: Settings,
    now: Clock,
    as_user: Sign,
    command: str,
    answer: str,
) -> None:
    mails.queue_digests(database, 1)
    refuse(server, command, answer)
    deliver_for(13.9, deliver, now)
    assert failing(database) == []
    deliver_for(0.5, deliver, now)

    assert failing(database) == [ADDRESS]
    assert reminder_states(database) == [("cancelled", "full")]
    with database.session(write=True) as session:
        lead = make.user(session, at=session.scalars(select(Actor)).one(), role=Role.LEAD)
        coordinator = make.coordinator(session)
    assert f"user:{lead.id}" in receivers_of_a_run(database, smtp_settings, now)
    siri = as_user(coordinator)
    assert answer in html.text(siri.page("/reminders/contacts"))
    assert "Postkassen har vært full i to uker." in html.text(siri.page("/reminders/log"))


def come_back(app: Flask, database: Database, server: SmtpServer, status: str = "5.2.2") -> str:
    """Report that the last mail that was sent came back because the mailbox is full."""
    with database.session(write=False) as session:
        last = select(OutgoingEmail.message_id).order_by(OutgoingEmail.id.desc()).limit(1)
        message_id = session.scalars(last).one()
    raw = report(message_id, ADDRESS, status=status, diagnostic=f"smtp; 552 {status} no")
    return bounce(app, raw)[1].partition(":")[0]


def send_another(
    database: Database, deliver: Callable[[], Counts], now: Clock, *, days: int = 1
) -> None:
    now.advance(days=days)
    with database.session(write=True) as session:
        queue_another(session, ADDRESS, now)
    assert deliver() == Counts(sent=1)


def test_a_mailbox_from_which_mail_comes_back_as_full_for_two_weeks_is_flagged(
    app: Flask,
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    now: Clock,
) -> None:
    mails.queue_digests(database, 1)
    deliver()
    said = [come_back(app, database, server)]
    for _ in range(14):
        send_another(database, deliver, now)
        said.append(come_back(app, database, server))
    assert said == ["returned"] * 14 + ["flagged"]
    assert failing(database) == [ADDRESS]


@pytest.mark.parametrize("came_back_as", [None, "5.7.1"], ids=["read", "a policy"])
def test_the_two_weeks_begin_anew_after_a_mail_that_arrived_and_only_then(
    app: Flask,
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    now: Clock,
    came_back_as: str | None,
) -> None:
    mails.queue_digests(database, 1)
    deliver()
    assert come_back(app, database, server) == "returned"
    send_another(database, deliver, now, days=10)
    if came_back_as:
        assert come_back(app, database, server, came_back_as) == "returned"
    send_another(database, deliver, now, days=5)
    expected = "flagged" if came_back_as else "returned"
    assert come_back(app, database, server) == expected


def test_reports_that_come_days_later_are_counted_by_when_the_mails_were_sent(
    app: Flask, database: Database, deliver: Callable[[], Counts], now: Clock
) -> None:
    mails.queue_digests(database, 1)
    deliver()
    said = []
    for day in range(1, 19):
        send_another(database, deliver, now)
        if day < 4:
            continue
        # The server has kept the mail for four days, and has three later ones by now.
        with database.session(write=False) as session:
            ids = select(OutgoingEmail.message_id).order_by(OutgoingEmail.id)
            message_id = session.scalars(ids.offset(day - 4).limit(1)).one()
        raw = report(message_id, ADDRESS, status="4.2.2", diagnostic="smtp; 452 4.2.2 full")
        said.append(bounce(app, raw)[1].partition(":")[0])
    assert said == ["returned"] * 14 + ["flagged"]


def test_to_try_a_full_mailbox_again_begins_to_count_anew(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock
) -> None:
    mails.queue_digests(database, 1)
    refuse(server, "rcpt", FULL)
    deliver_for(15, deliver, now)
    assert failing(database) == [ADDRESS]
    with database.session(write=True) as session:
        by = make.coordinator(session)
        assert contacts.try_again(session, by=by, addressee="user:1", now=now())
    deliver_for(13.9, deliver, now)
    assert failing(database) == []
    assert reminder_states(database) == [("planned", None)]
    deliver_for(0.5, deliver, now)
    assert failing(database) == [ADDRESS]


def test_a_mailbox_that_is_full_for_a_week_gets_its_mail_once_it_is_emptied(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock
) -> None:
    mails.queue_digests(database, 2)
    refuse(server, "rcpt", FULL)
    deliver_for(7, deliver, now)
    server.script.rcpt.clear()
    now.advance(hours=6)
    assert deliver() == Counts(sent=1)
    assert (failing(database), server.receivers[-1]) == ([], ADDRESS)
