"""The forum's meetings: when and where, and who is away then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, joinedload

from tracker.domain.errors import ConflictError, InvalidError, NotFoundError
from tracker.domain.roles import Person, Role
from tracker.models import Absence, Meeting, Membership
from tracker.services import audit
from tracker.services.paging import Piece, piece
from tracker.services.tasks import LARGEST_ID, require_coordinator

YEARS_AHEAD: Final = 3
SHOWN: Final = 50
"""So many meetings ahead; there are a few in a year."""
PAGE_SIZE: Final = 20
INVITED: Final = frozenset({Role.FORUM_MEMBER, Role.COORDINATOR})
"""The roles that the forum's meetings concern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What people say of a meeting."""

    held_on: dt.date
    title: str
    place: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A meeting ahead, and who of the forum and its secretariat is away that day."""

    meeting: Meeting
    away: list[Absence]


def is_invited(roles: Collection[str]) -> bool:
    """Return whether the forum's meetings concern somebody with these roles."""
    return not INVITED.isdisjoint(roles)


def coming(session: Session, *, by: Person, today: dt.date) -> list[Planned]:
    """Return the meetings from `today` on, the next first, those called off too.

    Who is away is told to those who are invited themselves.
    """
    meetings = session.scalars(
        select(Meeting)
        .where(Meeting.held_on >= today)
        .order_by(Meeting.held_on, Meeting.id)
        .limit(SHOWN)
    ).all()
    if not meetings or not is_invited(by.roles):
        return [Planned(meeting, []) for meeting in meetings]
    invited = select(Membership.user_id).where(Membership.role.in_(INVITED))
    absences = session.scalars(
        select(Absence)
        .where(Absence.cancelled_at.is_(None), Absence.user_id.in_(invited))
        .where(Absence.last_on >= meetings[0].held_on, Absence.first_on <= meetings[-1].held_on)
        .options(joinedload(Absence.user), joinedload(Absence.substitute))
        .order_by(Absence.first_on, Absence.id)
    ).all()
    return [
        Planned(
            meeting, [one for one in absences if one.first_on <= meeting.held_on <= one.last_on]
        )
        for meeting in meetings
    ]


def held(
    session: Session, *, today: dt.date, older_than: int | None, newer_than: int | None
) -> Piece[Meeting]:
    """Return a page of the meetings before `today`, the last first.

    It goes on from the meeting with the id `older_than`, or ends before `newer_than`.
    """
    query = select(Meeting).where(Meeting.held_on < today)
    place = tuple_(Meeting.held_on, Meeting.id)
    edge = session.get(Meeting, older_than or newer_than or 0)
    if edge is not None and newer_than is not None:
        query = query.where(place > (edge.held_on, edge.id)).order_by(Meeting.held_on, Meeting.id)
    else:
        if edge is not None:
            query = query.where(place < (edge.held_on, edge.id))
        query = query.order_by(Meeting.held_on.desc(), Meeting.id.desc())
    return piece(
        session.scalars(query.limit(PAGE_SIZE + 1)),
        size=PAGE_SIZE,
        first=edge is None,
        backwards=edge is not None and newer_than is not None,
    )


def within(session: Session, *, first: dt.date, last: dt.date) -> Sequence[Meeting]:
    """Return the meetings of the days `first` to `last` that were not called off."""
    return session.scalars(
        select(Meeting)
        .where(Meeting.held_on.between(first, last), Meeting.cancelled_at.is_(None))
        .order_by(Meeting.held_on, Meeting.id)
        .limit(SHOWN)
    ).all()


def get(session: Session, *, meeting_id: int) -> Meeting:
    """Return a meeting that has not been called off; raises NotFoundError."""
    meeting = session.get(Meeting, min(meeting_id, LARGEST_ID))
    if meeting is None or meeting.cancelled_at is not None:
        raise NotFoundError("no_such_meeting")
    return meeting


def facts_of(meeting: Meeting) -> Facts:
    """Return what is said of `meeting` now."""
    return Facts(held_on=meeting.held_on, title=meeting.title, place=meeting.place)


def add(session: Session, *, by: Person, facts: Facts, now: dt.datetime, today: dt.date) -> Meeting:
    """Enter a meeting; raises InvalidError at `held_on`, ForbiddenError."""
    require_coordinator(by)
    _check_day(facts.held_on, today)
    meeting = Meeting(**asdict(facts), created_at=now, changed_at=now)
    session.add(meeting)
    session.flush()
    _record(session, by, "meeting.added", meeting, after=asdict(facts))
    return meeting


def edit(
    session: Session,
    *,
    by: Person,
    meeting_id: int,
    facts: Facts,
    seen: int,
    now: dt.datetime,
    today: dt.date,
) -> Meeting:
    """Change the version of a meeting that the person has `seen`.

    Raises ConflictError where somebody else has changed it since, InvalidError at `held_on`.
    """
    require_coordinator(by)
    meeting = get(session, meeting_id=meeting_id)
    if meeting.version != seen:
        raise ConflictError("changed_meanwhile")
    before = facts_of(meeting)
    if facts == before:
        return meeting
    if facts.held_on != before.held_on:
        _check_day(facts.held_on, today)
    meeting.held_on, meeting.title, meeting.place = facts.held_on, facts.title, facts.place
    meeting.changed_at = now
    session.flush()
    _record(session, by, "meeting.edited", meeting, before=asdict(before), after=asdict(facts))
    return meeting


def call_off(session: Session, *, by: Person, meeting_id: int, now: dt.datetime) -> Meeting:
    """Call a meeting off; it stays in the list, and in calendars as called off."""
    require_coordinator(by)
    meeting = get(session, meeting_id=meeting_id)
    meeting.cancelled_at = meeting.changed_at = now
    session.flush()
    _record(session, by, "meeting.called_off", meeting)
    return meeting


def _check_day(day: dt.date, today: dt.date) -> None:
    if day < today:
        raise InvalidError("held_on", "date_past")
    if day.year > today.year + YEARS_AHEAD:
        raise InvalidError("held_on", "date_too_far", year=today.year + YEARS_AHEAD)


def _record(session: Session, by: Person, action: str, meeting: Meeting, **details: Any) -> None:
    audit.record(session, by=by, action=action, entity="meeting", entity_id=meeting.id, **details)
