"""Settling what nobody has decided yet: owner, responsible, deadline and status of tasks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy.orm import Session

from tracker import clock
from tracker.domain.calendar import due_date
from tracker.domain.errors import ConflictError, InvalidError
from tracker.domain.roles import Person
from tracker.domain.status import FINISHED, Precision, Status
from tracker.domain.updates import Author, check_new_deadline, check_text
from tracker.models import DeadlineChange, Task
from tracker.services import audit, deadlines, ledger, reminders, task_assign, tasks
from tracker.services.task_assign import NONE, Choice

AT_ONCE: Final = 200
"""Tasks that one decision may settle."""
STATUSES: Final = (Status.NOT_STARTED, Status.IN_PROGRESS, Status.ONGOING)
"""What an unsettled status may be settled as; the others are steps of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A deadline, given by any day of its period."""

    day: dt.date
    precision: Precision = Precision.DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is settled; None leaves a part as it is, `none` settles that there is to be none."""

    owner: Choice = None
    responsible: Choice = None
    deadline: Deadline | Literal["none"] | None = None
    status: Status | Literal["none"] | None = None
    reason: str = ""
    """What it builds on, such as the meeting that decided."""


def settle(
    session: Session,
    *,
    by: Person,
    task_ids: Collection[int],
    decision: Decision,
    now: dt.datetime,
    timezone: str,
) -> int:
    """Settle the parts that `decision` names of the tasks, and return how many tasks changed.

    Only what is unsettled changes: what somebody has settled meanwhile stays. Dates are those of
    `timezone` (IANA name). Raises InvalidError at the field that does not fit.
    """
    tasks.require_coordinator(by)
    if not task_ids:
        raise InvalidError("tasks", "no_task_chosen")
    if len(task_ids) > AT_ONCE:
        raise InvalidError("tasks", "too_many_tasks", most=AT_ONCE)
    chosen = [part for part in tasks.PARTS if getattr(decision, part) is not None]
    if not chosen:
        raise InvalidError("", "nothing_settled")
    _check_reason(decision.reason)
    count = 0
    for task_id in sorted(set(task_ids)):
        task = tasks.lock(session, by=by, task_id=task_id)
        settling = _Settling(session, by, task, decision, now, timezone)
        count += settling.run(chosen)
    return count


def set_deadline(
    session: Session,
    *,
    by: Person,
    task_id: int,
    deadline: Deadline | None,
    reason: str,
    now: dt.datetime,
    timezone: str,
) -> DeadlineChange:
    """Set another deadline without a request, or settle that there is to be none (None).

    Dates are those of `timezone` (IANA name). Raises InvalidError at `deadline` or `reason`,
    ConflictError where the task is finished, ForbiddenError for others than the secretariat.
    """
    tasks.require_coordinator(by)
    task = tasks.lock(session, by=by, task_id=task_id)
    if task.status in FINISHED:
        raise ConflictError("illegal_step")
    _check_reason(reason)
    change = _move(session, task, deadline, by=by, reason=reason, now=now, timezone=timezone)
    reminders.cancel_stale(session, task_id=task.id, now=now, timezone=timezone)
    return change


@dataclass(frozen=True, slots=True)
class _Settling:
    """One decision on one locked task."""

    session: Session
    by: Person
    task: Task
    decision: Decision
    now: dt.datetime
    timezone: str

    def run(self, chosen: Collection[str]) -> bool:
        """Settle what is chosen and open; return whether anything was."""
        before = self._readable()
        done = False
        for part in chosen:
            if part == "responsible":
                self._check_owner()
            # Asked anew each time: with an owner the question who is responsible arises.
            if part in tasks.unsettled_parts(self.task):
                getattr(self, f"_{part}")()
                done = True
        task_assign.finish(
            self.session,
            self.task,
            by=self.by,
            action="task.settled",
            before=before,
            after=self._readable(),
            now=self.now,
            timezone=self.timezone,
        )
        return done

    def _owner(self) -> None:
        task_assign.set_owner(
            self.session,
            self.task,
            self.decision.owner,
            by=self.by,
            now=self.now,
            timezone=self.timezone,
        )

    def _check_owner(self) -> None:
        # Left out in silence, the person would think that the responsible one is settled.
        if self.task.owner_id is None and self.task.owner_none_on is None:
            raise InvalidError("responsible", "owner_first", ref=self.task.ref)

    def _responsible(self) -> None:
        task_assign.set_responsible(
            self.session,
            self.task,
            self.decision.responsible,
            by=self.by,
            now=self.now,
            timezone=self.timezone,
        )

    def _deadline(self) -> None:
        wanted = self.decision.deadline
        _move(
            self.session,
            self.task,
            wanted if isinstance(wanted, Deadline) else None,
            by=self.by,
            reason=self.decision.reason,
            now=self.now,
            timezone=self.timezone,
        )

    def _status(self) -> None:
        status = self.decision.status
        if status == NONE:
            self.task.status_none_on = clock.local_date(self.now, self.timezone)
            return
        if status not in STATUSES:
            raise InvalidError("status", "illegal_step")
        ledger.append(
            self.session,
            task=self.task,
            by=Author(person=self.by),
            actor_id=None,
            action="status.settled",
            now=self.now,
            timezone=self.timezone,
            status=status,
            comment=self.decision.reason,
        )

    def _readable(self) -> dict[str, Any]:
        # Deadline and status have rows of their own; only that there is none is told here.
        return task_assign.readable(self.session, self.task) | {
            "status_none_on": self.task.status_none_on,
            "reason": self.decision.reason if self.task.status_none_on else None,
        }


def _check_reason(reason: str) -> None:
    if not reason:
        raise InvalidError("reason", "say_why")
    check_text("reason", reason)


def _move(
    session: Session,
    task: Task,
    deadline: Deadline | None,
    *,
    by: Person,
    reason: str,
    now: dt.datetime,
    timezone: str,
) -> DeadlineChange:
    """Write a change of the locked task's deadline that is decided as soon as it is made."""
    if deadlines.pending(session, task_id=task.id) is not None:
        raise InvalidError("deadline", "decide_request_first", ref=task.ref)
    today = clock.local_date(now, timezone)
    new = due_date(deadline.day, deadline.precision) if deadline else None
    if new is not None:
        check_new_deadline("deadline", new, present=task.deadline, today=today)
    elif task.deadline_none_on is not None:
        raise InvalidError("deadline", "deadline_same")
    change = DeadlineChange(
        task_id=task.id,
        old_deadline=task.deadline,
        old_precision=task.deadline_precision,
        new_deadline=new,
        new_precision=deadline.precision if deadline else None,
        reason=reason,
        requested_by_id=by.user_id,
        requested_at=now,
        outcome="approved",
        decided_by_id=by.user_id,
        decided_at=now,
    )
    session.add(change)
    before = {"deadline": task.deadline, "precision": task.deadline_precision}
    deadlines.move(task, to=new, precision=change.new_precision)
    task.deadline_none_on = None if deadline else today
    task.changed_at = now
    session.flush()
    audit.record(
        session,
        by=by,
        action="deadline.set",
        entity="task",
        entity_id=task.id,
        before=before,
        after={
            "change": change.id,
            "deadline": new,
            "precision": change.new_precision,
            "reason": reason,
        },
        rows=[change],
    )
    return change
