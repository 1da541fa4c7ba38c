"""Mail that comes back: delivery reports (RFC 3464), what follows from them and what never does."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask import Flask
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Clock
from tests.conftest import make_app
from tests.integration.test_contacts import ADDRESS, Sign, failing, receivers_of_a_run
from tests.integration.test_trouble import Pausing
from tests.mails import only_mail, reminder_states
from tests.smtp_server import HANG_UP, SmtpServer
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.mail.smtp import SmtpSender
from tracker.models import OutgoingEmail, Task, User
from tracker.services import delivery
from tracker.services.delivery import Counts


def report(
    message_id: str,
    recipient: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 No such user",
    quoted: str = "message/rfc822",
) -> bytes:
    """Make a delivery report as mail servers write it."""
    original = f"Message-ID: {message_id}\r\nSubject: Påminnelse\r\n\r\nHei\r\n"
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: tracker@tracker.example\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: {diagnostic}\r\n\r\n"
        f"--b\r\nContent-Type: {quoted}\r\n\r\n{original}\r\n--b--\r\n"
    ).encode()


def bounce(app: Flask, raw: bytes) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["mail", "bounces", "--file", "-"], input=raw)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.fixture
def sent(database: Database, server: SmtpServer, deliver: Callable[[], Counts]) -> OutgoingEmail:
    mails.queue_digests(database, 1)
    assert deliver() == Counts(sent=1)
    return only_mail(database)


@pytest.mark.parametrize("quoted", ["message/rfc822", "text/rfc822-headers"])
def test_a_bounced_owner_is_flagged_and_stood_in_for(
    app: Flask,
    database: Database,
    sent: OutgoingEmail,
    smtp_settings: Settings,
    now: Clock,
    quoted: str,
) -> None:
    code, said = bounce(app, report(sent.message_id, "P00@KS.example", quoted=quoted))
    assert (code, said.partition(":")[0]) == (0, "flagged")
    assert failing(database) == [ADDRESS]
    assert only_mail(database).state == "failed"
    assert reminder_states(database) == [("cancelled", "bad_address")]
    with database.session(write=True) as session:
        task = session.scalars(select(Task)).one()
        assert task.owner is not None
        lead = make.user(session, at=task.owner, role=Role.LEAD)
    now.advance(days=1)
    assert f"user:{lead.id}" in receivers_of_a_run(database, smtp_settings, now)

    code, said = bounce(app, report(sent.message_id, ADDRESS))
    assert (code, said.partition(":")[0]) == (0, "known")


@pytest.mark.parametrize(
    ("action", "status", "diagnostic"),
    [("delayed", "4.4.1", "smtp; 451 4.4.1 timed out"), ("relayed", "2.0.0", "")],
)
def test_a_mail_that_is_only_late_is_noted_and_flags_nobody(
    app: Flask,
    database: Database,
    sent: OutgoingEmail,
    action: str,
    status: str,
    diagnostic: str,
) -> None:
    raw = report(sent.message_id, ADDRESS, action=action, status=status, diagnostic=diagnostic)
    code, said = bounce(app, raw)
    assert (code, said.partition(":")[0]) == (0, "noted")
    assert failing(database) == []
    assert reminder_states(database) == [("sent", None)]
    assert status in (only_mail(database).last_error or "")


@pytest.mark.parametrize(
    ("status", "diagnostic"),
    [
        ("5.2.2", "smtp; 552 5.2.2 mailbox full"),
        ("5.7.1", "smtp; 550 5.7.1 policy"),
        ("5.0.0", ""),
    ],
)
def test_a_mail_that_comes_back_for_another_reason_is_sent_anew_and_flags_nobody(
    app: Flask,
    database: Database,
    sent: OutgoingEmail,
    smtp_settings: Settings,
    now: Clock,
    as_user: Sign,
    status: str,
    diagnostic: str,
) -> None:
    raw = report(sent.message_id, ADDRESS, status=status, diagnostic=diagnostic)
    code, said = bounce(app, raw)
    assert (code, said.partition(":")[0]) == (0, "returned")
    assert failing(database) == []
    assert reminder_states(database) == [("cancelled", "bounced")]
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    for path in ("/reminders/log", "/reminders/contacts"):
        page = html.text(as_user(coordinator).page(path))
        assert f"bounced: {status}" in page
    now.advance(days=1)
    assert receivers_of_a_run(database, smtp_settings, now) == {sent.addressee}


@pytest.mark.parametrize("status", ["5.4.4", "4.4.7"])
def test_an_address_that_nothing_arrives_at_is_flagged_as_one_that_does_not_exist(
    app: Flask, database: Database, sent: OutgoingEmail, status: str
) -> None:
    raw = report(sent.message_id, ADDRESS, status=status, diagnostic="x-unix; no way there")
    assert bounce(app, raw)[1].startswith("flagged")
    assert failing(database) == [ADDRESS]


def test_a_mail_to_an_address_that_was_given_up_meanwhile_is_sent_to_the_new_one(
    app: Flask, database: Database, sent: OutgoingEmail
) -> None:
    with database.session(write=True) as session:
        session.scalars(select(User).where(User.email == ADDRESS)).one().email = "new@ks.example"
    assert bounce(app, report(sent.message_id, ADDRESS))[1].startswith("returned")
    assert failing(database) == []
    assert reminder_states(database) == [("cancelled", "bounced")]


def test_a_report_about_a_mail_of_long_ago_changes_nothing(
    app: Flask, database: Database, sent: OutgoingEmail, now: Clock
) -> None:
    now.advance(days=15)
    code, said = bounce(app, report(sent.message_id, ADDRESS))
    assert (code, "14 days" in said) == (1, True)
    assert failing(database) == []


def test_a_report_names_an_address_with_norwegian_letters_as_servers_write_it(
    app: Flask, database: Database, sent: OutgoingEmail
) -> None:
    with database.session(write=True) as session:
        session.get_one(User, sent.user_id).email = "kari@blåbær.example"
        session.get_one(OutgoingEmail, sent.id).to_address = "kari@blåbær.example"
    raw = report(sent.message_id, "kari@xn--blbr-roah.example")
    assert bounce(app, raw)[1].startswith("flagged")


def test_a_report_that_is_faster_than_the_record_of_the_sending_counts(
    app: Flask, database: Database, server: SmtpServer, deliver: Callable[[], Counts]
) -> None:
    mails.queue_digests(database, 1)
    server.script.content = [HANG_UP]
    assert deliver() == Counts(failed=1)
    email = only_mail(database)
    assert bounce(app, report(email.message_id, ADDRESS))[1].startswith("flagged")
    assert only_mail(database).state == "failed"


def test_a_report_that_a_mail_is_late_leaves_it_to_whoever_is_sending_it(
    app: Flask, database: Database, smtp_settings: Settings, server: SmtpServer, now: Clock
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=False) as session:
        message_id = session.scalars(select(OutgoingEmail.message_id)).one()
    late = report(message_id, ADDRESS, action="delayed", status="4.4.1", diagnostic="smtp; 451")
    sender = Pausing(SmtpSender(server.settings), lambda: bounce(app, late))
    counts = delivery.deliver_due(database, sender, settings=smtp_settings, now=now)
    sender.close()
    assert counts == Counts(sent=1)
    assert server.receivers == [ADDRESS]


def test_nobody_who_reads_the_log_learns_what_a_report_has_to_quote(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], as_user: Sign
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=False) as session:
        message_id = session.scalars(select(OutgoingEmail.message_id)).one()
    server.script.content = [f"250 2.6.0 {message_id} [InternalId=1] Queued mail"]
    deliver()
    with database.session(write=True) as session:
        reader = make.user(session, role=Role.COORDINATOR)
    for path in ("/reminders/log", "/reminders/log.csv", "/tasks/1"):
        assert message_id.strip("<>") not in as_user(reader).get(path).text
    assert "InternalId" in as_user(reader).get("/reminders/log.csv").text


def plain() -> bytes:
    message = EmailMessage()
    message["Subject"] = "Ute av kontoret"
    message.set_content("Jeg er borte.")
    return message.as_bytes()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00 nothing at all",
        plain(),
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822",
        report("<somebody@else.example>", ADDRESS),
        report("", ADDRESS),
        report("<a\0b@else.example>", "\0"),
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
        + b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
        b"x" * 1_100_000,
    ],
    ids=["empty", "binary", "no report", "cut", "not ours", "no id", "NUL", "deep", "large"],
)
def test_a_malformed_bounce_is_refused_in_one_line_and_changes_nothing(
    app: Flask, database: Database, sent: OutgoingEmail, raw: bytes
) -> None:
    code, said = bounce(app, raw)
    assert code == 1
    assert said.startswith("Error: Nothing was done: ")
    assert said.count("\n") == 1
    assert failing(database) == []


def test_a_bounce_about_another_address_than_the_mail_went_to_changes_nothing(
    app: Flask, database: Database, sent: OutgoingEmail
) -> None:
    code, said = bounce(app, report(sent.message_id, "victim@ks.example"))
    assert (code, "another address" in said) == (1, True)
    assert only_mail(database).state == "sent"


def test_a_mail_that_is_no_report_is_done_with_although_the_database_does_not_answer(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, now: Clock
) -> None:
    gone = Database(f"sqlite:///{tmp_path_factory.mktemp('gone')}")  # A folder is no database.
    without = make_app(settings, gone, now)
    letter = b"From: kari@ks.example\r\nSubject: Takk\r\n\r\nTakk for sist\r\n"
    code, said = bounce(without, letter)
    assert (code, "Nothing was done" in said) == (1, True)
    assert bounce(without, report("<x@tracker.example>", ADDRESS))[0] == 75
    gone.dispose()
