"""Reports that come to a signed return path: with the setting, nothing else counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from flask import Flask
from sqlalchemy import select

from config import Settings
from tests import mails
from tests.client import Clock
from tests.conftest import make_app
from tests.integration.test_bounces import report
from tests.integration.test_contacts import ADDRESS, failing
from tests.mails import only_mail
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.mail.smtp import SmtpSender
from tracker.models import OutgoingEmail
from tracker.services import delivery, return_paths
from tracker.services.delivery import Counts

BOUNCES: Final = "Bounce@tracker.example"


@pytest.fixture
def signed(smtp_settings: Settings) -> Settings:
    return replace(smtp_settings, bounce_address=BOUNCES)


@pytest.fixture
def app(signed: Settings, database: Database, now: Clock) -> Flask:
    return make_app(signed, database, now)


@pytest.fixture
def sender(server: SmtpServer) -> Iterator[SmtpSender]:
    sender = SmtpSender(server.settings, timeout=5)
    yield sender
    sender.close()


@pytest.fixture
def sent(database: Database, sender: SmtpSender, signed: Settings, now: Clock) -> OutgoingEmail:
    mails.queue_digests(database, 1)
    assert delivery.deliver_due(database, sender, settings=signed, now=now) == Counts(sent=1)
    return only_mail(database)


def bounce(app: Flask, raw: bytes, *options: str) -> str:
    result = app.test_cli_runner().invoke(
        args=["mail", "bounces", "--file", "-", *options], input=raw
    )
    assert result.exit_code == (1 if "Nothing was done" in result.output else 0)
    return result.output.partition(": ")[2 if "Nothing" in result.output else 0]


def came_to(raw: bytes, address: str, field: str = "To") -> bytes:
    return raw.replace(b"To: tracker@tracker.example", f"{field}: {address}".encode())


def test_the_envelope_names_the_mail_and_the_reader_sees_the_sender(
    server: SmtpServer, sent: OutgoingEmail
) -> None:
    (received,) = server.received
    local, _, domain = received.sender.partition("@")
    assert local.startswith(f"Bounce+{sent.id}-")
    assert len(local) <= 64
    assert local.removeprefix("Bounce") == local.removeprefix("Bounce").lower()
    assert domain == "tracker.example"
    assert mails.MAIL_FROM in received.message["From"]
    assert "ounce+" not in received.raw.decode()


@pytest.mark.parametrize(
    "field", ["To", "Delivered-To", "X-Original-To", "Envelope-To", "to", "X-Envelope-To"]
)
def test_a_report_that_comes_to_the_return_path_counts(
    app: Flask, server: SmtpServer, database: Database, sent: OutgoingEmail, field: str
) -> None:
    raw = came_to(report("<other@else.example>", ADDRESS), server.received[0].sender, field)
    assert bounce(app, raw) == "flagged"
    assert failing(database) == [ADDRESS]


def test_a_report_need_not_quote_the_mail_where_its_return_path_names_it(
    app: Flask, server: SmtpServer, sent: OutgoingEmail
) -> None:
    assert bounce(app, came_to(report("", ADDRESS), server.received[0].sender)) == "flagged"


def test_servers_may_change_the_capitals_of_a_return_path(
    app: Flask, server: SmtpServer, sent: OutgoingEmail
) -> None:
    address = f"<{server.received[0].sender.upper()}>"
    assert bounce(app, came_to(report("", ADDRESS), address)) == "flagged"


def test_what_the_mail_server_gives_as_recipient_counts_and_headers_do_not(
    app: Flask, server: SmtpServer, sent: OutgoingEmail
) -> None:
    return_path = server.received[0].sender
    known = came_to(report("", ADDRESS), return_path)
    assert "return path" in bounce(app, known, "--recipient", "tracker@tracker.example")
    assert bounce(app, report("", ADDRESS), "--recipient", return_path) == "flagged"


def test_the_message_id_alone_is_not_enough(
    app: Flask, database: Database, sent: OutgoingEmail
) -> None:
    assert "return path" in bounce(app, report(sent.message_id, ADDRESS))
    assert (failing(database), only_mail(database).state) == ([], "sent")


@pytest.mark.parametrize("change", ["mail", "signature", "nothing after +"])
def test_a_forged_return_path_counts_for_nothing(
    app: Flask, server: SmtpServer, database: Database, sent: OutgoingEmail, change: str
) -> None:
    local, _, domain = server.received[0].sender.partition("@")
    base, _, mac = local.partition("-")
    first = "b" if mac[0] != "b" else "c"
    forged = {
        "mail": f"{base}1-{mac}",
        "signature": f"{base}-{first}{mac[1:]}",
        "nothing after +": "Bounce+",
    }[change]
    raw = came_to(report(sent.message_id, ADDRESS), f"{forged}@{domain}")
    assert "return path" in bounce(app, raw)
    assert failing(database) == []


def test_a_mail_that_has_the_number_in_a_restored_database_is_another(
    app: Flask, server: SmtpServer, database: Database, sent: OutgoingEmail
) -> None:
    with database.session(write=True) as session:
        session.get_one(OutgoingEmail, sent.id).message_id = "<new@tracker.example>"
    raw = came_to(report("", ADDRESS), server.received[0].sender)
    assert "return path" in bounce(app, raw)


def test_the_return_path_does_not_excuse_from_naming_whom_the_mail_went_to(
    app: Flask, server: SmtpServer, sent: OutgoingEmail
) -> None:
    raw = came_to(report("", "victim@ks.example"), server.received[0].sender)
    assert "another address" in bounce(app, raw)


def test_nobody_reads_in_the_servers_words_what_a_report_has_to_name(
    app: Flask, database: Database, server: SmtpServer, sender: SmtpSender, signed: Settings,
    now: Clock,
) -> None:  # fmt: skip
    mails.queue_digests(database, 1)
    with database.session(write=False) as session:
        email = session.scalars(select(OutgoingEmail)).one()
    found = return_paths.return_path(email, settings=signed)
    assert found is not None
    words = f"451 4.1.8 <{found.address}>: {email.message_id} refused"
    server.script.rcpt[ADDRESS] = [words]
    delivery.deliver_due(database, sender, settings=signed, now=now)
    assert (
        only_mail(database).last_error == "RCPT: 451 4.1.8 <Bounce+…@tracker.example>: <…> refused"
    )

    now.advance(minutes=1)
    delivery.deliver_due(database, sender, settings=signed, now=now)
    raw = report("", ADDRESS, diagnostic=f"smtp; 550 {words[4:]}")
    assert bounce(app, came_to(raw, found.address)) == "returned"
    assert "<Bounce+…@tracker.example>: <…> refused" in (only_mail(database).last_error or "")


def test_without_the_setting_reports_come_to_the_sender_and_the_message_id_counts(
    database: Database, server: SmtpServer, sender: SmtpSender, smtp_settings: Settings, now: Clock
) -> None:
    mails.queue_digests(database, 1)
    delivery.deliver_due(database, sender, settings=smtp_settings, now=now)
    assert server.received[0].sender == mails.MAIL_FROM
    app = make_app(smtp_settings, database, now)
    assert bounce(app, report(only_mail(database).message_id, ADDRESS)) == "flagged"
