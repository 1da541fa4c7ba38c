"""Mail that came back after the server had taken it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tracker.mail.bounces import BounceError, Report, is_final
from tracker.mail.message import AddressError, Mailbox
from tracker.models import Actor, DeliveryAttempt, OutgoingEmail, Reminder, User
from tracker.services.contacts import BOUNCED
from tracker.services.delivery_outcomes import attempts_of, settle_lines, undeliverable
from tracker.services.outbox import receiver_of

LATEST: Final = dt.timedelta(days=14)
"""So long after a mail had left a report about it counts; servers give up after five days."""


class Effect(StrEnum):
    """What a report led to."""

    FLAGGED = "flagged"
    """The address is marked as failing, and others stand in."""
    RETURNED = "returned"
    """The mail did not arrive, which is not the address's fault; the next run sends it anew."""
    NOTED = "noted"
    """The mail is late; the words are kept with it."""
    KNOWN = "known"
    """All of this was known."""


def take(session: Session, *, reports: Sequence[Report], now: dt.datetime) -> Effect:
    """Do what follows from a delivery report; raises BounceError where it is about no mail of ours.

    Anybody can send a report. So it counts only where it quotes the Message-ID of a mail that left
    lately, which nobody sees but its receiver and their mail servers, and names the address that
    the mail went to.
    """
    email = session.scalar(
        select(OutgoingEmail)
        .where(OutgoingEmail.message_id == reports[0].message_id)
        .with_for_update()
    )
    if email is None:
        raise BounceError("it is about no mail of this installation")
    address = _wire(email.to_address or _present_address(session, email))
    ours = [one for one in reports if _wire(one.recipient) == address]
    if not ours:
        raise BounceError("it is about another address than the mail went to")
    report = next((one for one in ours if is_final(one)), ours[0])
    if email.state != "sent" and not (email.state == "queued" and _may_have_left(session, email)):
        return Effect.KNOWN
    if email.finished_at is not None and now - email.finished_at > LATEST:
        raise BounceError(f"it is about a mail of more than {LATEST.days} days ago")
    answer = report.outcome.answer
    if not report.has_failed:
        is_new = email.last_error != answer
        email.last_error = answer
        return Effect.NOTED if is_new else Effect.KNOWN
    email.state, email.last_error, email.finished_at = "failed", answer, now
    # Where it comes ahead of the record of the sending, that finds its claim lost.
    email.lease_token = email.leased_until = None
    # What was sent reached nobody, so it is undone as with a mail that was refused at once.
    session.execute(
        update(Reminder)
        .where(Reminder.email_id == email.id, Reminder.state == "sent")
        .values(state="planned", settled_at=None)
    )
    if is_final(report) and _wire(_present_address(session, email)) == address:
        undeliverable(session, email, email.sent_to, answer, now=now)
        return Effect.FLAGGED
    settle_lines(session, email.id, state="cancelled", reason=BOUNCED, now=now)
    return Effect.RETURNED


def _may_have_left(session: Session, email: OutgoingEmail) -> bool:
    """Return whether a mail that still waits may be on its way: its sending has no known end."""
    unknown = or_(DeliveryAttempt.outcome.is_(None), DeliveryAttempt.outcome == "unknown")
    attempt = select(DeliveryAttempt.id).where(attempts_of(email), unknown)
    return session.scalar(attempt.limit(1)) is not None


def _present_address(session: Session, email: OutgoingEmail) -> str:
    """Return the address that the receiver has by now."""
    receiver = receiver_of(email.sent_to or email.addressee)
    if receiver["user_id"] is not None:
        return session.get_one(User, receiver["user_id"]).email
    if receiver["actor_id"] is not None:
        return session.get_one(Actor, receiver["actor_id"]).email or ""
    return email.addressee.partition(":")[2]


def _wire(address: str) -> str:
    """Return an address as mail servers write it, in lower case."""
    try:
        return Mailbox(address=address).wire_address.lower()
    except (AddressError, ValueError):
        return address.lower()
