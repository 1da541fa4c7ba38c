"""A mail as bytes: headers, bodies, and what is refused."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import parseaddr

import pytest

from addresses import AddressError
from tracker.mail.message import Email, Mailbox, new_message_id

LONG_URL = "https://oppfolging.virksomhet.example/reminders/unsubscribe/" + "a1-" * 60

MAIL = Email(
    message_id="<1@tracker.example>",
    sender=Mailbox(address="tracker@tracker.example", name="Oppfølging av anbefalinger"),
    to=Mailbox(address="kare@ks.example", name="Kåre Ærlig"),
    subject="1 over fristen, 1 med frist 15.06.2026 – status fra deg",
    text="Hei, Kåre\n\næøå ÆØÅ –\n" + "lang " * 300 + "\n",
    html="<p>Hei, Kåre</p>",
    locale="nn",
    kind="digest",
    sent_at=dt.datetime(2026, 6, 8, 5, 0, tzinfo=dt.UTC),
    reply_to=Mailbox(address="sekretariat@forum.example", name="Sekretariatet"),
    list_id="reminders.tracker.example",
    unsubscribe_url=LONG_URL,
)


def parsed(mail: Email) -> EmailMessage:
    message = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def as_sent(mail: Email) -> Message:
    """Read the headers as they are, still encoded."""
    return email.message_from_bytes(mail.as_bytes(), policy=email.policy.compat32)


def decoded(header: str) -> str:
    return str(make_header(decode_header(header)))


def header_lines(mail: Email) -> list[bytes]:
    return mail.as_bytes().partition(b"\r\n\r\n")[0].split(b"\r\n")


def test_headers_say_what_the_mail_is() -> None:
    message = parsed(MAIL)

    assert message["From"] == "Oppfølging av anbefalinger <tracker@tracker.example>"
    assert message["To"] == "Kåre Ærlig <kare@ks.example>"
    assert message["Reply-To"] == "Sekretariatet <sekretariat@forum.example>"
    assert message["Subject"] == MAIL.subject
    assert message["Date"] == "Mon, 08 Jun 2026 05:00:00 +0000"
    assert message["Message-ID"] == "<1@tracker.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "nn"


def test_long_headers_for_machines_stay_on_one_line_in_plain_text() -> None:
    lines = header_lines(MAIL)

    assert f"List-Unsubscribe: <{LONG_URL}>".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    assert b"List-Id: <reminders.tracker.example>" in lines


def test_a_long_message_id_is_not_turned_into_an_encoded_word() -> None:
    message_id = f"<{'0f' * 60}@tracker.example>"

    assert f"Message-ID: {message_id}".encode() in header_lines(
        replace(MAIL, message_id=message_id)
    )


def test_a_long_norwegian_subject_is_folded_into_short_encoded_words() -> None:
    subject = "Ærlig talt: " + "ø" * 150
    mail = replace(MAIL, subject=subject)

    assert parsed(mail)["Subject"] == subject
    assert max(len(line) for line in header_lines(mail) if b"=?utf-8?" in line) <= 78


@pytest.mark.parametrize(
    "name",
    ["Nordmann, Kåre", 'Kåre "Sjefen" Ø', "Ø" * 120, "Departementet for ærlighet, " * 6, "(æ) <b>"],
)
def test_any_name_survives_beside_the_address(name: str) -> None:
    mail = replace(MAIL, to=Mailbox(address="kare@ks.example", name=name))

    shown, address = parseaddr(as_sent(mail)["To"])
    assert (decoded(shown), address) == (name.strip(), "kare@ks.example")
    assert max(map(len, header_lines(mail)[:4])) <= 78


def test_both_bodies_are_utf8_in_short_ascii_lines() -> None:
    message = parsed(MAIL)
    text, html = message.get_body(("plain",)), message.get_body(("html",))

    assert message.get_content_type() == "multipart/alternative"
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html.get_content().strip() == MAIL.html
    assert text.get_content_charset() == html.get_content_charset() == "utf-8"
    body = MAIL.as_bytes().partition(b"\r\n\r\n")[2]
    assert max(len(line) for line in body.split(b"\r\n")) <= 78
    assert body.isascii()


def test_every_line_ends_with_crlf() -> None:
    raw = MAIL.as_bytes()

    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")


def test_mail_without_the_optional_headers_has_none_of_them() -> None:
    message = parsed(replace(MAIL, reply_to=None, list_id="", unsubscribe_url=""))

    for name in ("Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"):
        assert message[name] is None


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\x00", "\u2028", "\x85"])
@pytest.mark.parametrize("name", ["subject", "message_id", "list_id", "unsubscribe_url"])
def test_a_line_break_cannot_start_a_header_of_its_own(name: str, line_break: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(MAIL, **{name: f"x{line_break}Bcc: alle@forum.example"})  # type: ignore[arg-type]


ENCODED_BREAKS = [
    "Kari =?utf-8?q?=0D=0ABcc:_alle=40forum.example?=",
    "Kari =?utf-8?b?DQoNCkhlaQ==?= Å",
    "Kari =?utf-8?q?=0A.=0AMAIL_FROM:x?= Å",
    "=?utf-8?q?=0D=0ABcc:x?= " + "a" * 90,
]


@pytest.mark.parametrize("words", ENCODED_BREAKS)
def test_what_looks_encoded_is_shown_as_it_was_written_and_never_decoded_into_a_line_break(
    words: str,
) -> None:
    mail = replace(MAIL, subject=words, to=Mailbox(address="kari@ks.example", name=words))
    lines = header_lines(mail)

    message = parsed(mail)
    assert message["Bcc"] is None
    assert message.keys() == parsed(MAIL).keys()
    assert mail.as_bytes().count(b"\n") == mail.as_bytes().count(b"\r\n")
    assert b"." not in lines
    for name in ("Subject", "To"):
        assert words in decoded(as_sent(mail)[name])


@pytest.mark.parametrize("field", ["address", "name"])
def test_a_line_break_in_a_name_or_address_is_refused(field: str) -> None:
    values = {"address": "kari@ks.example", "name": "Kari"}

    with pytest.raises(ValueError, match=field):
        Mailbox(**(values | {field: values[field] + "\r\nBcc: alle@forum.example"}))


@pytest.mark.parametrize(
    "address",
    ["", "kari", "kari@", "@ks.example", "a b@ks.example", "kåre@ks.example", "a@b@ks.example",
     "kari@ks..example", "k..n@ks.example", ".k@ks.example", "kari@" + "x" * 64 + ".example",
     "kari@ks.example, ola@ks.example"],
)  # fmt: skip
def test_an_address_that_no_server_takes_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        replace(MAIL, to=Mailbox(address=address)).as_bytes()


def test_a_domain_with_norwegian_letters_is_written_in_ascii() -> None:
    assert Mailbox(address="kari@blåbær.example").wire_address == "kari@xn--blbr-roah.example"


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("tracker@x.example", Mailbox(address="tracker@x.example")),
        ("Oppfølging <a@x.example>", Mailbox(address="a@x.example", name="Oppfølging")),
    ],
)
def test_a_mailbox_is_read_as_the_settings_write_it(text: str, mailbox: Mailbox) -> None:
    assert Mailbox.parse(text) == mailbox


def test_message_ids_differ_and_lie_in_the_senders_domain() -> None:
    sender = Mailbox.parse("Oppfølging <a@x.example>")
    first, second = new_message_id(sender), new_message_id(sender)

    assert first != second
    assert first.startswith("<")
    assert first.endswith("@x.example>")
