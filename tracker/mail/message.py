"""One mail to one receiver, and how it becomes bytes on the wire."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class AddressError(ValueError):
    """An address that no mail server can take, with the reason for people who operate this."""


class _MailPolicy(EmailPolicy):
    """RFC 5322 lines, except that what machines read is never folded.

    The standard library folds a header longer than 78 characters into encoded words, which turns a
    long List-Unsubscribe or Message-ID into something that no mail program understands. Only the
    subject, which people read, keeps the short lines that RFC 2047 asks of encoded words.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        """Give the header `name` as bytes with line ends."""
        policy = SMTP if name.lower() == "subject" else _UNFOLDED
        return policy.fold_binary(name, value)


_UNFOLDED = SMTP.clone(max_line_length=998)  # the longest line RFC 5322 allows
_WIRE = _MailPolicy(linesep="\r\n")


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
    def parse(cls, text: str) -> Mailbox:
        """Read `Name <address>` or a bare address, as the settings hold it."""
        name, address = parseaddr(text)
        return cls(address=address, name=name)

    @property
    def wire_address(self) -> str:
        """The address as a mail server takes it: the domain in its ASCII form.

        Raises AddressError when the address is malformed, or has letters before the @ that only
        some servers take (RFC 6531).
        """
        local, _, domain = self.address.strip().rpartition("@")
        try:
            plain = f"{local}@{domain.encode('idna').decode('ascii')}"
        except UnicodeError as error:
            raise AddressError(f"not a mail domain: {domain!r}") from error
        if not _PLAIN_ADDRESS.fullmatch(plain):
            raise AddressError(f"not an address that mail servers take: {self.address!r}")
        return plain

    def header(self) -> Address:
        """Give the structured form for a header; raises AddressError like `wire_address`."""
        return Address(display_name=self.name, addr_spec=self.wire_address)


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
    list_id: str = ""
    unsubscribe_url: str = ""

    def __post_init__(self) -> None:
        """Refuse control characters in whatever becomes a header."""
        for name in ("message_id", "subject", "list_id", "unsubscribe_url"):
            _refuse_control(name, getattr(self, name))

    def as_message(self) -> EmailMessage:
        """Build the message; raises AddressError when the receiver's address cannot be used."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender.header()
        message["To"] = self.to.header()
        if self.reply_to is not None:
            message["Reply-To"] = self.reply_to.header()
        message["Subject"] = self.subject
        message["Date"] = format_datetime(self.sent_at)
        message["Message-ID"] = self.message_id
        # RFC 3834: no answering machine shall answer.
        message["Auto-Submitted"] = "auto-generated"
        if self.list_id:
            message["List-Id"] = f"<{self.list_id}>"
        if self.unsubscribe_url:
            # RFC 8058: one click in the mail program, no page in between.
            message["List-Unsubscribe"] = f"<{self.unsubscribe_url}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        # Quoted-printable passes through servers that still lack 8BITMIME.
        message.set_content(self.text, cte="quoted-printable")
        message.add_alternative(self.html, subtype="html", cte="quoted-printable")
        # Set last: what begins with Content- moves into a part when a part is added.
        message["Content-Language"] = self.locale
        return message

    def as_bytes(self) -> bytes:
        """Give the mail with CRLF line ends; raises AddressError like `as_message`."""
        return self.as_message().as_bytes(policy=_WIRE)


def new_message_id(sender: Mailbox) -> str:
    """Make a Message-ID in the sender's domain. It is fixed once and kept over all attempts."""
    domain = sender.wire_address.rpartition("@")[2]
    return f"<{secrets.token_hex(16)}@{domain}>"


def _refuse_control(name: str, value: str) -> None:
    if _CONTROL.search(value):
        raise ValueError(f"{name} holds a line break or another control character")
