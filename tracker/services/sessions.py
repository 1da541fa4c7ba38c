"""Signed-in browsers: server-side sessions that can be revoked."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from tracker.db import columns, prepared
from tracker.domain.roles import ACTOR_ROLES, Person, Role
from tracker.models import Membership, SignInLink, User, UserSession, Way
from tracker.services import security

LIFETIME = dt.timedelta(days=14)
IDLE = dt.timedelta(hours=12)
SEEN_EVERY = dt.timedelta(minutes=5)
KEPT = dt.timedelta(days=30)
"""How long a session that has run out stays in the database."""
PROVEN_FOR: Final = dt.timedelta(minutes=30)
"""How long having shown who one is stands for showing it again."""
LATEST: Final = 20
"""How many of one's sign-ins are shown."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A valid session and who it belongs to."""

    session_id: int
    person: Person
    stale: bool
    """Its last-seen time is old enough to be renewed."""
    kept_form: dict[str, Any] | None
    """What was typed before signing in: `path`, `page` and `fields` (name and value)."""
    proof: Way | None
    """How the person has shown within `PROVEN_FOR` who they are; None: longer ago."""


def token_hash(token: str) -> str:
    """Return what is kept of a secret token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def start(
    session: Session,
    *,
    user: User,
    way: Way,
    now: dt.datetime,
    browser: str = "",
    network_address: str = "",
    kept_form: dict[str, Any] | None = None,
) -> str:
    """Begin a session for `user` and return its token, which is kept nowhere else."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            token_hash=token_hash(token),
            user_id=user.id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + LIFETIME,
            browser=browser[:500],
            network_address=network_address[:45],
            signed_in_by=way,
            proven_at=now,
            kept_form=kept_form,
        )
    )
    user.signed_in_at = now
    session.flush()
    security.note_when_committed(
        session,
        "signed_in",
        outcome=way.value,
        person=user.id,
        network_address=network_address,
    )
    return token


def resolve(session: Session, *, token: str, now: dt.datetime) -> SignedIn | None:
    """Return whose session `token` is; None where it is unknown, revoked or has run out."""
    rows = columns(session, *_signed_in(hashed=token_hash(token)))
    if not rows:
        return None
    row = rows[0]
    if now >= row.expires_at or now - row.last_seen_at >= IDLE:
        return None
    stale = now - row.last_seen_at >= SEEN_EVERY
    person = _person(row.user_id, row.name, row.locale, rows)
    return SignedIn(row.id, person, stale, row.kept_form, _proof(row, now))


def _proof(row: Any, now: dt.datetime) -> Way | None:
    # On a demonstration nobody has a password, and no mail leaves.
    if row.signed_in_by == Way.DEMONSTRATION:
        return Way.DEMONSTRATION
    is_fresh = row.proven_at is not None and now - row.proven_at < PROVEN_FOR
    return Way(row.signed_in_by) if is_fresh else None


@prepared
def _signed_in(*, hashed: str) -> Select[Any]:
    # Asked at every request: columns cost a third of the objects, and one query does.
    return (
        select(
            UserSession.id,
            UserSession.kept_form,
            UserSession.last_seen_at,
            UserSession.expires_at,
            UserSession.signed_in_by,
            UserSession.proven_at,
            UserSession.user_id,
            User.name,
            User.locale,
            Membership.actor_id,
            Membership.role,
        )
        .join(User, User.id == UserSession.user_id)
        .outerjoin(Membership, Membership.user_id == User.id)
        .where(UserSession.token_hash == hashed, UserSession.revoked_at.is_(None))
        .where(User.active)
        .order_by(Membership.id)
    )


def user_of(session: Session, *, token: str) -> int | None:
    """Return whose session `token` is or was, by the id of the user."""
    return session.scalar(
        select(UserSession.user_id).where(UserSession.token_hash == token_hash(token))
    )


def touch(session: Session, *, session_id: int, now: dt.datetime) -> None:
    """Note that the session was used."""
    session.execute(
        update(UserSession).where(UserSession.id == session_id).values(last_seen_at=now)
    )


def forget_kept_form(session: Session, *, session_id: int) -> None:
    """Drop what was kept of a form, once it has been sent."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(kept_form=None))


def use_up_proof(session: Session, *, session_id: int) -> None:
    """Ask anew who it is the next time that it matters."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(proven_at=None))


def revoke(session: Session, *, by: Person, session_id: int, now: dt.datetime) -> bool:
    """End one of the person's own sessions and return whether it went on till now.

    Another's is left alone.
    """
    ended = session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == by.user_id)
        .where(UserSession.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(UserSession.id)
    )
    return ended.one_or_none() is not None


def revoke_all(
    session: Session, *, user_id: int, now: dt.datetime, keep: int | None = None
) -> None:
    """End all sessions of a user but for the one to `keep`, and the links that would begin more.

    So when somebody is deactivated or has lost a device: a link may lie where they cannot see it.
    """
    session.execute(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None))
        .where(UserSession.id != (keep or 0))
        .values(revoked_at=now)
    )
    revoke_links(session, user_id=user_id, now=now)


def revoke_links(session: Session, *, user_id: int, now: dt.datetime) -> None:
    """Let the unused links of a user expire."""
    session.execute(
        update(SignInLink)
        .where(SignInLink.user_id == user_id, SignInLink.used_at.is_(None))
        .where(SignInLink.expires_at > now)
        .values(expires_at=now)
    )


def valid(session: Session, *, by: Person, now: dt.datetime) -> Sequence[UserSession]:
    """Return the person's own signed-in browsers, the last used first."""
    return session.scalars(
        select(UserSession)
        .where(UserSession.user_id == by.user_id, UserSession.revoked_at.is_(None))
        .where(UserSession.expires_at > now, UserSession.last_seen_at > now - IDLE)
        .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
    ).all()


def latest(session: Session, *, by: Person) -> Sequence[UserSession]:
    """Return the person's own last sign-ins, the newest first, also those that have ended."""
    return session.scalars(
        select(UserSession)
        .where(UserSession.user_id == by.user_id)
        .order_by(UserSession.created_at.desc(), UserSession.id.desc())
        .limit(LATEST)
    ).all()


def forget_ended(session: Session, *, now: dt.datetime) -> None:
    """Delete sessions that ran out a while ago, with what they kept of half-written forms."""
    session.execute(delete(UserSession).where(UserSession.expires_at < now - KEPT))


def person_of(user: User) -> Person:
    """Return who `user` is for the access rules; the memberships are read along."""
    return _person(user.id, user.name, user.locale, user.memberships)


def _person(user_id: int, name: str, locale: str, memberships: Iterable[Any]) -> Person:
    """Return a person from rows with `actor_id` and `role` (None: of no membership)."""
    actors = [(m.actor_id, m.role) for m in memberships if m.role is not None]
    return Person(
        user_id=user_id,
        name=name,
        locale=locale,
        actor_ids=frozenset(actor for actor, _ in actors if actor is not None),
        member_of=frozenset(a for a, role in actors if a is not None and role in ACTOR_ROLES),
        lead_of=frozenset(a for a, role in actors if a is not None and role == Role.LEAD),
        roles=frozenset(Role(role) for _, role in actors),
    )
