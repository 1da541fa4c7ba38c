"""One mail to one receiver, and how it becomes bytes on the wire."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Final

import addresses

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_SHORT: Final = 78
"""RFC 5322 asks for lines no longer than this."""
_LINE_END: Final = "\r\n"
_BOUNDARY: Final = "=_alternative"
"""Quoted-printable text holds no `=_`, so no part can contain it."""
_RELATED: Final = "=_related"
LOGO_ID: Final = "logo@installation"
"""The HTML shows the logo as `cid:` and this."""


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """An e-mail address with the name shown beside it (may be empty)."""

    address: str
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse control characters: a line break would start a header of its own."""
        _refuse_control("address", self.address)
        _refuse_control("name", self.name)

    @classmethod
    @lru_cache(maxsize=8)  # The settings hold two, and each mail has them.
    def parse(cls, text: str) -> Mailbox:
        """Read `Name <address>` or a bare address, as the settings hold it."""
        name, address = parseaddr(text)
        return cls(address=address, name=name)

    @property
    def wire_address(self) -> str:
        """The address as a mail server takes it: the domain in its ASCII form.

        Raises AddressError.
        """
        return addresses.read(self.address).wire

    def header(self, name: str) -> str:
        """Give what stands in the header `name`; raises AddressError like `wire_address`."""
        if _is_plain(self.name):
            return formataddr((self.name.strip(), self.wire_address))
        return f"{_encoded(name, self.name)} <{self.wire_address}>"


@dataclass(frozen=True, kw_only=True)
class Email:
    """A rendered mail, ready to be sent. Text and HTML say the same."""

    message_id: str
    sender: Mailbox
    to: Mailbox
    subject: str
    text: str
    html: str
    locale: str
    kind: str
    sent_at: dt.datetime
    reply_to: Mailbox | None = None
    return_path: Mailbox | None = None
    """Where reports about this mail go; None: to the sender."""
    list_id: str = ""
    unsubscribe_url: str = ""
    logo: bytes = b""
    """A PNG that goes along, so that nothing is fetched when the mail is read."""

    def __post_init__(self) -> None:
        """Refuse control characters in whatever becomes a header."""
        for name in ("message_id", "subject", "list_id", "unsubscribe_url"):
            _refuse_control(name, getattr(self, name))

    def as_bytes(self) -> bytes:
        """Give the mail as bytes with CRLF line ends.

        Raises AddressError when an address cannot be used, UnicodeError for other characters than
        ASCII in what only machines read. The standard library's generator says the same in twenty
        times as long: it parses each header that it is given.
        """
        return b"".join(
            [
                *(_header(name, value) for name, value in self._headers()),
                _header("MIME-Version", "1.0"),
                _header("Content-Type", f'multipart/alternative; boundary="{_BOUNDARY}"'),
                _part("plain", self.text, _BOUNDARY),
                *_html(self.html, self.logo),
                f"{_LINE_END}--{_BOUNDARY}--{_LINE_END}".encode(),
            ]
        )

    def _headers(self) -> Iterator[tuple[str, str | Mailbox]]:
        yield "From", self.sender
        yield "To", self.to
        if self.reply_to is not None:
            yield "Reply-To", self.reply_to
        yield "Subject", self.subject
        yield "Date", format_datetime(self.sent_at)
        yield "Message-ID", self.message_id
        # RFC 3834: no answering machine shall answer.
        yield "Auto-Submitted", "auto-generated"
        if self.list_id:
            yield "List-Id", f"<{self.list_id}>"
        # One click is for addresses that nobody reads on the way (RFC 8058, 3.1).
        if self.unsubscribe_url.startswith("https://"):
            # RFC 8058: one click in the mail program, no page in between.
            yield "List-Unsubscribe", f"<{self.unsubscribe_url}>"
            yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
        yield "Content-Language", self.locale


def new_message_id(sender: Mailbox) -> str:
    """Make a Message-ID in the sender's domain. It is fixed once and kept over all attempts."""
    domain = sender.wire_address.rpartition("@")[2]
    return f"<{secrets.token_hex(16)}@{domain}>"


def _refuse_control(name: str, value: str) -> None:
    if _CONTROL.search(value):
        raise ValueError(f"{name} holds a line break or another control character")


def _is_plain(text: str) -> bool:
    """Return whether nothing in `text` is encoded, nor looks as if it were."""
    return text.isascii() and "=?" not in text


def _encoded(name: str, text: str) -> str:
    """Give what people wrote as encoded words in short lines (RFC 2047).

    What looks like an encoded word already is encoded once more: it is never decoded, and so can
    bring no line break with it.
    """
    return Header(text.strip(), "utf-8", header_name=name).encode(linesep=_LINE_END)


@lru_cache(maxsize=256)  # Many mails have the same sender, and often the same subject.
def _header(name: str, value: str | Mailbox) -> bytes:
    """Give one header. What machines read must be ASCII, and is never folded."""
    if isinstance(value, Mailbox):
        value = value.header(name)
    elif name == "Subject" and not (_is_plain(value) and len(f"{name}: {value}") <= _SHORT):
        value = _encoded(name, value)
    return f"{name}: {value}{_LINE_END}".encode("ascii")


def _html(words: str, logo: bytes) -> Iterator[bytes]:
    """Give the HTML, with a logo together with that picture (RFC 2387)."""
    if not logo:
        yield _part("html", words, _BOUNDARY)
        return
    yield f"{_LINE_END}--{_BOUNDARY}{_LINE_END}".encode()
    yield _header("Content-Type", f'multipart/related; boundary="{_RELATED}"; type="text/html"')
    yield _part("html", words, _RELATED)
    yield _picture(logo)
    yield f"{_LINE_END}--{_RELATED}--{_LINE_END}".encode()


@lru_cache(maxsize=1)  # Every mail has the same.
def _picture(content: bytes) -> bytes:
    head = (
        f"{_LINE_END}--{_RELATED}{_LINE_END}"
        f"Content-Type: image/png{_LINE_END}"
        f"Content-Transfer-Encoding: base64{_LINE_END}"
        f"Content-ID: <{LOGO_ID}>{_LINE_END}"
        f'Content-Disposition: inline; filename="logo.png"{_LINE_END}{_LINE_END}'
    )
    return head.encode() + encodebytes(content).replace(b"\n", _LINE_END.encode())


def _part(subtype: str, words: str, boundary: str) -> bytes:
    """Give a body as quoted-printable, which passes through servers that still lack 8BITMIME."""
    lines = words.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    content = _LINE_END.join([*lines, ""])
    head = (
        f"{_LINE_END}--{boundary}{_LINE_END}"
        f'Content-Type: text/{subtype}; charset="utf-8"{_LINE_END}'
        f"Content-Transfer-Encoding: quoted-printable{_LINE_END}{_LINE_END}"
    )
    return head.encode() + b2a_qp(content.encode(), istext=True)
