"""When people are away, and who gets their reminders meanwhile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from tracker.db import first, objects, prepared
from tracker.domain.absences import Away, is_circular
from tracker.domain.errors import ForbiddenError, InvalidError, NotFoundError
from tracker.domain.roles import ACTOR_ROLES, Person, Role
from tracker.models import Absence, Meeting, Membership, Task, User
from tracker.models.tasks import OPEN
from tracker.services import audit, installation, meetings, privacy
from tracker.services.tasks import LARGEST_ID, visible_to

FURTHEST: Final = dt.timedelta(days=366)
"""So far ahead an absence may begin, and so long it may last."""
SHOWN: Final = 20
DUE_SHOWN: Final = 100
"""Deadlines in all absences ahead."""
SOON: Final = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Collision:
    """What falls into an absence."""

    absence: Absence
    tasks: Sequence[Task]
    """Those with a deadline in it that the person is responsible for."""
    meetings: Sequence[Meeting]
    """The forum's, where the person is invited."""
    of_substitute: Sequence[Absence]
    """When the substitute is away too."""


def user(session: Session, *, by: Person, user_id: int) -> User:
    """Return the person whose absences `by` may see and change.

    Raises NotFoundError, or ForbiddenError unless it is `by`, a lead of the person's actor (not of
    the secretariat's or administrator's people), the secretariat or the administrator.
    """
    found = session.scalar(
        select(User)
        .where(User.id == min(user_id, LARGEST_ID))
        .options(selectinload(User.memberships).joinedload(Membership.actor))
    )
    if found is None:
        raise NotFoundError("no_such_person")
    if not _may_manage(by, found):
        raise ForbiddenError("not_for_your_role")
    return found


def coming(session: Session, *, user_id: int, today: dt.date) -> Sequence[Absence]:
    """Return the absences of a person that have not ended, the next first."""
    return session.scalars(
        _lasting()
        .where(Absence.user_id == user_id, Absence.last_on >= today)
        .options(joinedload(Absence.substitute))
        .order_by(Absence.first_on, Absence.id)
        .limit(SHOWN)
    ).all()


def soon(session: Session, *, by: Person, user_id: int | None, today: dt.date) -> Absence | None:
    """Return the absence of a person that is or begins soon, to be shown beside their tasks.

    None too where `by` may not know of it.
    """
    who = privacy.values(by)
    return first(session, *_soon(user_id=user_id, today=today, soon=today + SOON, **who))


@prepared
def _soon(*, user_id: int | None, today: dt.date, soon: dt.date, **who: Any) -> Select[Absence]:
    known = or_(privacy.knows(person=Absence.user_id, **who), Absence.substitute_id == who["by_id"])
    return (
        _lasting()
        .where(Absence.user_id == user_id, Absence.last_on >= today, Absence.first_on <= soon)
        .where(known)
        .options(joinedload(Absence.user), joinedload(Absence.substitute))
        .order_by(Absence.first_on, Absence.id)
        .limit(1)
    )


def concerning(session: Session, *, by: Person, today: dt.date) -> Sequence[Absence]:
    """Return when `by` is away or stands in for somebody, now or soon, the first to begin first."""
    return objects(session, *_concerning(user_id=by.user_id, today=today, soon=today + SOON))


@prepared
def _concerning(*, user_id: int, today: dt.date, soon: dt.date) -> Select[Absence]:
    return (
        _lasting()
        .where(or_(Absence.user_id == user_id, Absence.substitute_id == user_id))
        .where(Absence.last_on >= today, Absence.first_on <= soon)
        .options(joinedload(Absence.user), joinedload(Absence.substitute))
        .order_by(Absence.first_on, Absence.id)
        .limit(SHOWN)
    )


def collisions(
    session: Session, *, by: Person, user: User, absences: Sequence[Absence]
) -> list[Collision]:
    """Return the deadlines and meetings that fall into each absence of `user`, a few of each."""
    if not absences:
        return []
    first_on, last_on = absences[0].first_on, max(one.last_on for one in absences)
    tasks = session.scalars(_due_in(by, user, absences)).all()
    others: Sequence[Meeting] = ()
    if meetings.is_invited({one.role for one in user.memberships}):
        others = meetings.within(session, first=first_on, last=last_on)
    of_substitutes = session.scalars(
        _lasting()
        .where(Absence.user_id.in_({one.substitute_id for one in absences}))
        .where(Absence.first_on <= last_on, Absence.last_on >= first_on)
        .options(joinedload(Absence.substitute))
        .order_by(Absence.first_on, Absence.id)
    ).all()
    return [
        Collision(
            absence,
            [one for one in tasks if _falls_in(one.deadline_key, absence)],
            [one for one in others if _falls_in(one.held_on, absence)],
            [
                one
                for one in of_substitutes
                if one.user_id == absence.substitute_id
                and one.first_on <= absence.last_on
                and one.last_on >= absence.first_on
            ],
        )
        for absence in absences
    ]


def _falls_in(day: dt.date, absence: Absence) -> bool:
    return absence.first_on <= day <= absence.last_on


def substitutes(session: Session, *, user: User) -> Sequence[User]:
    """Return who may stand in for a person, by name: colleagues, for a coordinator another."""
    if any(one.role == Role.COORDINATOR for one in user.memberships):
        # Nobody else can decide what waits for the secretariat.
        fits = Membership.role == Role.COORDINATOR
    else:
        actor_ids = [one.actor_id for one in user.memberships if one.actor_id is not None]
        at_work = Membership.role.in_([Role.MEMBER, Role.LEAD])
        fits = and_(Membership.actor_id.in_(actor_ids), at_work)
    return session.scalars(
        select(User)
        .where(User.active, User.id != user.id, User.memberships.any(fits))
        .order_by(User.name, User.id)
    ).all()


def add(
    session: Session,
    *,
    by: Person,
    user: User,
    first_on: dt.date,
    last_on: dt.date,
    substitute_id: int | None,
    now: dt.datetime,
    today: dt.date,
) -> Absence:
    """Note that `user` is away; raises InvalidError at `first_on`, `last_on` or `substitute_id`."""
    if not _may_manage(by, user):
        raise ForbiddenError("not_for_your_role")
    if last_on < first_on:
        raise InvalidError("last_on", "absence_ends_before_start")
    if last_on < today:
        raise InvalidError("last_on", "absence_is_over")
    if first_on > today + FURTHEST:
        raise InvalidError("first_on", "absence_too_far")
    if last_on > first_on + FURTHEST:
        raise InvalidError("last_on", "absence_too_long")
    # One at a time, so that no two absences entered at once make a circle.
    installation.lock(session)
    others = session.scalars(
        _lasting().where(Absence.last_on >= first_on, Absence.first_on <= last_on)
    ).all()
    if any(other.user_id == user.id for other in others):
        raise InvalidError("first_on", "absence_overlaps")
    if substitute_id is not None:
        _check_substitute(session, user, substitute_id)
        new = Away(user.id, first_on, last_on, substitute_id)
        if is_circular(new, map(_away, others)):
            raise InvalidError("substitute_id", "substitutes_in_circle")
    absence = Absence(
        user_id=user.id,
        first_on=first_on,
        last_on=last_on,
        substitute_id=substitute_id,
        created_at=now,
        created_by_id=by.user_id,
    )
    session.add(absence)
    session.flush()
    after = {"first_on": first_on, "last_on": last_on, "substitute_id": substitute_id}
    _record(session, by, "absence.added", user.id, after=after)
    return absence


def cancel(session: Session, *, by: Person, absence_id: int, now: dt.datetime) -> Absence:
    """End an absence, or take it back; raises NotFoundError where there is no such one."""
    absence = session.get(Absence, min(absence_id, LARGEST_ID))
    if absence is None or absence.cancelled_at is not None:
        raise NotFoundError("no_such_absence")
    user(session, by=by, user_id=absence.user_id)
    absence.cancelled_at = now
    before = {"first_on": absence.first_on, "last_on": absence.last_on}
    _record(session, by, "absence.cancelled", absence.user_id, before=before)
    return absence


def of_day(session: Session, *, day: dt.date) -> dict[int, Away]:
    """Return who is away on the local date `day`, by person."""
    return {one.user_id: one for one in within(session, first=day, last=day)}


def within(session: Session, *, first: dt.date, last: dt.date) -> list[Away]:
    """Return who is away on some of the local dates `first` to `last`."""
    rows = session.execute(
        select(Absence.user_id, Absence.first_on, Absence.last_on, Absence.substitute_id)
        .where(Absence.cancelled_at.is_(None))
        .where(Absence.first_on <= last, Absence.last_on >= first)
        .order_by(Absence.id)
    )
    return [Away(*row) for row in rows]


def stood_in_for(session: Session, *, user_ids: Collection[int], from_on: dt.date) -> set[int]:
    """Return whose mail may come to one of these people from a day on, in however many steps."""
    rows = session.execute(
        select(Absence.substitute_id, Absence.user_id)
        .where(Absence.cancelled_at.is_(None), Absence.last_on >= from_on)
        .order_by(Absence.id)
    ).all()
    found, new = set[int](), set(user_ids)
    while new:
        new = {absent for substitute, absent in rows if substitute in new} - found
        found |= new
    return found - set(user_ids)


def _lasting() -> Select[Absence]:
    return select(Absence).where(Absence.cancelled_at.is_(None))


def _due_in(by: Person, user: User, absences: Sequence[Absence]) -> Select[Task]:
    during = (Task.deadline_key.between(one.first_on, one.last_on) for one in absences)
    return (
        visible_to(by)
        .where(OPEN, Task.responsible_id == user.id, or_(*during))
        .order_by(Task.deadline_key, Task.id)
        .limit(DUE_SHOWN)
    )


def _may_manage(by: Person, user: User) -> bool:
    if by.user_id == user.id or by.is_admin or by.is_coordinator:
        return True
    # A lead speaks for those who work for the actor, and not for whoever runs things besides.
    if any(one.role in {Role.COORDINATOR, Role.ADMIN} for one in user.memberships):
        return False
    return any(one.actor_id in by.lead_of for one in user.memberships if one.role in ACTOR_ROLES)


def _check_substitute(session: Session, user: User, substitute_id: int) -> None:
    if substitute_id not in {one.id for one in substitutes(session, user=user)}:
        raise InvalidError("substitute_id", "no_such_substitute")


def _away(absence: Absence) -> Away:
    return Away(absence.user_id, absence.first_on, absence.last_on, absence.substitute_id)


def _record(session: Session, by: Person, action: str, user_id: int, **details: object) -> None:
    audit.record(session, by=by, action=action, entity="user", entity_id=user_id, **details)  # type: ignore[arg-type]
