"""The two ways a mail can go: to an SMTP server, or into the built-in mailbox."""

from __future__ import annotations

from typing import Protocol

from config import SmtpSettings
from tracker.mail.message import Email
from tracker.mail.outcomes import Outcome, Result
from tracker.mail.smtp import SmtpSender


class Sender(Protocol):
    """Whatever takes one mail at a time."""

    def send(self, email: Email) -> Outcome:
        """Try once and tell what came of it."""

    def close(self) -> None:
        """Let go of what is kept open between mails."""


class MailboxSender:
    """Accepts every mail and sends nothing: the outbox in the database is the mailbox."""

    def send(self, email: Email) -> Outcome:
        """Accept `email`, which the outbox keeps."""
        return Outcome(Result.ACCEPTED, f"kept in the built-in mailbox for {email.to.address}")

    def close(self) -> None:
        """Do nothing: nothing is kept open."""


def make_sender(server: SmtpSettings | None) -> Sender:
    """Give the sender for `server`; None means the built-in mailbox."""
    return SmtpSender(server) if server is not None else MailboxSender()
