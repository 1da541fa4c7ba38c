"""Which kinds of reminders come by mail, and the address in a mail that switches some off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from itsdangerous import BadSignature
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tracker.domain.errors import ConflictError, NotFoundError
from tracker.domain.reminder_steps import OptionalKind
from tracker.domain.roles import Person
from tracker.models import DeclinedMail, User
from tracker.services import audit, sessions, signed

_PURPOSE: Final = "unsubscribe"
_WITHOUT_TIME_UNTIL: Final = dt.datetime(2027, 2, 1, tzinfo=dt.UTC)
"""Addresses mailed before they held the time of their mail; after this day all are too old."""


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """What an address in a mail switches off, and for whom."""

    person: Person
    email: str
    kinds: frozenset[OptionalKind]
    is_expired: bool


def declined(session: Session, *, by: Person) -> frozenset[OptionalKind]:
    """Return the kinds that `by` does without."""
    kinds = session.scalars(select(DeclinedMail.kind).where(DeclinedMail.user_id == by.user_id))
    return frozenset(map(OptionalKind, kinds))


def offered(by: Person) -> frozenset[OptionalKind]:
    """Return the kinds that somebody like `by` may ever get."""
    kinds = frozenset(OptionalKind)
    return kinds if by.is_coordinator else kinds - {OptionalKind.UNSETTLED}


def decline(
    session: Session,
    *,
    by: Person,
    kinds: Collection[OptionalKind],
    through: Literal["link"] | None = None,
) -> None:
    """Let `by` do without exactly `kinds`; `through` the address in a mail, or signed in."""
    _one_at_a_time(session, by)
    before = declined(session, by=by)
    if before == set(kinds):
        return
    session.execute(delete(DeclinedMail).where(DeclinedMail.user_id == by.user_id))
    session.add_all(DeclinedMail(user_id=by.user_id, kind=kind) for kind in sorted(kinds))
    audit.record(
        session,
        by=by,
        action="mail.preferences",
        entity="user",
        entity_id=by.user_id,
        before={"declined": sorted(before)},
        after={"declined": sorted(kinds)},
        through=through,
    )


def unsubscribe(session: Session, *, found: Unsubscription) -> None:
    """Switch off what the address in the mail says, besides what is off already.

    Raises ConflictError where the address has expired.
    """
    if found.is_expired:
        raise ConflictError("link_not_open")
    _one_at_a_time(session, found.person)
    kinds = declined(session, by=found.person) | found.kinds
    decline(session, by=found.person, kinds=kinds, through="link")


def _one_at_a_time(session: Session, by: Person) -> None:
    """Let nobody else change the same person's preferences until the transaction ends."""
    session.execute(select(User.id).where(User.id == by.user_id).with_for_update())


def address(
    user_id: int,
    kinds: Collection[str],
    *,
    mailed_at: dt.datetime,
    base_url: str,
    secret_key: str,
) -> str:
    """Return the address that switches `kinds` off for a person (RFC 8058)."""
    named = [user_id, int(mailed_at.timestamp()), *sorted(kinds)]
    token = signed.serializer(_PURPOSE, secret_key).dumps(named)
    return f"{base_url}/unsubscribe/{token}"


def read(session: Session, *, token: str, secret_key: str, now: dt.datetime) -> Unsubscription:
    """Return what `token` from an address switches off; raises NotFoundError.

    The address of somebody who was deactivated does nothing any more.
    """
    try:
        user_id, *rest = signed.serializer(_PURPOSE, secret_key).loads(token)
    except BadSignature:
        raise NotFoundError("no_such_link") from None
    user = session.get(User, user_id)
    if user is None or not user.active:
        raise NotFoundError("no_such_link")
    match rest:
        case [int(mailed_at), *kinds]:
            expires_at = dt.datetime.fromtimestamp(mailed_at, dt.UTC) + signed.LIFETIME
        case kinds:
            expires_at = _WITHOUT_TIME_UNTIL
    return Unsubscription(
        person=sessions.person_of(user),
        email=user.email,
        kinds=frozenset(map(OptionalKind, kinds)),
        is_expired=now >= expires_at,
    )
