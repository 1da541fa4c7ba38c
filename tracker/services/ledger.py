"""Where status updates are appended: the one place that keeps a task's columns in line with them.

A task's status, assessment, date to look again and time of the last update say in columns what its
updates say in rows, so that lists and reminders need not read the rows.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from tracker.db import first, objects, prepared
from tracker.domain.status import Channel, Status
from tracker.domain.updates import Author
from tracker.models import StatusUpdate, Task, TaskContributor
from tracker.models.tasks import OPEN
from tracker.services import audit, reminders

_Later: Final = aliased(StatusUpdate)
DISOWNED: Final = and_(
    StatusUpdate.not_mine,
    StatusUpdate.actor_id == Task.owner_id,
    OPEN,
    # It waits until the task is given to somebody, or the owner's side answers after all.
    or_(Task.assigned_at.is_(None), Task.assigned_at < StatusUpdate.created_at),
    ~exists().where(
        _Later.task_id == Task.id,
        _Later.id > StatusUpdate.id,
        _Later.actor_id == StatusUpdate.actor_id,
    ),
)
"""Of an update joined with its task: the owner's side has said that it is somebody else's."""


def contributors(session: Session, *, task_id: int) -> frozenset[int]:
    """Return the ids of the actors that contribute to the task."""
    return frozenset(objects(session, *_contributors(task_id=task_id)))


def latest(
    session: Session, *, task_id: int, contributor_id: int | None = None
) -> StatusUpdate | None:
    """Return the last word about the task itself, or a contributor's about its own part."""
    if contributor_id is None:
        return first(session, *_latest(task_id=task_id))
    return first(session, *_latest_of_contributor(task_id=task_id, contributor_id=contributor_id))


@prepared
def _contributors(*, task_id: int) -> Select[int]:
    return (
        select(TaskContributor.actor_id)
        .where(TaskContributor.task_id == task_id)
        .order_by(TaskContributor.actor_id)
    )


@prepared
def _latest(*, task_id: int) -> Select[StatusUpdate]:
    return _newest_first(task_id).where(StatusUpdate.as_contributor.is_(False))


@prepared
def _latest_of_contributor(*, task_id: int, contributor_id: int) -> Select[StatusUpdate]:
    return _newest_first(task_id).where(
        StatusUpdate.as_contributor, StatusUpdate.actor_id == contributor_id
    )


def _newest_first(task_id: int) -> Select[StatusUpdate]:
    return (
        select(StatusUpdate)
        .where(StatusUpdate.task_id == task_id, StatusUpdate.not_mine.is_(False))
        .options(joinedload(StatusUpdate.user), joinedload(StatusUpdate.actor))
        .order_by(StatusUpdate.id.desc())
        .limit(1)
    )


def append(
    session: Session,
    *,
    task: Task,
    by: Author,
    actor_id: int | None,
    action: str,
    now: dt.datetime,
    timezone: str,
    status: str | None,
    is_answer: bool = False,
    is_on_behalf: bool = False,
    is_reopening: bool = False,
    **said: Any,
) -> StatusUpdate:
    """Append an update that leaves the locked `task` in `status`, and audit it as `action`.

    `actor_id` is whom it speaks for; null for the secretariat's own decisions. An answer
    (`is_answer`) is the owner's word on how it goes, and only that counts as news. `said` are the
    other columns of the update.
    """
    before = _state(task)
    update = StatusUpdate(
        task_id=task.id,
        user_id=by.user_id,
        stated_name=by.stated_name or None,
        actor_id=actor_id,
        on_behalf=is_on_behalf,
        channel=by.channel,
        created_at=now,
        **({"status_before": task.status, "status_after": status, "evidence": []} | said),
    )
    session.add(update)
    if is_answer or status != task.status:
        task.look_again_on = said.get("look_again_on") if status == Status.ON_HOLD else None
    if status is not None:
        task.status, task.status_none_on = status, None
    if is_answer:
        task.assessment, task.last_update_at = said.get("assessment"), now
    if is_reopening:
        task.assessment = None
        task.series += 1
    task.changed_at = now
    session.flush()
    after = _state(task)
    changed = [name for name in after if after[name] != before[name]]
    words = {name: said[name] for name in ("comment", "risk") if said.get(name)}
    audit.record(
        session,
        by=by.person,
        action=action,
        entity="task",
        entity_id=task.id,
        before={name: before[name] for name in changed},
        after={"update": update.id} | {name: after[name] for name in changed} | words,
        through="link" if by.channel is Channel.EMAIL_LINK else None,
        rows=[update],
    )
    reminders.cancel_stale(session, task_id=task.id, now=now, timezone=timezone)
    return update


def _state(task: Task) -> dict[str, Any]:
    return {
        name: getattr(task, name) for name in ("status", "assessment", "look_again_on", "series")
    }
