"""Takes mails out of the outbox to send them: claimed together, then started one by one.

A claim is a lease with a secret token. It keeps a mail for its holder until it runs out; starting
a mail makes the lease long enough for the slowest conversation with a mail server and leaves an
attempt without outcome, which tells whoever comes after a death that the mail may have left.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from tracker.mail.outcomes import Outcome
from tracker.models import SIGNING_IN, DeliveryAttempt, OutgoingEmail
from tracker.services.letters import Letter

RESERVED: Final = dt.timedelta(minutes=1)
"""How long a claimed mail waits to be started, after that others may take it."""
LEASE: Final = dt.timedelta(minutes=10)
"""Longer than the slowest conversation: about ten answers of half a minute."""

_CHANGE_HELD: Final = update(OutgoingEmail).where(
    OutgoingEmail.id == bindparam("held_id"), OutgoingEmail.lease_token == bindparam("held_token")
)
_FREE: Final = {"lease_token": None, "leased_until": None}
_START: Final = _CHANGE_HELD.where(
    OutgoingEmail.state == "queued", OutgoingEmail.leased_until > bindparam("now")
).values(leased_until=bindparam("until"), attempts=OutgoingEmail.attempts + 1)
_BEGIN: Final = insert(DeliveryAttempt).returning(DeliveryAttempt.id)


@dataclass
class Attempt:
    """One try to send one mail."""

    id: int
    email: OutgoingEmail
    """As it was when it was claimed."""
    write: Callable[[], Letter]
    """Puts the mail into words."""
    lease_ends: dt.datetime
    letter: Letter | None = None
    """None: it could not be made."""
    outcome: Outcome | None = None
    """None: nothing was tried, because the lease had run out."""


def due(now: dt.datetime) -> Select[OutgoingEmail]:
    """Return the mails that are due at `now` and held by nobody."""
    return select(OutgoingEmail).where(
        OutgoingEmail.state == "queued",
        OutgoingEmail.next_attempt_at <= now,
        or_(OutgoingEmail.leased_until.is_(None), OutgoingEmail.leased_until <= now),
    )


def claim(
    session: Session, *, now: dt.datetime, most: int, email_id: int | None = None
) -> Sequence[OutgoingEmail]:
    """Take the mails that have waited longest, at `most` so many, or the one with `email_id`."""
    wanted = due(now)
    if email_id is not None:
        wanted = wanted.where(OutgoingEmail.id == email_id)
    # SQLite has no row locks and needs none: the writing transaction began with BEGIN IMMEDIATE.
    emails = session.scalars(
        wanted.order_by(OutgoingEmail.next_attempt_at, OutgoingEmail.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    token = secrets.token_hex(16)
    for email in emails:
        email.lease_token = token
        email.leased_until = now + RESERVED
    session.flush()
    return emails


def release(session: Session, emails: Iterable[OutgoingEmail]) -> None:
    """Let go of claimed mails that were not started."""
    for email in emails:
        let_go(session, email, {})


def start(
    session: Session, email: OutgoingEmail, write: Callable[[], Letter], *, now: dt.datetime
) -> Attempt | None:
    """Begin to send a claimed mail; None where the claim on it has run out."""
    connection = session.connection()
    until = now + LEASE
    if not connection.execute(_START, _held(email) | {"now": now, "until": until}).rowcount:
        return None
    begun = {"email_id": email.id, "started_at": now}
    return Attempt(connection.scalars(_BEGIN, begun).one(), email, write, until)


def cancel(session: Session, email: OutgoingEmail, *, now: dt.datetime) -> bool:
    """Give up a claimed mail that has nothing left to say or nobody to say it to.

    False where the claim was lost: whoever holds the mail now decides.
    """
    ended = {"state": "cancelled", "finished_at": now, "attempts": email.attempts + 1}
    if not let_go(session, email, ended | without_secret(email)):
        return False
    attempt = DeliveryAttempt(
        email_id=email.id, started_at=now, finished_at=now, outcome="cancelled"
    )
    session.add(attempt)
    session.flush()
    return True


def let_go(session: Session, email: OutgoingEmail, values: dict[str, Any]) -> bool:
    """Write `values` to a claimed mail and give up the claim; False where it was lost."""
    return session.connection().execute(_CHANGE_HELD, _held(email) | _FREE | values).rowcount == 1


def without_secret(email: OutgoingEmail) -> dict[str, None]:
    """Return what a finished mail has to forget: the secret of a sign-in link."""
    return {"payload": None} if email.kind in SIGNING_IN else {}


def _held(email: OutgoingEmail) -> dict[str, Any]:
    return {"held_id": email.id, "held_token": email.lease_token}
