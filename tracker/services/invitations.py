"""Invitations: a mail to somebody new, with a link that signs them in."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy.orm import Session

from config import Settings
from tracker.domain.errors import ConflictError
from tracker.domain.roles import Person, Role
from tracker.models import User
from tracker.services import accounts, attempts, audit, outbox, sessions, sign_in

LIFETIME: Final = dt.timedelta(days=7)
AGAIN: Final = attempts.Limit("invitation:address", 3, attempts.KEPT)
"""Nobody's mailbox is to be filled with them."""


def invite(
    session: Session,
    *,
    by: Person,
    email: str,
    name: str,
    actor_id: int | None,
    role: Role,
    locale: str,
    settings: Settings,
    now: dt.datetime,
) -> User:
    """Let somebody in and mail them the invitation; raises as `accounts.create_user` does."""
    user = accounts.create_user(
        session,
        by=by,
        email=email,
        name=name,
        actor_id=actor_id,
        role=role,
        locale=locale,
        now=now,
    )
    _send(session, by=by, user=user, settings=settings, now=now)
    return user


def send_again(
    session: Session, *, by: Person, user_id: int, settings: Settings, now: dt.datetime
) -> User:
    """Mail another invitation, whose link replaces the earlier one.

    Raises ConflictError where the person needs none, TooManyAttemptsError beyond three a day.
    """
    user = accounts.get(session, by=by, user_id=user_id)
    if not awaits(user):
        raise ConflictError("needs_no_invitation")
    attempts.check(session, limit=AGAIN, subject=user.email, now=now)
    _send(session, by=by, user=user, settings=settings, now=now)
    return user


def awaits(user: User) -> bool:
    """Return whether an invitation is of use: the person may sign in and never has."""
    return user.active and user.signed_in_at is None


def _send(
    session: Session, *, by: Person, user: User, settings: Settings, now: dt.datetime
) -> None:
    attempts.count(session, limit=AGAIN, subject=user.email, now=now)
    sessions.revoke_links(session, user_id=user.id, now=now)
    token = sign_in.create_sign_in_link(session, user=user, now=now, lifetime=LIFETIME)
    outbox.queue_invitation(
        session,
        user_id=user.id,
        url=f"{settings.base_url}/sign-in/link/{token}",
        expires_at=now + LIFETIME,
        inviter=by.name,
        mail_from=settings.mail_from,
        now=now,
    )
    user.invited_at = now
    audit.record(session, by=by, action="user.invited", entity="user", entity_id=user.id)
