"""Ways in: a password, a one-time link by mail, and one click on a demonstration."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, selectinload

from config import Settings
from tracker.domain.errors import InvalidError, NotFoundError
from tracker.models import Membership, SignInLink, User
from tracker.services import attempts, installation, outbox, passwords, sessions
from tracker.services.demonstration_people import ADVISER, DIRECTOR, SECRETARIAT
from tracker.services.sessions import token_hash
from tracker.services.tasks import LARGEST_ID

MAILED_LINK: Final = dt.timedelta(minutes=20)
HANDED_LINK: Final = dt.timedelta(hours=24)

_QUARTER: Final = dt.timedelta(minutes=15)
_HOUR: Final = dt.timedelta(hours=1)
# A whole office may share one IP address, so that limit only stops what no office does.
PASSWORD_BY_ADDRESS: Final = attempts.Limit("password:address", 5, _QUARTER)
PASSWORD_BY_IP: Final = attempts.Limit("password:ip", 50, _QUARTER)
LINK_BY_ADDRESS: Final = attempts.Limit("link:address", 3, _QUARTER)
# Anybody can ask for somebody else's link, and must not fill that person's mailbox with them.
LINK_BY_ADDRESS_A_DAY: Final = attempts.Limit("link:address:day", 10, attempts.KEPT)
LINK_BY_IP: Final = attempts.Limit("link:ip", 30, _HOUR)

# How many people a demonstration lists to sign in as.
LISTED: Final = 60


class LinkState(StrEnum):
    """What a one-time link is good for."""

    USABLE = "usable"
    USED = "used"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A one-time link as somebody opens it. `name` is whom it signs in, while it works."""

    state: LinkState
    name: str = ""


@dataclass(frozen=True, slots=True)
class DemonstrationPeople:
    """Whom one can sign in as on a demonstration."""

    adviser: User | None
    secretariat: User | None
    director: User | None
    others: Sequence[tuple[str | None, Sequence[User]]]
    """By the name of their actor; None for those who have none."""


def address_of(text: str) -> str:
    """Return an e-mail address as it is stored and compared."""
    return text.strip().lower()


def with_password(
    session: Session, *, email: str, password: str, ip: str, now: dt.datetime
) -> User:
    """Return the person whom `email` and `password` belong to.

    Raises InvalidError after counting the attempt, which must last (`commit_despite_error`), and
    TooManyAttemptsError before looking at the password.
    """
    email = address_of(email)
    attempts.check(session, limit=PASSWORD_BY_ADDRESS, subject=email, now=now)
    attempts.check(session, limit=PASSWORD_BY_IP, subject=ip, now=now)
    user = _active(session, email)
    right, renewed = passwords.verify(password, user.password_hash if user else None)
    if user is None or not right:
        attempts.count(session, limit=PASSWORD_BY_ADDRESS, subject=email, now=now)
        attempts.count(session, limit=PASSWORD_BY_IP, subject=ip, now=now)
        raise InvalidError("password", "wrong_password")
    attempts.forget(session, limit=PASSWORD_BY_ADDRESS, subject=email)
    if renewed:
        user.password_hash = renewed
    return user


def request_link(
    session: Session,
    *,
    email: str,
    ip: str,
    settings: Settings,
    now: dt.datetime,
    kept_form: dict[str, Any] | None = None,
) -> None:
    """Mail a one-time link to `email` if somebody active has that address.

    The caller is told the same either way. Raises TooManyAttemptsError.
    """
    email = address_of(email)
    attempts.check(session, limit=LINK_BY_ADDRESS, subject=email, now=now)
    attempts.check(session, limit=LINK_BY_ADDRESS_A_DAY, subject=email, now=now)
    attempts.check(session, limit=LINK_BY_IP, subject=ip, now=now)
    attempts.count(session, limit=LINK_BY_ADDRESS, subject=email, now=now)
    attempts.count(session, limit=LINK_BY_ADDRESS_A_DAY, subject=email, now=now)
    attempts.count(session, limit=LINK_BY_IP, subject=ip, now=now)
    user = _active(session, email)
    if user is None:
        return
    token = create_sign_in_link(
        session, user=user, now=now, lifetime=MAILED_LINK, kept_form=kept_form
    )
    outbox.queue_sign_in(
        session,
        user_id=user.id,
        url=f"{settings.base_url}/sign-in/link/{token}",
        expires_at=now + MAILED_LINK,
        mail_from=settings.mail_from,
        now=now,
    )


def create_sign_in_link(
    session: Session,
    *,
    user: User,
    now: dt.datetime,
    lifetime: dt.timedelta = HANDED_LINK,
    kept_form: dict[str, Any] | None = None,
) -> str:
    """Return the token of a new link (`/sign-in/link/<token>`), which is kept nowhere else."""
    token = secrets.token_urlsafe(32)
    session.add(
        SignInLink(
            token_hash=token_hash(token),
            user_id=user.id,
            created_at=now,
            expires_at=now + lifetime,
            kept_form=kept_form,
        )
    )
    session.flush()
    return token


def find_link(session: Session, *, token: str, now: dt.datetime) -> FoundLink:
    """Return what the link is good for, without using it: scanners open links in mails."""
    row = session.execute(
        select(SignInLink, User)
        .join(User, User.id == SignInLink.user_id)
        .where(SignInLink.token_hash == token_hash(token))
    ).one_or_none()
    if row is None:
        return FoundLink(LinkState.UNKNOWN)
    link, user = row
    if link.used_at is not None:
        return FoundLink(LinkState.USED)
    if now >= link.expires_at or not user.active:
        return FoundLink(LinkState.EXPIRED)
    return FoundLink(LinkState.USABLE, user.name)


def use_link(
    session: Session, *, token: str, now: dt.datetime
) -> tuple[User, dict[str, Any] | None] | None:
    """Use up the link and return whom it signs in and what was kept with it; None: no longer.

    The person's other links stop working with it. Of two requests at once, one gets in.
    """
    used = session.execute(
        update(SignInLink)
        .where(SignInLink.token_hash == token_hash(token))
        .where(SignInLink.used_at.is_(None), SignInLink.expires_at > now)
        .values(used_at=now)
        .returning(SignInLink.user_id, SignInLink.kept_form)
    ).one_or_none()
    if used is None:
        return None
    user = session.scalar(select(User).where(User.id == used.user_id, User.active))
    if user is None:
        return None
    revoke_links(session, user_id=user.id, now=now)
    return user, used.kept_form


def revoke_links(session: Session, *, user_id: int, now: dt.datetime) -> None:
    """Let the unused links of a user expire."""
    session.execute(
        update(SignInLink)
        .where(SignInLink.user_id == user_id, SignInLink.used_at.is_(None))
        .where(SignInLink.expires_at > now)
        .values(expires_at=now)
    )


def forget_links(session: Session, *, now: dt.datetime) -> None:
    """Delete links that ran out a while ago, with what was typed before they were asked for."""
    session.execute(delete(SignInLink).where(SignInLink.expires_at < now - sessions.KEPT))


def demonstration_people(session: Session) -> DemonstrationPeople:
    """Return whom to offer on the sign-in page: three cards and a list."""
    cards = (ADVISER, SECRETARIAT, DIRECTOR)
    users = session.scalars(
        select(User)
        .where(User.active)
        .options(selectinload(User.memberships).joinedload(Membership.actor))
        .order_by(User.email.in_(cards).desc(), User.id)
        .limit(LISTED)
    ).all()
    by_address = {user.email: user for user in users}
    groups: dict[str | None, list[User]] = {}
    for user in users:
        if user.email not in cards:
            names = (m.actor.name for m in user.memberships if m.actor)
            groups.setdefault(next(names, None), []).append(user)
    return DemonstrationPeople(
        adviser=by_address.get(ADVISER),
        secretariat=by_address.get(SECRETARIAT),
        director=by_address.get(DIRECTOR),
        others=sorted(groups.items(), key=lambda group: (group[0] is None, group[0] or "")),
    )


def as_demonstration(session: Session, *, user_id: int, settings: Settings) -> User:
    """Return the person to sign in as, without proof.

    Raises NotFoundError except on a demonstration that only this machine can reach.
    """
    user = session.get(User, min(user_id, LARGEST_ID))
    if not offers_demonstration(session, settings=settings) or user is None or not user.active:
        raise NotFoundError("no_demonstration")
    return user


def offers_demonstration(session: Session, *, settings: Settings) -> bool:
    """Return whether anybody may sign in as anybody here."""
    return settings.is_local and installation.is_demonstration(session)


def _active(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(User.email == email, User.active))
