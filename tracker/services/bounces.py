"""Mail that came back after the server had taken it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.mail.bounces import BounceError, Report, is_final
from tracker.models import Actor, OutgoingEmail, Reminder, User
from tracker.services.delivery_outcomes import undeliverable
from tracker.services.outbox import receiver_of


class Effect(StrEnum):
    """What a report led to."""

    FLAGGED = "flagged"
    """The address is marked as failing, and others stand in."""
    NOTED = "noted"
    """The mail is late or was refused for another reason; the words are kept with it."""
    KNOWN = "known"
    """All of this was known."""


def take(session: Session, *, reports: Sequence[Report], now: dt.datetime) -> Effect:
    """Do what follows from a delivery report; raises BounceError where it is about no mail of ours.

    Anybody can send a report. So it counts only where it quotes the Message-ID of a mail of ours,
    which nobody but its receiver knows, and names the address that the mail went to.
    """
    email = session.scalar(
        select(OutgoingEmail)
        .where(OutgoingEmail.message_id == reports[0].message_id)
        .with_for_update()
    )
    if email is None:
        raise BounceError("it is about no mail of this installation")
    ours = [one for one in reports if one.recipient == (email.to_address or "").lower()]
    if not ours:
        raise BounceError("it is about another address than the mail went to")
    report = next((one for one in ours if is_final(one)), ours[0])
    if email.state != "sent":
        return Effect.KNOWN
    answer = report.outcome.answer
    if not is_final(report) or not _is_still_used(session, email):
        is_new = email.last_error != answer
        email.last_error = answer
        return Effect.NOTED if is_new else Effect.KNOWN
    email.state, email.last_error, email.finished_at = "failed", answer, now
    # What was sent reached nobody, so it is undone as with a mail that was refused at once.
    session.execute(
        update(Reminder)
        .where(Reminder.email_id == email.id, Reminder.state == "sent")
        .values(state="planned", settled_at=None)
    )
    undeliverable(session, email, email.sent_to, answer, now=now)
    return Effect.FLAGGED


def _is_still_used(session: Session, email: OutgoingEmail) -> bool:
    """Return whether the receiver still has the address that the mail went to."""
    receiver = receiver_of(email.sent_to or email.addressee)
    if receiver["user_id"] is not None:
        address = session.get_one(User, receiver["user_id"]).email
    elif receiver["actor_id"] is not None:
        address = session.get_one(Actor, receiver["actor_id"]).email or ""
    else:
        return False
    return address.lower() == (email.to_address or "").lower()
