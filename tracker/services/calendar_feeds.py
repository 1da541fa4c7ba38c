"""A person's calendar: a secret address, and the deadlines and meetings that stand in it.

Another row is another address, and the database holds no secret.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, selectinload

from tracker.domain.errors import NotFoundError
from tracker.domain.roles import Person
from tracker.models import CalendarFeed, Meeting, Task, User
from tracker.models.tasks import OPEN
from tracker.services import audit, meetings, sessions, signed
from tracker.services.tasks import visible_to

_PURPOSE: Final = "calendar-feed"
MOST: Final = 1000
"""So many deadlines at most, the first ones."""
KEPT: Final = dt.timedelta(days=366)
"""For so long a meeting that was held stays in the calendar."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a person's calendar."""

    person: Person
    tasks: Sequence[Task]
    """Open tasks with a deadline that the person is reminded of."""
    meetings: Sequence[Meeting]
    """Those called off too, until their day."""


def current(session: Session, *, by: Person) -> CalendarFeed | None:
    """Return the address of `by` that works, if there is one."""
    return session.scalar(
        select(CalendarFeed).where(
            CalendarFeed.user_id == by.user_id, CalendarFeed.revoked_at.is_(None)
        )
    )


def renew(session: Session, *, by: Person, now: dt.datetime) -> CalendarFeed:
    """Give `by` a new address; the one before stops working."""
    revoke(session, user_id=by.user_id, now=now)
    feed = CalendarFeed(user_id=by.user_id, created_at=now, nonce=signed.new_nonce())
    session.add(feed)
    session.flush()
    audit.record(
        session, by=by, action="calendar.address_made", entity="user", entity_id=by.user_id
    )
    return feed


def stop(session: Session, *, by: Person, now: dt.datetime) -> None:
    """Let the address of `by` stop working."""
    if revoke(session, user_id=by.user_id, now=now):
        audit.record(
            session, by=by, action="calendar.address_revoked", entity="user", entity_id=by.user_id
        )


def revoke(session: Session, *, user_id: int, now: dt.datetime) -> bool:
    """Let the address of a person stop working; return whether there was one."""
    ended = session.scalars(
        update(CalendarFeed)
        .where(CalendarFeed.user_id == user_id, CalendarFeed.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(CalendarFeed.id)
    )
    return ended.first() is not None


def address(feed: CalendarFeed, *, base_url: str, secret_key: str) -> str:
    """Return the address at which a calendar program reads `feed`."""
    return f"{base_url}/calendar/{signed.token(feed, purpose=_PURPOSE, secret_key=secret_key)}.ics"


def read(session: Session, *, token: str, secret_key: str, today: dt.date) -> Contents:
    """Return what stands in the calendar that `token` from an address names.

    Raises NotFoundError where it never was one, was revoked or the person was deactivated.
    """
    feed = signed.read(session, CalendarFeed, token, purpose=_PURPOSE, secret_key=secret_key)
    if feed is None or feed.revoked_at is not None:
        raise NotFoundError("no_such_link")
    user = session.scalar(
        select(User)
        .where(User.id == feed.user_id, User.active)
        .options(selectinload(User.memberships))
    )
    if user is None:
        raise NotFoundError("no_such_link")
    person = sessions.person_of(user)
    return Contents(person, _deadlines(session, person), _meetings(session, person, today))


def _deadlines(session: Session, person: Person) -> Sequence[Task]:
    """Return what the person is responsible for, or stands in for as a lead."""
    stands_in = and_(Task.responsible_id.is_(None), Task.owner_id.in_(person.lead_of))
    return session.scalars(
        visible_to(person)
        .where(OPEN, Task.deadline.is_not(None))
        .where(or_(Task.responsible_id == person.user_id, stands_in))
        .order_by(Task.deadline_key, Task.id)
        .limit(MOST)
    ).all()


def _meetings(session: Session, person: Person, today: dt.date) -> Sequence[Meeting]:
    if not meetings.is_invited(person.roles):
        return []
    return session.scalars(
        select(Meeting)
        .where(Meeting.held_on >= today - KEPT)
        .where(or_(Meeting.cancelled_at.is_(None), Meeting.held_on >= today))
        .order_by(Meeting.held_on, Meeting.id)
        .limit(MOST)
    ).all()
