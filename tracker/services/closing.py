"""Ending a task and taking that back. Reporting done and closing are two people's work."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from tracker.domain.errors import ForbiddenError, InvalidError
from tracker.domain.roles import Person, may_decide_for
from tracker.domain.status import Status
from tracker.domain.updates import Author, Step, after_step, check_text
from tracker.models import StatusUpdate, Task
from tracker.services import deadlines, ledger, tasks
from tracker.services.tasks import require_coordinator


def report_of(session: Session, *, task: Task) -> StatusUpdate | None:
    """Return the update that reported `task` done, where that waits to be confirmed."""
    if task.status != Status.REPORTED_DONE:
        return None
    latest = ledger.latest(session, task_id=task.id)
    return latest if latest and latest.status_after == Status.REPORTED_DONE else None


def may_decide(by: Person, *, task: Task, report: StatusUpdate | None) -> bool:
    """Return whether `by` may confirm what was reported, or send it back."""
    if report is None:
        return may_decide_for(by, reported_by=None, owner_id=task.owner_id)
    # The task may have got another owner since, but those who reported it stay who they are.
    return report.actor_id not in by.actor_ids and may_decide_for(
        by, reported_by=report.user_id, owner_id=task.owner_id
    )


def ready(session: Session, *, by: Person, task_id: int, step: Step, lock: bool = False) -> Task:
    """Return the task (locked if `lock`) for which `by` may take `step` now.

    Raises ForbiddenError where somebody else has to, ConflictError where its status forbids it.
    """
    if step is not Step.TAKE_BACK:
        require_coordinator(by)
    find = tasks.lock if lock else tasks.get
    task = find(session, by=by, task_id=task_id)
    if step is Step.TAKE_BACK and not tasks.speaks_for_owner(by, task=task):
        raise ForbiddenError("not_your_task")
    after_step(step, Status(task.status) if task.status else None)
    if step in {Step.CONFIRM, Step.SEND_BACK} and not may_decide(
        by, task=task, report=report_of(session, task=task)
    ):
        raise ForbiddenError("own_report")
    return task


def confirm(
    session: Session,
    *,
    by: Person,
    task_id: int,
    comment: str = "",
    now: dt.datetime,
    timezone: str,
) -> StatusUpdate:
    """Close what was reported done.

    Raises ForbiddenError for who reported it and for anybody of the same actor, ConflictError
    where nothing waits to be confirmed.
    """
    task = ready(session, by=by, task_id=task_id, step=Step.CONFIRM, lock=True)
    check_text("comment", comment)
    update = _append(session, task, by, Step.CONFIRM, comment=comment, now=now, timezone=timezone)
    deadlines.lapse(session, task=task, by=by, now=now, timezone=timezone)
    return update


def send_back(
    session: Session, *, by: Person, task_id: int, reason: str, now: dt.datetime, timezone: str
) -> StatusUpdate:
    """Send what was reported done back to work, with the reason; raises like `confirm`."""
    task = ready(session, by=by, task_id=task_id, step=Step.SEND_BACK, lock=True)
    _require(reason, "reason", "say_why")
    return _append(session, task, by, Step.SEND_BACK, comment=reason, now=now, timezone=timezone)


def take_back(
    session: Session, *, by: Person, task_id: int, reason: str = "", now: dt.datetime, timezone: str
) -> StatusUpdate:
    """Take back the report before it is decided; raises ForbiddenError for other than the owner."""
    task = ready(session, by=by, task_id=task_id, step=Step.TAKE_BACK, lock=True)
    check_text("reason", reason)
    return _append(
        session,
        task,
        by,
        Step.TAKE_BACK,
        comment=reason,
        now=now,
        timezone=timezone,
        actor_id=task.owner_id,
        is_answer=True,
        is_on_behalf=task.owner_id is not None and task.owner_id not in by.member_of,
    )


def reopen(
    session: Session, *, by: Person, task_id: int, reason: str, now: dt.datetime, timezone: str
) -> StatusUpdate:
    """Put a finished task back to work, with the reason; its reminders start afresh."""
    task = ready(session, by=by, task_id=task_id, step=Step.REOPEN, lock=True)
    _require(reason, "reason", "say_why")
    return _append(
        session,
        task,
        by,
        Step.REOPEN,
        comment=reason,
        now=now,
        timezone=timezone,
        is_reopening=True,
    )


def drop(
    session: Session,
    *,
    by: Person,
    task_id: int,
    reason: str,
    risk: str,
    now: dt.datetime,
    timezone: str,
) -> StatusUpdate:
    """Give a task up, with the reason and the risk of not doing it."""
    task = ready(session, by=by, task_id=task_id, step=Step.DROP, lock=True)
    _require(reason, "reason", "say_why")
    _require(risk, "risk", "say_risk")
    update = _append(
        session, task, by, Step.DROP, comment=reason, risk=risk, now=now, timezone=timezone
    )
    deadlines.lapse(session, task=task, by=by, now=now, timezone=timezone)
    return update


def _append(
    session: Session,
    task: Task,
    by: Person,
    step: Step,
    *,
    comment: str,
    now: dt.datetime,
    timezone: str,
    actor_id: int | None = None,
    **more: Any,
) -> StatusUpdate:
    return ledger.append(
        session,
        task=task,
        by=Author(person=by),
        actor_id=actor_id,
        action=f"task.{step}",
        now=now,
        timezone=timezone,
        status=after_step(step, Status(task.status) if task.status else None),
        comment=comment,
        **more,
    )


def _require(text: str, field: str, code: str) -> None:
    if not text:
        raise InvalidError(field, code)
    check_text(field, text)
