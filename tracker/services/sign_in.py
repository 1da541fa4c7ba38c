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

import addresses
from config import Settings
from tracker.domain.errors import InvalidError, NotFoundError, TooManyAttemptsError
from tracker.models import Membership, SignInLink, User
from tracker.services import (
    attempts,
    audit,
    installation,
    outbox,
    passwords,
    security,
    sessions,
)
from tracker.services.demonstration_people import ADVISER, DIRECTOR, SECRETARIAT
from tracker.services.sessions import token_hash
from tracker.services.tasks import LARGEST_ID

MAILED_LINK: Final = dt.timedelta(minutes=20)
HANDED_LINK: Final = dt.timedelta(hours=24)

_QUARTER: Final = dt.timedelta(minutes=15)
_HOUR: Final = dt.timedelta(hours=1)
PASSWORD_BY_ADDRESS: Final = attempts.Limit("password:address", 5, _QUARTER)
# Instead of both others, where the person has signed in before: strangers cannot use it up.
PASSWORD_BY_BROWSER: Final = attempts.Limit("password:browser", 10, _HOUR)
# 500 people of one office share an IP address, and each may once mistype or ask twice for a link.
PASSWORD_BY_IP: Final = attempts.Limit("password:ip", 500, _QUARTER)
LINK_BY_IP: Final = attempts.Limit("link:ip", 1000, _HOUR)
# Anybody can ask for somebody else's link, and must not fill that person's mailbox with them.
LINKS_MAILED: Final = (
    attempts.Limit("link:address", 3, _QUARTER),
    attempts.Limit("link:address:day", 10, attempts.KEPT),
)
LASTING_LINK: Final = dt.timedelta(hours=2)
"""How long a link works that is mailed beyond these limits: one at a time."""
_USE_LEFT: Final = dt.timedelta(minutes=5)
"""A link that works for less is hardly found in time."""

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
class KnownBrowser:
    """A browser in which somebody has signed in before, as its cookie says."""

    user_id: int
    number: str
    """Its own, by which its attempts are counted."""


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
    try:
        return addresses.read(text).shown.lower()
    except addresses.AddressError:
        return text.strip().lower()


def with_password(
    session: Session,
    *,
    email: str,
    password: str,
    ip: str,
    now: dt.datetime,
    browser: KnownBrowser | None = None,
) -> User:
    """Return the person whom `email` and `password` belong to.

    Raises InvalidError after counting the attempt, which must last (`commit_despite_error`), and
    TooManyAttemptsError before looking at the password.
    """
    email = address_of(email)
    user = _active(session, email)
    own, *others = (
        [(PASSWORD_BY_BROWSER, browser.number)]
        if browser is not None and _is_of(browser, user)
        else [(PASSWORD_BY_ADDRESS, email), (PASSWORD_BY_IP, ip)]
    )
    for limit, subject in (own, *others):
        _check(session, limit, subject, user=user, ip=ip, now=now)
    right, renewed = passwords.verify(password, user.password_hash if user else None)
    if user is None or not right:
        for limit, subject in (own, *others):
            attempts.count(session, limit=limit, subject=subject, now=now)
        security.note_when_committed(
            session, "failed", outcome="password", person=_id(user), network_address=ip
        )
        raise InvalidError("password", "wrong_password")
    attempts.forget(session, limit=own[0], subject=own[1])
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
    browser: KnownBrowser | None = None,
) -> None:
    """See to it that whoever has the address `email` finds a link that works in the mailbox.

    Beyond what a mailbox is to get, one is mailed only where none works any more. The caller is
    told the same whatever happens. Raises TooManyAttemptsError where too many come from `ip`.
    """
    email = address_of(email)
    user = _active(session, email)
    if browser is None or not _is_of(browser, user):
        _check(session, LINK_BY_IP, ip, user=user, ip=ip, now=now)
        attempts.count(session, limit=LINK_BY_IP, subject=ip, now=now)
    lifetime = _next_link(session, email, user, now)
    if user is not None and lifetime is not None:
        token = create_sign_in_link(
            session, user=user, now=now, lifetime=lifetime, kept_form=kept_form
        )
        outbox.queue_sign_in(
            session,
            user_id=user.id,
            url=f"{settings.base_url}/sign-in/link/{token}",
            expires_at=now + lifetime,
            mail_from=settings.mail_from,
            now=now,
        )
    outcome = "nobody" if user is None else "mailed" if lifetime else "mailed_before"
    security.note_when_committed(
        session, "link_asked", outcome=outcome, person=_id(user), network_address=ip
    )


def _next_link(
    session: Session, email: str, user: User | None, now: dt.datetime
) -> dt.timedelta | None:
    """Return how long the next link to `email` works; None: the one mailed before is enough."""
    try:
        for limit in LINKS_MAILED:
            attempts.check(session, limit=limit, subject=email, now=now)
    except TooManyAttemptsError:
        is_there = user is not None and _has_mailed_link(session, user, now)
        return None if is_there else LASTING_LINK
    for limit in LINKS_MAILED:
        attempts.count(session, limit=limit, subject=email, now=now)
    return MAILED_LINK


def _has_mailed_link(session: Session, user: User, now: dt.datetime) -> bool:
    links = session.scalars(
        select(SignInLink)
        .where(SignInLink.user_id == user.id, SignInLink.used_at.is_(None))
        .where(SignInLink.expires_at > now + _USE_LEFT)
    )
    # What a command handed out is not in the mailbox.
    return any(link.expires_at - link.created_at != HANDED_LINK for link in links)


def hand_out_link(session: Session, *, user: User, now: dt.datetime) -> str:
    """Return the token of a link that a command gives to whoever runs the installation."""
    audit.record(session, by=None, action="user.link_issued", entity="user", entity_id=user.id)
    return create_sign_in_link(session, user=user, now=now)


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
    sessions.revoke_links(session, user_id=user.id, now=now)
    return user, used.kept_form


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


def _check(
    session: Session,
    limit: attempts.Limit,
    subject: str,
    *,
    user: User | None,
    ip: str,
    now: dt.datetime,
) -> None:
    try:
        attempts.check(session, limit=limit, subject=subject, now=now)
    except TooManyAttemptsError:
        security.note("locked", outcome=limit.name, person=_id(user), network_address=ip)
        raise


def _is_of(browser: KnownBrowser, user: User | None) -> bool:
    return user is not None and browser.user_id == user.id


def _id(user: User | None) -> int | None:
    return None if user is None else user.id


def _active(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(User.email == email, User.active))
