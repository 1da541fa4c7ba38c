"""Whom reminders concern and who has been told, as conditions on tasks.

They say in SQL what `People` in `tracker.domain.reminder_facts` says.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Exists, String, and_, cast, exists, func, or_, select, true
from sqlalchemy.orm import Session

from tracker.domain.reminder_facts import Audience
from tracker.domain.reminders import ONE_SERIES
from tracker.domain.roles import Role
from tracker.models import Actor, DeadlineChange, Membership, Reminder, StatusUpdate, Task, User
from tracker.services.reminder_facts import REACHABLE

Condition: TypeAlias = ColumnElement[bool]
Words: TypeAlias = str | ColumnElement[str]

_REACHABLE = select(User.id).where(REACHABLE)
# Not the column itself: SQLite would look up everybody who can be reached, for each task.
_MEMBER = func.coalesce(Membership.user_id, 0)
_UNREACHABLE = select(User.id).where(~REACHABLE)
NO_PERSON = or_(Task.responsible_id.is_(None), Task.responsible_id.in_(_UNREACHABLE))
"""True of a task without a responsible person who can be reached."""

HAS_STAND_IN = or_(
    exists()
    .where(Membership.actor_id == Task.owner_id, Membership.role == Role.LEAD)
    .where(User.id == Membership.user_id, REACHABLE)
    .correlate(Task),
    exists()
    .where(Actor.id == Task.owner_id, Actor.email.is_not(None), Actor.email_failed_at.is_(None))
    .correlate(Task),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """Some of those who get mail."""

    user_ids: Collection[int]
    mailboxes: Collection[int] = ()
    """Actors whose shared mailbox is meant."""
    lead_of: Collection[int] = ()
    """Actors of which one of them is a lead."""
    coordinating: bool = False
    """Whether one of them is a coordinator."""


def receivers(
    session: Session, *, user_ids: Collection[int], mailboxes: Collection[int] = ()
) -> Receivers:
    """Return these people, with the roles in which they get mail, and these actors' mailboxes."""
    roles = session.execute(
        select(Membership.role, Membership.actor_id).where(
            Membership.user_id.in_(user_ids), Membership.role.in_([Role.LEAD, Role.COORDINATOR])
        )
    ).all()
    return Receivers(
        user_ids=user_ids,
        mailboxes=mailboxes,
        lead_of={actor_id for role, actor_id in roles if role == Role.LEAD and actor_id},
        coordinating=any(role == Role.COORDINATOR for role, _ in roles),
    )


class Concerned:
    """Who of some receivers is reminded of a task in which capacity.

    Each function gives the conditions on tasks, any of which is enough; none: nobody. They take
    the column of the owner, or a copy of it.
    """

    def __init__(self, receivers: Receivers | None) -> None:
        """Take the receivers that are meant; None: everybody."""
        self._receivers = receivers

    def to_owner(self, owner: Any) -> list[Condition]:
        """Return the conditions under which the owner's side is, or who stands in."""
        wanted = self._receivers
        if wanted is None:
            return [true()]
        found: list[Condition] = [Task.responsible_id.in_(wanted.user_ids)]
        actors = {*wanted.lead_of, *wanted.mailboxes}
        if actors:
            found.append(and_(owner.in_(actors), NO_PERSON))
        if wanted.coordinating:
            found.append(and_(NO_PERSON, ~HAS_STAND_IN))
        return found

    def to_leads(self, owner: Any) -> list[Condition]:
        """Return the conditions under which a lead of the owner is."""
        wanted = self._receivers
        if wanted is None:
            return [true()]
        return [owner.in_(wanted.lead_of)] if wanted.lead_of else []

    def to_coordinators(self, _owner: Any) -> list[Condition]:
        """Return the conditions under which the secretariat is."""
        wanted = self._receivers
        return [true()] if wanted is None or wanted.coordinating else []

    def to_anybody(self, owner: Any) -> list[Condition]:
        """Return the conditions under which anybody is."""
        if self._receivers is None:
            return [true()]
        return [*self.to_owner(owner), *self.to_leads(owner), *self.to_coordinators(owner)]

    def to_author(self, _owner: Any) -> list[Condition]:
        """Return the conditions under which who asked for a new deadline is."""
        wanted = self._receivers
        author = DeadlineChange.requested_by_id
        return [author.is_not(None) if wanted is None else author.in_(wanted.user_ids)]


def planned(
    audience: Audience,
    step: Words,
    occurrence: Words,
    user_id: Any,
    series: Any = ONE_SERIES,
) -> Exists:
    """Return the condition under which a person has been planned to get this."""
    return (
        exists()
        .where(
            Reminder.task_id == Task.id,
            Reminder.series == series,
            Reminder.audience == audience,
            Reminder.step == step,
            Reminder.occurrence == occurrence,
            Reminder.addressee == "user:" + cast(user_id, String),
            Reminder.state != "cancelled",
        )
        .correlate(Task, StatusUpdate, DeadlineChange, Membership)
    )


def planned_for_person(step: Words, occurrence: Words, series: Any = ONE_SERIES) -> Condition:
    """Return the condition under which the responsible person, and so nobody else, gets this."""
    told = planned(Audience.RESPONSIBLE, step, occurrence, Task.responsible_id, series)
    return and_(Task.responsible_id.not_in(_UNREACHABLE), told)


def some(*conditions: Condition) -> Exists:
    """Return the condition under which there is such a person with such a role."""
    return exists().where(*conditions, _MEMBER.in_(_REACHABLE)).correlate(Task)


def some_other(*conditions: Condition) -> Exists:
    """Return the same for a person who is not responsible for the task."""
    return some(_MEMBER.is_distinct_from(Task.responsible_id), *conditions)
