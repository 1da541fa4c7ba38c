"""Reports and mails by people at real mail servers, set up as docs/operations.md says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.test_bounces import report
from tests.recipes.guest import wait_until
from tests.recipes.mail_servers import MAILBOX, MailServer, running

PERSON = "person@example.no"
LETTER = b"From: person@example.no\r\nTo: oppfolging@example.no\r\nSubject: %b\r\n\r\nHei\r\n"


@pytest.fixture(scope="module", params=["postfix", "exim", "procmail", "sieve"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    with running(request.param) as server:
        yield server


@pytest.fixture(autouse=True)
def nobody_gets_an_error(server: MailServer) -> Iterator[None]:
    yield
    server.wait_until_it_is_idle()
    assert server.mailbox("person") == ""


def test_a_report_reaches_the_command_and_the_mailbox_keeps_its_copy(server: MailServer) -> None:
    message_id = server.send_mail_out("borte@ks.example")
    assert server.state(message_id) == "sent"

    server.receive("", report(message_id, "borte@ks.example"))

    wait_until(lambda: server.state(message_id) == "failed", "the report was read")
    server.wait_until_it_is_idle()
    assert server.mailbox(MAILBOX).count(f"Message-ID: {message_id}") == 1


def test_a_mail_by_a_person_lands_in_the_mailbox(server: MailServer) -> None:
    server.receive(PERSON, LETTER % b"Takk")
    with server.without_database():
        server.receive(PERSON, LETTER % b"Hvor ble det av dere")
        server.wait_until_it_is_idle()
    for subject in ("Takk", "Hvor ble det av dere"):
        assert server.mailbox(MAILBOX).count(f"Subject: {subject}\n") == 1


def test_a_report_waits_while_the_database_does_not_answer_and_is_tried_again(
    server: MailServer,
) -> None:
    message_id = server.send_mail_out("senere@ks.example")
    deferred = server.times_deferred()
    with server.without_database():
        server.receive("", report(message_id, "senere@ks.example"))
        wait_until(lambda: server.times_deferred() > deferred, "the server has put it off")
        assert not server.is_idle()
    assert server.state(message_id) == "sent"

    server.guest.run(*server.again)

    wait_until(lambda: server.state(message_id) == "failed", "the report was read")
    server.wait_until_it_is_idle()
    assert server.mailbox(MAILBOX).count(f"Message-ID: {message_id}") == 1, "only the copy waits"


def test_an_error_about_the_copy_never_reaches_who_wrote(server: MailServer) -> None:
    receipt = report("<of-another@example.no>", "p@ks.example")
    with server.without_command():
        server.receive(PERSON, receipt)
        server.receive(PERSON, LETTER % b"Er det noen der")
        server.wait_until_it_is_idle()
    assert server.mailbox(MAILBOX).count("<of-another@example.no>") == 1
    assert server.mailbox(MAILBOX).count("Subject: Er det noen der") == 1
    if server.name in {"postfix", "exim"}:
        told = server.mailbox("root") + server.mailbox("mail")
        assert "<of-another@example.no>" in told, "but the postmaster"
