"""The envelope sender of a mail: an address of its own, to which reports about this mail come back.

Its part after the + names the mail and is signed, so nobody can report on a mail whose return path
they have not seen. A database that is restored gives out numbers again; the Message-ID, which is
random, keeps the signatures of two mails apart.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Settings
from tracker.mail.message import Mailbox
from tracker.models import OutgoingEmail
from tracker.services.tasks import LARGEST_ID

# Servers may change capitals in an address, so there are none.
_TOKEN: Final = re.compile(r"\+(\d{1,18})-([a-z2-7]{16})(?=@|$)", re.IGNORECASE)
_MAC_BYTES: Final = 10


def return_path(email: OutgoingEmail, *, settings: Settings) -> Mailbox | None:
    """Return where reports about `email` are to go; None: to the sender."""
    if settings.bounce_address is None:
        return None
    local, _, domain = settings.bounce_address.rpartition("@")
    mac = _mac(email, settings.secret_key)
    return Mailbox(address=f"{local}+{email.id}-{mac}@{domain}")


def find(
    session: Session, *, recipients: Iterable[str], settings: Settings
) -> OutgoingEmail | None:
    """Return the mail that one of the addresses is the return path of, locked to be changed."""
    for recipient in recipients:
        if token := _TOKEN.search(recipient):
            email = session.scalar(
                select(OutgoingEmail)
                .where(OutgoingEmail.id == min(int(token[1]), LARGEST_ID))
                .with_for_update()
            )
            if email and hmac.compare_digest(_mac(email, settings.secret_key), token[2].lower()):
                return email
    return None


def without_secrets(words: str, email: OutgoingEmail) -> str:
    """Leave out of a server's words what a report has to name, because many can read them."""
    return _TOKEN.sub("+…", words.replace(email.message_id.strip("<>"), "…"))


def _mac(email: OutgoingEmail, secret_key: str) -> str:
    named = f"return path:{email.id}:{email.message_id}"
    digest = hmac.digest(secret_key.encode(), named.encode(), "sha256")
    return base64.b32encode(digest[:_MAC_BYTES]).decode().lower()
