"""None lost, none twice: the outbox against a real SMTP server, on both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from config import Settings
from tests import factories as make
from tests import mails
from tests.client import Clock
from tests.mails import only_mail, outcomes, reminder_states
from tests.smtp_server import HANG_UP, SmtpServer
from tracker.db import Database
from tracker.domain.status import Status
from tracker.mail.senders import MailboxSender
from tracker.mail.smtp import SmtpSender
from tracker.models import Actor, Installation, OutgoingEmail, Task, User
from tracker.services import delivery, outbox
from tracker.services.delivery import Counts


def test_every_mail_goes_out_once_over_one_connection(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    addresses = mails.queue_digests(database, 5)

    assert deliver() == Counts(sent=5)
    assert server.receivers == addresses
    assert server.connections == 1
    assert deliver() == Counts()
    assert len(server.received) == 5


def test_what_was_sent_is_kept_with_the_servers_answer(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 1)
    deliver()

    email = only_mail(database)
    assert (email.state, email.attempts, email.possibly_duplicate) == ("sent", 1, 0)
    assert email.server_answer == "250 2.0.0 queued as 1"
    assert email.finished_at == make.NOW
    assert email.subject == "1 med frist 09.03.2026 – status fra deg"
    assert server.received[0].message["Message-ID"] == email.message_id
    assert reminder_states(database) == [("sent", None)]
    assert outcomes(email) == ["sent"]


def test_the_copy_in_the_outbox_holds_no_link_that_lets_anybody_answer(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 1)
    deliver()

    text = server.received[0].message.get_body(("plain",))
    assert text is not None
    assert "/answer/" in text.get_content()
    email = only_mail(database)
    assert "/answer/" not in f"{email.text_body}{email.html_body}"
    assert "/tasks/" in (email.text_body or "")


def test_the_built_in_mailbox_keeps_the_mail_as_it_is(
    database: Database, settings: Settings, now: Clock
) -> None:
    mails.queue_digests(database, 1)
    counts = delivery.deliver_due(database, MailboxSender(), settings=settings, now=now)

    email = only_mail(database)
    assert counts == Counts(sent=1)
    assert "/answer/" in (email.text_body or "")
    assert "/answer/" in (email.html_body or "")


def test_a_server_that_is_down_delays_the_mail_and_loses_none(
    database: Database, smtp_settings: Settings, server: SmtpServer, now: Clock,
    deliver: Callable[[], Counts],
) -> None:  # fmt: skip
    addresses = mails.queue_digests(database, 3)
    nowhere = SmtpSender(replace(server.settings, port=1), timeout=1)
    for minutes in (0, 1, 1, 2, 4):
        now.advance(minutes=minutes)
        down = delivery.deliver_due(database, nowhere, settings=smtp_settings, now=now)
        assert down == Counts(failed=1), "one try tells that nobody is there"

    assert deliver() == Counts(), "sending pauses"
    now.advance(minutes=15)
    assert deliver() == Counts(sent=3)
    assert sorted(server.receivers) == addresses
    with database.session(write=False) as session:
        installation = session.scalars(select(Installation)).one()
        assert installation.mail_paused_until is None
        assert installation.mail_failing_since is None


@pytest.mark.parametrize("answer", ["451 4.3.0 try later", "421 4.3.2 shutting down", "452 no"])
def test_a_temporary_refusal_is_tried_again_until_it_is_accepted(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts], answer: str
) -> None:
    (address,) = mails.queue_digests(database, 1)
    server.script.rcpt[address] = [answer, answer]

    assert deliver() == Counts(failed=1)
    now.advance(seconds=59)
    assert deliver() == Counts()
    now.advance(seconds=1)
    assert deliver() == Counts(failed=1)
    now.advance(minutes=2)
    assert deliver() == Counts(sent=1)
    assert server.receivers == [address]
    email = only_mail(database)
    assert outcomes(email) == ["temporary", "temporary", "sent"]
    assert email.possibly_duplicate == 0


def test_the_waits_double_up_to_six_hours(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts]
) -> None:
    (address,) = mails.queue_digests(database, 1)
    server.script.rcpt[address] = ["451 later"] * 12
    waits = []
    for _ in range(12):
        assert deliver() == Counts(failed=1)
        waits.append((only_mail(database).next_attempt_at - now()) / dt.timedelta(minutes=1))
        now.now = only_mail(database).next_attempt_at

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]


def test_one_bad_address_of_many_is_marked_and_the_others_get_their_mail(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts]
) -> None:
    addresses = mails.queue_digests(database, 5)
    bad = addresses.pop(2)
    server.script.rcpt[bad] = ["550 5.1.1 no such user"]

    assert deliver() == Counts(sent=4, failed=1)
    assert server.receivers == addresses
    assert mails.states(database)[bad] == "failed"
    with database.session(write=False) as session:
        person = session.scalars(select(User).where(User.email == bad)).one()
        assert (person.email_failed_at, person.email_failure) == (
            make.NOW,
            "RCPT: 550 5.1.1 no such user",
        )
        lacking = session.scalars(select(Task).where(Task.needs_contact_since.is_not(None))).one()
        assert lacking.responsible_id == person.id
    assert reminder_states(database).count(("cancelled", "bad_address")) == 1
    now.advance(days=1)
    assert deliver() == Counts()


def test_a_bad_shared_mailbox_is_marked_on_its_actor(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    with database.session(write=True) as session:
        actor = make.actor(session, "KS", email="post@ks.example")
        task = make.task(session, owner=actor, deadline=mails.DUE_IN_A_WEEK)
        mails.queue_digest(session, actor, [mails.line(task, audience="mailbox")])
    server.script.rcpt["post@ks.example"] = ["550 5.1.1 no such user"]

    assert deliver() == Counts(failed=1)
    with database.session(write=False) as session:
        assert session.scalars(select(Actor)).one().email_failed_at == make.NOW


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("mail", "550 5.7.1 sender not allowed"),
        ("content", "554 5.7.1 looks like spam"),
        ("data_command", "554 no"),
    ],
)
def test_a_server_that_refuses_everybody_is_left_alone_after_five_and_blames_no_address(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts],
    command: str, answer: str,
) -> None:  # fmt: skip
    addresses = mails.queue_digests(database, 8)
    getattr(server.script, command).extend([answer] * 5)

    assert deliver() == Counts(failed=5)
    with database.session(write=False) as session:
        installation = session.scalars(select(Installation)).one()
        assert installation.mail_paused_until == make.NOW + dt.timedelta(minutes=1)
        assert answer in (installation.mail_paused_reason or "")
        assert session.scalars(select(User).where(User.email_failed_at.is_not(None))).all() == []
    assert deliver() == Counts()
    now.advance(minutes=1)
    assert deliver() == Counts(sent=8)
    assert sorted(server.receivers) == addresses


def test_after_a_pause_others_go_first_so_that_a_few_never_stop_the_rest(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts]
) -> None:
    queued = mails.queue_digests(database, 8)
    for refused in queued[:5]:
        server.script.rcpt[refused] = ["550 5.7.1 not to this receiver"] * 3

    assert deliver() == Counts(failed=5)
    now.advance(seconds=61)
    assert deliver() == Counts(sent=3, failed=5)
    assert server.receivers == queued[5:]
    now.advance(minutes=2)
    assert deliver() == Counts(failed=5), "nobody waits for them any more"


def test_a_connection_lost_before_the_end_of_data_is_sent_once_in_the_end(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts]
) -> None:
    addresses = mails.queue_digests(database, 3)
    server.script.data_command = [HANG_UP]

    assert deliver() == Counts(sent=2, failed=1)
    now.advance(minutes=1)
    assert deliver() == Counts(sent=1)
    assert sorted(server.receivers) == addresses


def test_a_connection_lost_in_the_middle_of_the_content_is_sent_once_in_the_end(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts]
) -> None:
    addresses = mails.queue_digests(database, 3)
    server.script.data_command = ["354 go on"]

    # A short mail has been handed over before the loss shows, so that nobody can know.
    assert deliver().failed == 1
    now.advance(minutes=1)
    assert deliver().sent == 1
    assert sorted(server.receivers) == addresses


def test_a_connection_lost_after_data_repeats_the_mail_with_its_message_id_and_says_so(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 1)
    server.script.content = [HANG_UP]

    assert deliver() == Counts(failed=1)
    now.advance(minutes=1)
    assert deliver() == Counts(sent=1, possibly_duplicate=1)
    first, second = (received.message["Message-ID"] for received in server.received)
    assert first == second
    email = only_mail(database)
    assert email.possibly_duplicate == 1
    assert outcomes(email) == ["unknown", "sent"]


def test_an_answer_after_the_planning_cancels_the_mail(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=True) as session:
        session.execute(update(Task).values(last_update_at=make.NOW))

    assert deliver() == Counts(cancelled=1)
    assert server.received == []
    assert only_mail(database).state == "cancelled"
    assert reminder_states(database) == [("cancelled", "changed")]


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.CLOSED},
        {"status": Status.DROPPED},
        {"responsible_id": None, "owner_id": None},
    ],
    ids=["closed", "dropped", "unassigned"],
)
def test_a_mail_about_a_task_that_ended_or_was_given_away_never_leaves(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    change: dict[str, str | None],
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=True) as session:
        session.execute(update(Task).values(**change))

    assert deliver() == Counts(cancelled=1)
    assert server.received == []
    assert reminder_states(database) == [("cancelled", "changed")]


def test_a_person_who_has_been_deactivated_gets_nothing(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=True) as session:
        session.execute(update(User).values(active=False))

    assert deliver() == Counts(cancelled=1)
    assert server.received == []


def test_a_single_mail_goes_ahead_of_the_mornings_digests(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    addresses = mails.queue_digests(database, 2)
    with database.session(write=True) as session:
        person = make.user(session, email="haster@ks.example")
        outbox.queue_sign_in(
            session,
            user_id=person.id,
            url="https://tracker.example/sign-in/link/secret",
            expires_at=make.NOW + dt.timedelta(minutes=20),
            mail_from=mails.MAIL_FROM,
            now=make.NOW,
        )

    assert deliver() == Counts(sent=3)
    assert server.receivers == ["haster@ks.example", *addresses]
    with database.session(write=False) as session:
        kept = session.scalars(select(OutgoingEmail).where(OutgoingEmail.kind == "sign_in")).one()
        assert "secret" not in f"{kept.text_body}{kept.html_body}{kept.payload}"
    assert "secret" in server.received[0].raw.decode()


def test_a_sign_in_link_that_has_expired_is_not_sent(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts]
) -> None:
    with database.session(write=True) as session:
        outbox.queue_sign_in(
            session,
            user_id=make.user(session).id,
            url="https://tracker.example/sign-in/link/secret",
            expires_at=make.NOW + dt.timedelta(minutes=20),
            mail_from=mails.MAIL_FROM,
            now=make.NOW,
        )
    now.advance(minutes=20)

    assert deliver() == Counts()
    assert server.received == []
    email = only_mail(database)
    assert (email.state, email.payload) == ("cancelled", None)


def test_an_address_that_takes_mail_again_is_no_longer_marked(
    database: Database, deliver: Callable[[], Counts]
) -> None:
    with database.session(write=True) as session:
        person = make.user(session, email_failed_at=make.NOW, email_failure="550")
        outbox.queue_email(
            session,
            kind="test",
            addressee=outbox.to_user(person.id),
            mail_from=mails.MAIL_FROM,
            now=make.NOW,
        )

    assert deliver() == Counts(sent=1)
    with database.session(write=False) as session:
        again = session.scalars(select(User)).one()
        assert again.email_failed_at is None
        assert again.email_failure is None
