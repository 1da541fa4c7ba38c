"""Moving a deadline: asked for by the owner's side with a reason, decided by the secretariat."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from tracker.clock import local_date
from tracker.db import first, prepared
from tracker.domain.calendar import due_date
from tracker.domain.errors import ConflictError, ForbiddenError, InvalidError
from tracker.domain.roles import Person
from tracker.domain.status import FINISHED, Channel, Precision, Status
from tracker.domain.updates import Author, check_new_deadline, check_text
from tracker.models import DeadlineChange, Task
from tracker.services import audit, reminders, tasks
from tracker.services.tasks import require_coordinator, speaks_for_owner


def pending(session: Session, *, task_id: int) -> DeadlineChange | None:
    """Return the request that waits to be decided, if any, and who made it."""
    return first(session, *_pending(task_id=task_id))


@prepared
def _pending(*, task_id: int) -> Select[DeadlineChange]:
    return (
        select(DeadlineChange)
        .where(DeadlineChange.task_id == task_id, DeadlineChange.outcome.is_(None))
        .options(joinedload(DeadlineChange.requested_by))
    )


def askable(session: Session, *, by: Person, task_id: int, lock: bool = False) -> Task:
    """Return the task (locked if `lock`), for which `by` may ask for a new deadline.

    Raises ForbiddenError for others than the owner's side, ConflictError where it is done.
    """
    task = (tasks.lock if lock else tasks.get)(session, by=by, task_id=task_id)
    _require_owner_side(by, task)
    if task.status == Status.REPORTED_DONE or task.status in FINISHED:
        raise ConflictError("illegal_step")
    return task


def request(
    session: Session,
    *,
    by: Person,
    task_id: int,
    new: dt.date,
    precision: Precision,
    reason: str,
    now: dt.datetime,
    timezone: str,
) -> DeadlineChange:
    """Ask for the deadline `new`, given by any day of its period.

    Raises ConflictError where a request already waits, or the task is done or finished.
    """
    task = askable(session, by=by, task_id=task_id, lock=True)
    if pending(session, task_id=task_id) is not None:
        raise ConflictError("deadline_already_asked")
    if not reason:
        raise InvalidError("reason", "say_why_deadline")
    check_text("reason", reason)
    new = due_date(new, precision)
    check_new_deadline("new_deadline", new, present=task.deadline, today=local_date(now, timezone))
    return ask(
        session,
        task=task,
        by=Author(person=by),
        new=new,
        precision=precision,
        reason=reason,
        now=now,
        timezone=timezone,
    )


def ask(
    session: Session,
    *,
    task: Task,
    by: Author,
    new: dt.date,
    precision: Precision = Precision.DAY,
    reason: str,
    now: dt.datetime,
    timezone: str,
) -> DeadlineChange:
    """Add a request, already found to be in order, for the locked `task`."""
    change = DeadlineChange(
        task_id=task.id,
        old_deadline=task.deadline,
        old_precision=task.deadline_precision,
        new_deadline=new,
        new_precision=precision,
        reason=reason,
        requested_by_id=by.user_id,
        requested_as=by.stated_name or None,
        requested_at=now,
    )
    session.add(change)
    task.changed_at = now
    session.flush()
    audit.record(
        session,
        by=by.person,
        action="deadline.requested",
        entity="task",
        entity_id=task.id,
        before={"deadline": task.deadline},
        after={"change": change.id, "deadline": new, "precision": precision, "reason": reason},
        through="link" if by.channel is Channel.EMAIL_LINK else None,
        rows=[change],
    )
    reminders.cancel_stale(session, task_id=task.id, now=now, timezone=timezone)
    return change


def decide(
    session: Session,
    *,
    by: Person,
    task_id: int,
    request_id: int,
    approve: bool,
    new: dt.date | None = None,
    precision: Precision = Precision.DAY,
    reason: str = "",
    now: dt.datetime,
    timezone: str,
) -> DeadlineChange:
    """Approve the request, with another date if `new` is given, or reject it with a reason.

    Raises ForbiddenError for all but the secretariat and for who asked, and ConflictError where
    that request no longer waits.
    """
    require_coordinator(by)
    task = tasks.lock(session, by=by, task_id=task_id)
    change = pending(session, task_id=task_id)
    if change is None or change.id != request_id:
        raise ConflictError("deadline_decided_meanwhile")
    if change.requested_by_id == by.user_id:
        raise ForbiddenError("own_deadline_request")
    check_text("reason", reason)
    asked = {"deadline": change.new_deadline, "precision": change.new_precision}
    if not approve:
        if not reason:
            raise InvalidError("reason", "say_why_rejected")
    elif new is not None and (due_date(new, precision), precision) != (
        change.new_deadline,
        change.new_precision,
    ):
        new = due_date(new, precision)
        check_new_deadline(
            "new_deadline", new, present=task.deadline, today=local_date(now, timezone)
        )
        if not reason:
            raise InvalidError("reason", "say_why_other_date")
        change.new_deadline, change.new_precision = new, precision
    change.outcome = "approved" if approve else "rejected"
    change.decided_by_id, change.decided_at, change.decision_reason = by.user_id, now, reason
    before = {"deadline": task.deadline, "asked": asked}
    if approve:
        move(task, to=change.new_deadline, precision=change.new_precision)
    task.changed_at = now
    session.flush()
    audit.record(
        session,
        by=by,
        action=f"deadline.{change.outcome}",
        entity="task",
        entity_id=task.id,
        before=before,
        after={"change": change.id, "deadline": task.deadline, "reason": reason},
        rows=[change],
    )
    reminders.cancel_stale(session, task_id=task_id, now=now, timezone=timezone)
    return change


def withdraw(
    session: Session, *, by: Person, task_id: int, now: dt.datetime, timezone: str
) -> None:
    """Take back the request that waits; raises ConflictError where there is none."""
    task = tasks.lock(session, by=by, task_id=task_id)
    _require_owner_side(by, task)
    if not lapse(session, task=task, by=by, now=now, timezone=timezone):
        raise ConflictError("deadline_decided_meanwhile")


def lapse(session: Session, *, task: Task, by: Person, now: dt.datetime, timezone: str) -> bool:
    """End the request of the locked `task` undecided; return whether there was one.

    It falls away with the task itself, when that is closed or dropped.
    """
    change = pending(session, task_id=task.id)
    if change is None:
        return False
    change.outcome, change.decided_by_id, change.decided_at = "withdrawn", by.user_id, now
    task.changed_at = now
    session.flush()
    audit.record(
        session,
        by=by,
        action="deadline.withdrawn",
        entity="task",
        entity_id=task.id,
        after={"change": change.id},
        rows=[change],
    )
    reminders.cancel_stale(session, task_id=task.id, now=now, timezone=timezone)
    return True


def move(task: Task, *, to: dt.date | None, precision: str | None) -> None:
    """Set the deadline of the locked `task`; the first one it ever has is kept as the original.

    A new series of reminders begins. `to` is the last day of its period; None: settled as none.
    """
    task.deadline, task.deadline_precision = to, precision
    task.deadline_none_on = None
    if task.original_deadline is None:
        task.original_deadline, task.original_precision = to, precision
    task.series += 1


def _require_owner_side(by: Person, task: Task) -> None:
    if not speaks_for_owner(by, task=task):
        raise ForbiddenError("not_your_task")
