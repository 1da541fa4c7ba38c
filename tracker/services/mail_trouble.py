"""Whose trouble it is that a mail does not leave: its receiver's, or the installation's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tracker.models import DeliveryAttempt, Installation, OutgoingEmail
from tracker.models.mail import EMAIL_KINDS

FEW: Final = 5
"""So many receivers in a row whose mail failed, and none whose mail was taken, are no accident."""
FULL_FOR: Final = dt.timedelta(days=14)
"""A mailbox that has been full for so long is read by nobody."""


def is_everybodys(session: Session, email: OutgoingEmail, *, outcomes: Iterable[str]) -> bool:
    """Return whether mail to nobody gets through, as far as attempts with these `outcomes` tell.

    A receiver counts whose first failure came after the last mail that the server took. Whose
    mail failed before that and still waits has trouble of their own. After a pause it takes a few
    failures again, so that receivers with trouble of their own do not stop the rest for long.
    """
    last_taken = (
        select(DeliveryAttempt.id)
        .where(DeliveryAttempt.outcome == "sent")
        .order_by(DeliveryAttempt.id.desc())
        .limit(1)
    )
    last_id = session.scalar(last_taken) or 0
    paused_until = select(Installation.mail_paused_until).scalar_subquery()
    receivers = session.scalars(
        select(OutgoingEmail.addressee)
        .join(DeliveryAttempt, DeliveryAttempt.email_id == OutgoingEmail.id)
        .where(OutgoingEmail.state == "queued", DeliveryAttempt.outcome.in_(outcomes))
        .group_by(OutgoingEmail.addressee)
        .having(
            func.min(DeliveryAttempt.id) > last_id,
            or_(paused_until.is_(None), func.max(DeliveryAttempt.started_at) >= paused_until),
        )
    ).all()
    return len(receivers) >= FEW and email.addressee in receivers


def has_been_full_for_long(
    session: Session, email: OutgoingEmail, *, address: str, attempt_id: int
) -> bool:
    """Return whether every mail to the address for two weeks found the mailbox full.

    From the sending of the first of an unbroken row to that of the last, up to this attempt. A mail
    that was taken and did not come back breaks it, and so does a person who asks for another try.
    """
    found = (
        select(DeliveryAttempt)
        .join(OutgoingEmail, OutgoingEmail.id == DeliveryAttempt.email_id)
        # The kinds let the unique key find the receiver's mails.
        .where(OutgoingEmail.kind.in_(EMAIL_KINDS), OutgoingEmail.addressee == email.addressee)
        .where(OutgoingEmail.to_address == address, DeliveryAttempt.id <= attempt_id)
    )
    taken = found.where(OutgoingEmail.state == "sent", DeliveryAttempt.outcome == "sent")
    last_id = session.scalar(taken.with_only_columns(func.max(DeliveryAttempt.id))) or 0
    asked = session.scalar(found.with_only_columns(func.max(OutgoingEmail.requeued_at)))
    row = found.where(DeliveryAttempt.outcome == "full", DeliveryAttempt.id > last_id)
    if asked is not None:
        row = row.where(DeliveryAttempt.started_at >= asked)
    started_at = DeliveryAttempt.started_at
    first = session.scalar(row.with_only_columns(func.min(started_at)))
    last = session.scalar(row.with_only_columns(func.max(started_at)))
    return first is not None and last is not None and last - first >= FULL_FOR
