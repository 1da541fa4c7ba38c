"""What has happened to a task: what was said, deadlines, and what people changed, as one story."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from tracker.db import columns, objects, prepared
from tracker.models import AuditDetails, AuditEvent, DeadlineChange, StatusUpdate, Task, User

SHOWN: Final = 20
"""Entries on the page itself; a link leads to all of them."""
CREATED: Final = "task.created"
ACTIONS: Final = (CREATED, "task.edited", "task.assigned", "task.settled")
"""Audit events that no status update and no deadline change tells of already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened; exactly one of `update`, `change` and `action` is there."""

    at: dt.datetime
    who: str | None
    """None: the system."""
    update: StatusUpdate | None = None
    was_corrected: bool = False
    """A later update replaces this one."""
    change: DeadlineChange | None = None
    is_decision: bool = False
    """The change was decided then; otherwise it was asked for."""
    action: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """The story of a task, newest first."""

    entries: Sequence[Entry]
    is_cut: bool
    """There is more than is shown."""


def of_task(
    session: Session, *, task: Task, changes: Sequence[DeadlineChange], everything: bool = False
) -> History:
    """Return what has happened to `task`; `changes` are all its deadline changes.

    Without `everything` only the newest entries. The number of queries is the same whatever the
    length.
    """
    limit = None if everything else SHOWN + 1
    entries = [
        *_updates(session, task.id, limit),
        *(entry for change in changes for entry in _deadline(change)),
        *_events(session, task, limit),
    ]
    entries.sort(key=lambda entry: entry.at, reverse=True)
    shown = entries if everything else entries[:SHOWN]
    return History(shown, is_cut=len(shown) < len(entries))


def _updates(session: Session, task_id: int, limit: int | None) -> list[Entry]:
    updates = objects(session, *_newest_updates(limit, task_id=task_id))
    corrected = {update.corrects_id for update in updates}
    return [_update(update, was_corrected=update.id in corrected) for update in updates]


@prepared
def _newest_updates(limit: int | None, *, task_id: int) -> Select[StatusUpdate]:
    return (
        select(StatusUpdate)
        .where(StatusUpdate.task_id == task_id)
        .options(
            joinedload(StatusUpdate.user),
            joinedload(StatusUpdate.actor),
            selectinload(StatusUpdate.evidence),
        )
        .order_by(StatusUpdate.id.desc())
        .limit(limit)
    )


def _update(update: StatusUpdate, *, was_corrected: bool) -> Entry:
    return Entry(
        at=update.created_at,
        who=update.user.name if update.user else update.stated_name,
        update=update,
        was_corrected=was_corrected,
    )


def _deadline(change: DeadlineChange) -> list[Entry]:
    asked = Entry(
        at=change.requested_at,
        who=change.requested_by.name if change.requested_by else change.requested_as,
        change=change,
    )
    if change.decided_at is None:
        return [asked]
    decided = Entry(
        at=change.decided_at,
        who=change.decided_by.name if change.decided_by else None,
        change=change,
        is_decision=True,
    )
    return [decided] if change.was_set_directly else [decided, asked]


def _events(session: Session, task: Task, limit: int | None) -> list[Entry]:
    rows = columns(session, *_newest_events(limit, task_id=task.id))
    return [
        Entry(
            # A demonstration makes older what was seeded before it; the audit log cannot follow.
            at=task.created_at if action == CREATED else at,
            who=name,
            action=action,
            # Emptied details: somebody's personal data was erased.
            before=(details or {}).get("before", {}),
            after=(details or {}).get("after", {}),
        )
        for at, action, details, name in rows
    ]


@prepared
def _newest_events(
    limit: int | None, *, task_id: int
) -> Select[dt.datetime, str, dict[str, Any] | None, str]:
    return (
        select(AuditEvent.at, AuditEvent.action, AuditDetails.details, User.name)
        .join(AuditDetails, AuditDetails.event_id == AuditEvent.id)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(
            AuditEvent.entity == "task",
            AuditEvent.entity_id == task_id,
            AuditEvent.action.in_(ACTIONS),
        )
        .order_by(AuditEvent.id.desc())
        .limit(limit)
    )
