"""`mail test` against a real server, a refusing one, none at all, and the built-in mailbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import Result
from sqlalchemy import select

from config import Settings
from tests.client import Clock
from tests.conftest import make_app
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.models import OutgoingEmail

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def mail_test(
    settings: Settings, database: Database, now: Clock
) -> Callable[[SmtpServer | None, str], Result]:
    def run(server: SmtpServer | None, address: str) -> Result:
        app = make_app(replace(settings, smtp=server.settings if server else None), database, now)
        return app.test_cli_runner().invoke(args=["mail", "test", address])

    return run


Run = Callable[[SmtpServer | None, str], Result]


def state_of_the_mail(database: Database) -> str:
    with database.session(write=False) as session:
        return session.scalars(select(OutgoingEmail.state)).one()


def test_the_servers_answer_is_printed(
    mail_test: Run, server: SmtpServer, database: Database
) -> None:
    result = mail_test(server, "kari@ks.example")

    assert result.exit_code == 0
    assert result.output == "Sent to kari@ks.example. 250 2.0.0 queued as 1\n"
    assert server.receivers == ["kari@ks.example"]
    text = server.received[0].message.get_body(("plain",))
    assert text is not None
    assert "æ, ø og å" in text.get_content()
    assert state_of_the_mail(database) == "sent"


def test_a_refusal_fails_with_the_servers_words_and_is_not_tried_again(
    mail_test: Run, server: SmtpServer, database: Database
) -> None:
    server.script.rcpt["kari@ks.example"] = ["451 4.3.0 try later"]
    result = mail_test(server, "kari@ks.example")

    assert result.exit_code == 1
    assert result.output == "Error: Not sent. RCPT: 451 4.3.0 try later\n"
    assert state_of_the_mail(database) == "cancelled"


def test_no_server_fails_with_one_line(
    mail_test: Run, server: SmtpServer, database: Database
) -> None:
    server.settings = replace(server.settings, port=1)
    result = mail_test(server, "kari@ks.example")

    assert result.exit_code == 1
    assert result.output.startswith("Error: Not sent. ")
    assert result.output.count("\n") == 1


def test_without_a_server_it_says_where_the_mail_lies_and_who_would_have_got_it(
    mail_test: Run, database: Database
) -> None:
    result = mail_test(None, "kari@ks.example")

    assert result.exit_code == 0
    assert "TRACKER_SMTP_URL is not set" in result.output
    assert "What kari@ks.example would have got" in result.output
    with database.session(write=False) as session:
        mail_id = session.scalars(select(OutgoingEmail.id)).one()
    assert f"http://127.0.0.1:8000/mailbox/{mail_id}" in result.output
    assert state_of_the_mail(database) == "sent"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("kari", "Not an e-mail address: kari"),
        ("kari@", "Not the domain of an address: "),
        ("a b@ks.example", "Not an e-mail address: a b@ks.example"),
        ("søren@ks.no", "Mail servers do not take these letters before the @: søren@ks.no"),
        ("", "Not an e-mail address: "),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason_and_queues_nothing(
    mail_test: Run, database: Database, address: str, reason: str
) -> None:
    result = mail_test(None, address)

    assert result.exit_code == 1
    assert result.output == f"Error: {reason}\n"
    with database.session(write=False) as session:
        assert session.scalars(select(OutgoingEmail)).all() == []
