"""Mail that came back after the server had taken it."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

import addresses
from addresses import AddressError
from config import Settings
from tracker.mail.bounces import Bounce, BounceError
from tracker.mail.outcomes import Result
from tracker.models import Actor, DeliveryAttempt, OutgoingEmail, Reminder, User
from tracker.services import mail_trouble, return_paths
from tracker.services.contacts import BAD_ADDRESS, BOUNCED, FULL
from tracker.services.delivery_outcomes import attempts_of, settle_lines, undeliverable
from tracker.services.outbox import receiver_of
from tracker.services.return_paths import without_secrets

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


def take(
    session: Session,
    *,
    bounce: Bounce,
    recipient: str | None = None,
    settings: Settings,
    now: dt.datetime,
) -> Effect:
    """Do what follows from a delivery report; raises BounceError where it is about no mail of ours.

    `recipient` is the address that the report was sent to, where that is known from elsewhere than
    its headers. Anybody can send a report. So it counts only for a mail that left lately, where it
    comes to its return path or, without those, quotes its Message-ID, and names the address that
    the mail went to.
    """
    email = _named(session, bounce, recipient, settings)
    address = _wire(email.to_address or _present_address(session, email))
    ours = [one for one in bounce.reports if _wire(one.recipient) == address]
    if not ours:
        raise BounceError("it is about another address than the mail went to")
    report = next((one for one in ours if one.is_final), ours[0])
    if email.state != "sent" and not (email.state == "queued" and _may_have_left(session, email)):
        return Effect.KNOWN
    if email.finished_at is not None and now - email.finished_at > LATEST:
        raise BounceError(f"it is about a mail of more than {LATEST.days} days ago")
    answer = without_secrets(report.outcome.answer, email)
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
    is_full = report.outcome.result is Result.FULL
    is_full = is_full and _is_full_for_long(session, email, answer)
    is_present = _wire(_present_address(session, email)) == address
    if is_present and (report.is_final or is_full):
        reason = FULL if is_full else BAD_ADDRESS
        undeliverable(session, email, email.sent_to, answer, reason=reason, now=now)
        return Effect.FLAGGED
    settle_lines(session, email.id, state="cancelled", reason=BOUNCED, now=now)
    return Effect.RETURNED


def _named(
    session: Session, bounce: Bounce, recipient: str | None, settings: Settings
) -> OutgoingEmail:
    """Return the mail that a report is about, locked to be changed."""
    if settings.bounce_address is not None:
        recipients = bounce.addressed_to if recipient is None else [recipient]
        email = return_paths.find(session, recipients=recipients, settings=settings)
        if email is None:
            raise BounceError("it did not come to the return path of a mail of this installation")
        return email
    if not bounce.message_id:
        raise BounceError("it does not quote the Message-ID of the mail that came back")
    email = session.scalar(
        select(OutgoingEmail).where(OutgoingEmail.message_id == bounce.message_id).with_for_update()
    )
    if email is None:
        raise BounceError("it is about no mail of this installation")
    return email


def _is_full_for_long(session: Session, email: OutgoingEmail, answer: str) -> bool:
    """Note that a sending found the mailbox full; return whether it has been so for long."""
    attempt = session.scalar(
        select(DeliveryAttempt)
        .where(DeliveryAttempt.email_id == email.id)
        .order_by(DeliveryAttempt.id.desc())
        .limit(1)
    )
    if attempt is None:
        return False
    attempt.outcome, attempt.answer = "full", answer
    session.flush()
    return mail_trouble.has_been_full_for_long(
        session, email, address=email.to_address or "", attempt_id=attempt.id
    )


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
        return addresses.read(address).wire.lower()
    except AddressError:
        return address.lower()
