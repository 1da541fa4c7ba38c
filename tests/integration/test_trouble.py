"""Trouble that lasts, and what people do meanwhile: nothing lost, nothing sent twice, all said."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Client, Clock
from tests.mails import only_mail, reminder_states
from tests.smtp_server import HANG_UP, SmtpServer
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.mail.message import Email
from tracker.mail.outcomes import Outcome
from tracker.mail.senders import MailboxSender
from tracker.mail.smtp import SmtpSender
from tracker.models import Actor, Task, User
from tracker.services import contacts, delivery, snoozes
from tracker.services.delivery import Counts

DAY = dt.timedelta(days=1)
Sign = Callable[[User | Person], Client]
BUSY = "451 4.3.0 lookup failure"


@dataclass
class Pausing:
    """Sends for real, and lets somebody act while the mail is on its way."""

    sender: SmtpSender
    meanwhile: Callable[[], object]

    def send(self, email: Email) -> Outcome:
        outcome = self.sender.send(email)
        self.meanwhile()
        return outcome

    def close(self) -> None:
        self.sender.close()


def failing(database: Database) -> list[str]:
    with database.session(write=False) as session:
        return list(session.scalars(select(User.email).where(User.email_failed_at.is_not(None))))


def test_a_pause_while_the_mail_is_on_its_way_does_not_make_it_come_again(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock
) -> None:
    mails.queue_digests(database, 1)

    def pause() -> None:
        with database.session(write=True) as session:
            kari = session.scalars(select(User)).one()
            task = session.scalars(select(Task)).one()
            snoozes.pause(
                session,
                by=make.person_of(session, kari),
                task_id=task.id,
                until=make.TODAY + 2 * DAY,
                reason="Ferie",
                now=now(),
                today=make.TODAY,
                timezone=smtp_settings.timezone,
            )

    sender = Pausing(SmtpSender(server.settings), pause)
    counts = delivery.deliver_due(database, sender, settings=smtp_settings, now=now)
    sender.close()
    assert counts == Counts(sent=1)
    assert reminder_states(database) == [("sent", None)]


def test_five_days_in_which_our_mail_server_takes_nothing_give_up_nobody(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock
) -> None:
    addresses = mails.queue_digests(database, 3)
    for address in addresses:
        server.script.rcpt[address] = [BUSY] * 200
    for _ in range(7 * 4):
        deliver()
        now.advance(hours=6)
    assert failing(database) == []
    server.script.rcpt.clear()
    deliver()
    assert sorted(server.receivers) == addresses


def test_a_few_failures_far_apart_give_up_nobody(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock
) -> None:
    addresses = mails.queue_digests(database, 2)
    server.script.rcpt[addresses[0]] = [BUSY, BUSY]
    deliver()
    now.advance(days=6)
    assert deliver() == Counts(failed=1)
    assert failing(database) == []


def test_to_try_again_begins_to_count_anew(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock
) -> None:
    address, _ = mails.queue_digests(database, 2)
    server.script.rcpt[address] = [BUSY] * 200
    for _ in range(5 * 4 + 8):
        deliver()
        now.advance(hours=6)
    assert failing(database) == [address]
    with database.session(write=True) as session:
        user = session.scalars(select(User).where(User.email == address)).one()
        by = make.coordinator(session)
        assert contacts.try_again(session, by=by, addressee=f"user:{user.id}", now=now())
    assert deliver() == Counts(failed=1)
    assert failing(database) == []
    server.script.rcpt.clear()
    now.advance(hours=6)
    assert deliver() == Counts(sent=1), "and it is no repeat"


def test_the_banner_tells_that_nothing_gets_out_whatever_the_reason(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], now: Clock, as_user: Sign
) -> None:
    first, second = mails.queue_digests(database, 2)
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    siri, words = as_user(coordinator), "Ingen e-post er sendt ut på over en time."
    server.script.rcpt[first] = [BUSY] * 9
    server.script.rcpt[second] = [BUSY]
    deliver()
    now.advance(minutes=61)
    assert words in html.text(siri.page("/tasks"))
    deliver()
    assert server.receivers == [second]
    assert words not in html.text(siri.page("/tasks")), "one that is put off is trouble of its own"


def test_a_link_that_may_have_arrived_goes_on_answering_as_whom_it_was_made_for(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    now: Clock,
    client: Client,
) -> None:
    mails.queue_digests(database, 1)
    server.script.content = [HANG_UP]
    assert deliver() == Counts(failed=1)
    with database.session(write=True) as session:
        kari = session.scalars(select(User)).one()
        ola = make.user(session, "Ola Hansen", at=session.scalars(select(Actor)).one())
        make.absence(session, kari, make.TODAY, substitute=ola)
        name = kari.name
    now.advance(minutes=1)
    assert deliver() == Counts(sent=1, possibly_duplicate=1)
    first, second = (link_of(received.message.as_string()) for received in server.received)
    assert first != second
    assert name in html.text(client.page(first))
    assert "Ola Hansen" in html.text(client.page(second))


def link_of(raw: str) -> str:
    found = re.search(r"http://[^/]+(/answer/[\w.-]+)", raw.replace("=\n", ""))
    assert found
    return found[1]


def test_a_substitute_whose_address_fails_leaves_no_task_without_a_contact(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=True) as session:
        kari = session.scalars(select(User)).one()
        actor = session.scalars(select(Actor)).one()
        ola = make.user(session, at=actor, role=Role.MEMBER, email="ola@ks.example")
        make.absence(session, kari, make.TODAY, substitute=ola)
    server.script.rcpt["ola@ks.example"] = ["550 5.1.1 no such user"]
    deliver()
    assert failing(database) == ["ola@ks.example"]
    assert only_mail(database).state == "failed"
    with database.session(write=False) as session:
        assert session.scalars(select(Task)).one().needs_contact_since is None


@pytest.mark.parametrize("who", ["absent", "substitute"])
def test_in_the_built_in_mailbox_whoever_got_the_mail_reads_it(
    database: Database, settings: Settings, now: Clock, as_user: Sign, who: str
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=True) as session:
        kari = session.scalars(select(User)).one()
        ola = make.user(session, at=session.scalars(select(Actor)).one())
        make.absence(session, kari, make.TODAY, substitute=ola)
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=now)
    reader = as_user(ola if who == "substitute" else kari)
    assert reader.get("/mailbox/1").status_code == (200 if who == "substitute" else 404)
