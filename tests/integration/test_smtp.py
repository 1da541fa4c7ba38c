"""Conversations with a real SMTP server, and what each of its answers means."""

from __future__ import annotations

import datetime as dt
import smtplib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from config import SmtpSettings
from tests.smtp_server import HANG_UP, SmtpServer, running_smtp_server, trusting_context
from tracker.mail.message import Email, Mailbox
from tracker.mail.outcomes import Result
from tracker.mail.smtp import SmtpSender


def mail_to(address: str = "kari@ks.example", **changes: object) -> Email:
    mail = Email(
        message_id="<1@tracker.example>",
        sender=Mailbox(address="tracker@tracker.example", name="Oppfølging"),
        to=Mailbox(address=address, name="Kari Nordmann"),
        subject="1 over fristen – status fra deg",
        text="Hei, Kari\n\n.En linje som begynner med punktum\næøå\n",
        html="<p>Hei, Kåre</p>",
        locale="nb",
        kind="digest",
        sent_at=dt.datetime(2026, 6, 8, 5, 0, tzinfo=dt.UTC),
    )
    return replace(mail, **changes)  # type: ignore[arg-type]


@pytest.fixture
def sender(server: SmtpServer) -> Iterator[SmtpSender]:
    sender = SmtpSender(server.settings, timeout=5)
    yield sender
    sender.close()


def test_accepted_mail_arrives_whole_and_keeps_the_servers_answer(
    server: SmtpServer, sender: SmtpSender
) -> None:
    outcome = sender.send(mail_to())

    assert outcome.result is Result.ACCEPTED
    assert outcome.answer == "250 2.0.0 queued as 1"
    (received,) = server.received
    assert (received.sender, received.to) == ("tracker@tracker.example", "kari@ks.example")
    text = received.message.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == mail_to().text


def test_one_connection_carries_many_mails(server: SmtpServer, sender: SmtpSender) -> None:
    results = [sender.send(mail_to(f"p{number}@ks.example")).result for number in range(5)]

    assert results == [Result.ACCEPTED] * 5
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("550 5.1.1 no such user", Result.BAD_ADDRESS),
        ("550 no such user", Result.BAD_ADDRESS),
        ("551 user not local", Result.BAD_ADDRESS),
        ("553 mailbox name not allowed", Result.BAD_ADDRESS),
        ("501 5.1.3 bad address syntax", Result.BAD_ADDRESS),
        ("550 5.2.1 mailbox disabled", Result.BAD_ADDRESS),
        ("550 5.5.0 mailbox unavailable", Result.BAD_ADDRESS),
        ("550 5.7.1 relaying denied", Result.REFUSED),
        ("550 relay not permitted", Result.REFUSED),
        ("550 Administrative prohibition", Result.REFUSED),
        ("550 SPF check failed", Result.REFUSED),
        ("550 5.1.8 sender's domain does not exist", Result.REFUSED),
        ("554 transaction failed", Result.REFUSED),
        ("552 5.2.3 too long for this mailbox", Result.REFUSED),
        ("550 5.3.4 too big", Result.REFUSED),
        ("530 5.7.0 sign in first", Result.INSTALLATION_FAULT),
        ("552 5.2.2 mailbox full", Result.FULL),
        ("552 over quota", Result.FULL),
        ("452 4.2.2 over quota", Result.FULL),
        ("450 4.2.1 greylisted", Result.TEMPORARY),
        ("451 try later", Result.TEMPORARY),
        ("452 too many receivers", Result.TEMPORARY),
    ],
)
def test_a_refused_receiver_is_classified_and_the_next_mail_goes_out(
    server: SmtpServer, sender: SmtpSender, answer: str, result: Result
) -> None:
    server.script.rcpt["kari@ks.example"] = [answer]

    outcome = sender.send(mail_to())

    assert outcome.result is result
    assert outcome.answer == f"RCPT: {answer}"
    assert sender.send(mail_to("ola@ks.example")).result is Result.ACCEPTED
    assert server.receivers == ["ola@ks.example"]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("command", "answer", "result"),
    [
        ("mail", "550 5.7.1 sender not allowed", Result.REFUSED),
        ("mail", "552 too big", Result.REFUSED),
        ("mail", "552 5.2.2 you have sent enough", Result.REFUSED),
        ("mail", "530 5.7.0 sign in first", Result.INSTALLATION_FAULT),
        ("mail", "451 4.3.0 try later", Result.TEMPORARY),
        ("data_command", "554 no", Result.REFUSED),
        ("content", "554 5.7.1 looks like spam", Result.REFUSED),
        ("content", "451 4.3.0 disk full", Result.TEMPORARY),
        ("content", "552 5.3.4 too big", Result.REFUSED),
        ("content", "552 5.2.2 mailbox full", Result.FULL),
        ("content", "552 over quota", Result.FULL),
    ],
)
def test_a_refusal_that_is_not_about_the_receiver_is_never_a_bad_address(
    server: SmtpServer, sender: SmtpSender, command: str, answer: str, result: Result
) -> None:
    getattr(server.script, command).append(answer)

    assert sender.send(mail_to()).result is result
    assert server.received == []
    assert sender.send(mail_to()).result is Result.ACCEPTED


def test_421_to_a_receiver_is_temporary_and_the_next_mail_gets_a_new_connection(
    server: SmtpServer, sender: SmtpSender
) -> None:
    server.script.rcpt["kari@ks.example"] = ["421 4.3.2 shutting down"]

    assert sender.send(mail_to()).result is Result.TEMPORARY
    assert sender.send(mail_to()).result is Result.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize("answer", [HANG_UP, "354 go on"])
def test_connection_lost_before_the_content_was_over_means_not_sent(
    server: SmtpServer, sender: SmtpSender, answer: str
) -> None:
    server.script.data_command = [answer]
    long_text = "En linje til\n" * 200_000

    assert sender.send(mail_to(text=long_text)).result is Result.TEMPORARY
    assert server.received == []
    assert sender.send(mail_to()).result is Result.ACCEPTED
    assert server.receivers == ["kari@ks.example"]


def test_connection_lost_between_the_content_and_the_answer_means_unknown(
    server: SmtpServer, sender: SmtpSender
) -> None:
    server.script.content = [HANG_UP]

    assert sender.send(mail_to()).result is Result.UNKNOWN
    assert server.receivers == ["kari@ks.example"]
    assert sender.send(mail_to()).result is Result.ACCEPTED


def test_a_kept_connection_that_the_server_closed_is_replaced_once_unnoticed(
    server: SmtpServer, sender: SmtpSender
) -> None:
    assert sender.send(mail_to()).result is Result.ACCEPTED
    server.drop_connections()

    assert sender.send(mail_to("ola@ks.example")).result is Result.ACCEPTED
    assert server.receivers == ["kari@ks.example", "ola@ks.example"]
    assert server.connections == 2


def test_421_to_mail_on_a_kept_connection_is_answered_with_a_new_one(
    server: SmtpServer, sender: SmtpSender
) -> None:
    assert sender.send(mail_to()).result is Result.ACCEPTED
    server.script.mail = ["421 4.7.0 enough for one connection"]

    assert sender.send(mail_to("ola@ks.example")).result is Result.ACCEPTED
    assert server.connections == 2


def test_no_server_at_all_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        outcome = SmtpSender(SmtpSettings("127.0.0.1", port, tls="off"), timeout=5).send(mail_to())

    assert outcome.result is Result.UNREACHABLE
    assert "refused" in outcome.answer.lower()


def test_a_server_that_never_answers_is_unreachable_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        sender = SmtpSender(SmtpSettings("127.0.0.1", port, tls="off"), timeout=0.2)

        assert sender.send(mail_to()).result is Result.UNREACHABLE


def test_a_wrong_password_is_the_installations_fault() -> None:
    with running_smtp_server(tls=True, password="right") as server:
        settings = replace(server.settings, tls="optional", user="tracker", password="wrong")
        outcome = SmtpSender(settings, timeout=5).send(mail_to())

    assert outcome.result is Result.INSTALLATION_FAULT
    assert outcome.answer.startswith("AUTH: 535")
    assert "wrong" not in outcome.answer


def test_the_right_password_lets_mail_through() -> None:
    with running_smtp_server(tls=True, password="right") as server:
        settings = replace(server.settings, tls="optional", user="tracker", password="right")
        sender = SmtpSender(settings, timeout=5)

        assert sender.send(mail_to()).result is Result.ACCEPTED
        sender.close()


@pytest.mark.parametrize("password", ["pæssøård", "with space €", "right"])
@pytest.mark.parametrize("mechanisms", ["LOGIN PLAIN", "LOGIN"])
def test_a_password_with_norwegian_letters_lets_mail_through(
    password: str, mechanisms: str
) -> None:
    with running_smtp_server(tls=True, password=password) as server:
        server.mechanisms = mechanisms
        settings = replace(server.settings, tls="optional", user="påst", password=password)
        sender = SmtpSender(settings, timeout=5)

        assert sender.send(mail_to()).result is Result.ACCEPTED
        sender.close()


def test_a_wrong_password_with_norwegian_letters_is_the_installations_fault_and_not_told() -> None:
    with running_smtp_server(tls=True, password="right") as server:
        settings = replace(server.settings, tls="optional", user="tracker", password="wrøng")
        outcome = SmtpSender(settings, timeout=5).send(mail_to())

    assert outcome.result is Result.INSTALLATION_FAULT
    assert outcome.answer.startswith("AUTH: 535")
    assert "ø" not in outcome.answer


def test_a_server_that_cannot_take_the_letters_of_the_password_is_the_installations_fault() -> None:
    with running_smtp_server(tls=True, password="rø") as server:
        server.mechanisms = "CRAM-MD5"
        settings = replace(server.settings, tls="optional", user="tracker", password="rø")
        outcome = SmtpSender(settings, timeout=5).send(mail_to())

    assert outcome.result is Result.INSTALLATION_FAULT
    assert "AUTH PLAIN" in outcome.answer


RAISED = [
    UnicodeEncodeError("ascii", "hemmelig ø", 9, 10, "ordinal not in range"),
    ValueError("hemmelig"),
    KeyError("auth"),
    LookupError("no such encoding"),
    AttributeError("sock"),
    TypeError("not bytes"),
    RuntimeError("anything"),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", ["ehlo", "mail", "rcpt", "docmd"])
def test_whatever_goes_wrong_before_the_content_is_handed_over_means_not_sent(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    sender = SmtpSender(server.settings, timeout=5)
    with monkeypatch.context() as broken:
        broken.setattr(smtplib.SMTP, step, fail)
        outcome = sender.send(mail_to())
    expected = Result.INSTALLATION_FAULT if step == "ehlo" else Result.TEMPORARY
    assert outcome.result is expected
    assert server.received == []
    if step == "ehlo":
        assert "hemmelig" not in outcome.answer
    assert sender.send(mail_to()).result is Result.ACCEPTED
    sender.close()


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_whatever_goes_wrong_after_that_means_that_nobody_knows(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    sender = SmtpSender(server.settings, timeout=5)
    assert sender.send(mail_to()).result is Result.ACCEPTED
    with monkeypatch.context() as broken:
        broken.setattr(smtplib.SMTP, "getreply", answer_until_the_end(fail))
        assert sender.send(mail_to()).result is Result.UNKNOWN
    sender.close()


def answer_until_the_end(fail: Callable[[], None]) -> Callable[[smtplib.SMTP], tuple[int, bytes]]:
    """Read the answers to MAIL, RCPT and DATA, and fail at the one to the content."""
    read, left = smtplib.SMTP.getreply, iter([True] * 3)

    def getreply(smtp: smtplib.SMTP) -> tuple[int, bytes]:
        if not next(left, False):
            fail()
        return read(smtp)

    return getreply


def test_a_mail_that_cannot_be_put_into_bytes_is_not_sent(
    server: SmtpServer, sender: SmtpSender
) -> None:
    assert sender.send(mail_to(message_id="<ø@tracker.example>")).result is Result.TEMPORARY
    assert server.connections == 0


def test_missing_sign_in_is_the_installations_fault() -> None:
    with running_smtp_server(tls=True, password="right") as server:
        sender = SmtpSender(replace(server.settings, tls="optional"), timeout=5)
        outcome = sender.send(mail_to())
        sender.close()

    assert outcome.result is Result.INSTALLATION_FAULT
    assert outcome.answer.startswith("MAIL: 530")


def test_required_starttls_that_is_not_offered_sends_nothing(server: SmtpServer) -> None:
    outcome = SmtpSender(replace(server.settings, tls="required"), timeout=5).send(mail_to())

    assert outcome.result is Result.INSTALLATION_FAULT
    assert "STARTTLS" in outcome.answer
    assert server.received == []


def test_optional_starttls_that_is_not_offered_sends_in_the_clear(server: SmtpServer) -> None:
    sender = SmtpSender(replace(server.settings, tls="optional"), timeout=5)

    assert sender.send(mail_to()).result is Result.ACCEPTED
    sender.close()


def test_required_starttls_protects_password_and_mail() -> None:
    with running_smtp_server(tls=True, password="right") as server:
        settings = replace(server.settings, tls="required", user="tracker", password="right")
        sender = SmtpSender(settings, timeout=5, tls=trusting_context())

        assert sender.send(mail_to()).result is Result.ACCEPTED
        sender.close()


def test_an_untrusted_certificate_is_refused_where_starttls_is_required() -> None:
    with running_smtp_server(tls=True) as server:
        outcome = SmtpSender(replace(server.settings, tls="required"), timeout=5).send(mail_to())

    assert outcome.result is Result.INSTALLATION_FAULT
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.answer
    assert server.received == []


def test_an_untrusted_certificate_still_encrypts_where_starttls_is_optional() -> None:
    with running_smtp_server(tls=True) as server:
        sender = SmtpSender(replace(server.settings, tls="optional"), timeout=5)

        assert sender.send(mail_to()).result is Result.ACCEPTED
        sender.close()


def test_an_address_that_no_server_takes_is_not_even_tried(
    server: SmtpServer, sender: SmtpSender
) -> None:
    assert sender.send(mail_to("kåre nordmann@ks.example")).result is Result.BAD_ADDRESS
    assert server.connections == 0


@pytest.mark.parametrize("whose", ["sender", "reply_to"])
def test_an_unusable_address_of_our_own_blames_no_receiver(
    server: SmtpServer, sender: SmtpSender, whose: str
) -> None:
    unusable: dict[str, Any] = {whose: Mailbox(address="oppfølging@tracker.example")}
    mail = mail_to(**unusable)

    assert sender.send(mail).result is Result.INSTALLATION_FAULT
    assert server.connections == 0


def test_a_domain_with_norwegian_letters_is_sent_in_its_ascii_form(
    server: SmtpServer, sender: SmtpSender
) -> None:
    assert sender.send(mail_to("kari@blåbær.example")).result is Result.ACCEPTED
    assert server.receivers == ["kari@xn--blbr-roah.example"]


def test_a_domain_with_an_eszett_is_sent_to_itself_and_not_to_another(
    server: SmtpServer, sender: SmtpSender
) -> None:
    assert sender.send(mail_to("a8@straße.de")).result is Result.ACCEPTED
    assert server.receivers == ["a8@xn--strae-oqa.de"]
    assert server.received[0].message["To"] == "Kari Nordmann <a8@xn--strae-oqa.de>"
