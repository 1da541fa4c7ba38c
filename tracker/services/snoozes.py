"""Pauses of reminders: one person, one task, until a day, for a reason that others can read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from tracker.db import objects, prepared
from tracker.domain.errors import ForbiddenError, InvalidError
from tracker.domain.roles import Person
from tracker.models import Snooze, Task
from tracker.models.tasks import OPEN
from tracker.services import audit, ledger, reminders, tasks
from tracker.services.tasks import visible_to

LONGEST: Final = dt.timedelta(days=90)
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Paused:
    """The pauses of open tasks, a few of them, and their number."""

    snoozes: Sequence[tuple[Snooze, Task]]
    total: int


def of_task(session: Session, *, task_id: int, today: dt.date) -> Sequence[Snooze]:
    """Return who has paused reminders about a task, the first to end first."""
    return objects(session, *_of_task(task_id=task_id, today=today))


@prepared
def _of_task(*, task_id: int, today: dt.date) -> Select[Snooze]:
    return (
        select(Snooze)
        .where(Snooze.task_id == task_id, Snooze.ended_at.is_(None), Snooze.until > today)
        .options(joinedload(Snooze.user))
        .order_by(Snooze.until, Snooze.id)
    )


def current(session: Session, *, by: Person, today: dt.date) -> Paused:
    """Return the pauses in force, a few and their number, for the forum to see."""
    rows = session.execute(*_current(visible_to(by), today=today)).all()
    return Paused([(snooze, task) for snooze, task, _ in rows], rows[0][2] if rows else 0)


@prepared
def _current(visible: Select[Task], *, today: dt.date) -> Select[Snooze, Task, int]:
    return (
        visible.join(Snooze, Snooze.task_id == Task.id)
        .join(Snooze.user)
        .where(OPEN, Snooze.ended_at.is_(None), Snooze.until > today)
        .with_only_columns(Snooze, Task, func.count().over())
        .options(contains_eager(Snooze.user))
        .order_by(Snooze.until, Snooze.id)
        .limit(SHOWN)
    )


def may_pause(session: Session, *, by: Person, task: Task) -> bool:
    """Return whether `by` may get reminders about the task, and so may pause them."""
    if task.responsible_id == by.user_id or by.is_coordinator:
        return True
    return not by.lead_of.isdisjoint(
        {task.owner_id, *ledger.contributors(session, task_id=task.id)}
    )


def pause(
    session: Session,
    *,
    by: Person,
    task_id: int,
    until: dt.date,
    reason: str,
    now: dt.datetime,
    today: dt.date,
    timezone: str,
) -> Snooze:
    """Keep reminders about a task from `by` until the day `until`; a new pause ends the old one.

    Raises NotFoundError, ForbiddenError, or InvalidError at `until` or `reason`.
    """
    task = tasks.lock(session, by=by, task_id=task_id)
    if not may_pause(session, by=by, task=task):
        raise ForbiddenError("not_your_task")
    if until <= today:
        raise InvalidError("until", "look_again_past")
    if until > today + LONGEST:
        raise InvalidError("until", "pause_too_long", most=LONGEST.days)
    if not reason:
        raise InvalidError("reason", "say_why")
    _end(session, by, task_id, now)
    snooze = Snooze(task_id=task_id, user_id=by.user_id, until=until, reason=reason, created_at=now)
    session.add(snooze)
    session.flush()
    audit.record(
        session,
        by=by,
        action="reminders.paused",
        entity="task",
        entity_id=task_id,
        after={"until": until, "reason": reason},
    )
    reminders.cancel_stale(session, task_id=task_id, now=now, timezone=timezone)
    return snooze


def resume(session: Session, *, by: Person, task_id: int, now: dt.datetime) -> bool:
    """Take one's own pause back; return whether there was one."""
    tasks.lock(session, by=by, task_id=task_id)
    if not _end(session, by, task_id, now):
        return False
    audit.record(session, by=by, action="reminders.resumed", entity="task", entity_id=task_id)
    return True


def _end(session: Session, by: Person, task_id: int, now: dt.datetime) -> bool:
    own = session.scalar(
        select(Snooze).where(
            Snooze.task_id == task_id, Snooze.user_id == by.user_id, Snooze.ended_at.is_(None)
        )
    )
    if own is None:
        return False
    own.ended_at = now
    session.flush()
    return True
