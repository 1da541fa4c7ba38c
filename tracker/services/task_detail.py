"""Everything that a task's page shows, and what the person may do about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from tracker.db import columns, first, objects, prepared
from tracker.domain.flags import Flag
from tracker.domain.roles import Person
from tracker.domain.rollup import Mismatch, mismatch
from tracker.domain.status import FINISHED, Kind, Status, answer_may_set
from tracker.domain.updates import Author, Side, Step, may_take
from tracker.models import (
    Actor,
    ContextNote,
    DeadlineChange,
    StatusUpdate,
    Task,
    TaskContext,
    TaskContributor,
    TaskGoal,
)
from tracker.services import closing, ledger, task_history, task_list, tasks
from tracker.services.progress import flag
from tracker.services.task_history import History
from tracker.services.task_list import TaskRow

RELATED: Final = 20
"""Measures, and tasks that serve a goal, on the page itself; a link leads to all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """An actor that contributes, with the last thing it said about its part."""

    actor_id: int
    name: str
    latest: StatusUpdate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class May:
    """What the reader may do; decides which links the page offers, not what is allowed."""

    update: bool
    ask_for_deadline: bool
    decide_deadline: bool
    confirm: bool
    take_back: bool
    reopen: bool
    drop: bool
    edit: bool
    assign: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A task with all that belongs to it."""

    task: Task
    flag: Flag | None
    unsettled: Sequence[str]
    contributors: Sequence[Contributor]
    measures: Sequence[TaskRow]
    counts: Mapping[str | None, int]
    """Number of measures of each status; None is unsettled."""
    mismatch: Mismatch | None
    goals: Sequence[TaskRow]
    """The goals that it serves."""
    serving: Sequence[TaskRow]
    """The tasks that serve it, where it is a goal."""
    serving_total: int
    context: Sequence[ContextNote]
    moves: Sequence[DeadlineChange]
    """How the deadline moved, newest first."""
    pending: DeadlineChange | None
    """The new deadline that waits to be decided."""
    disowned: StatusUpdate | None
    """The owner's last word, where that is that the task is somebody else's."""
    history: History
    may: May


def read(
    session: Session, *, by: Person, task_id: int, today: dt.date, whole_history: bool = False
) -> Detail:
    """Return the task's page; raises NotFoundError. `today` is local."""
    task = tasks.get(session, by=by, task_id=task_id)
    contributors = _contributors(session, task_id)
    changes = deadline_changes(session, task_id=task_id)
    pending = next((change for change in changes if change.outcome is None), None)
    visible = tasks.visible_to(by)
    # Nothing stands under a measure, and nothing but goals is served.
    counts: dict[str | None, int] = {}
    serving_total = 0
    if task.kind != Kind.MEASURE:
        counts = dict(columns(session, *_counts(visible, task_id=task_id)))
    if task.kind == Kind.GOAL:
        [[serving_total]] = columns(session, *_serving_count(visible, task_id=task_id))

    def listed(query: Select[*tuple[Any, ...]], values: dict[str, Any]) -> list[TaskRow]:
        return task_list.rows(session, query, values, by=by, today=today)

    history = task_history.of_task(session, task=task, changes=changes, everything=whole_history)
    return Detail(
        task=task,
        flag=flag(task, last_word_at=task.last_update_at, today=today),
        unsettled=tasks.unsettled_parts(task),
        contributors=contributors,
        measures=listed(*_measures(visible, task_id=task_id)) if counts else [],
        counts=counts,
        mismatch=mismatch(task.status, counts),
        goals=listed(*_goals(visible, task_id=task_id)),
        serving=listed(*_serving(visible, task_id=task_id)) if serving_total else [],
        serving_total=serving_total,
        context=objects(session, *_context(task_id=task_id)),
        moves=[c for c in changes if c.outcome == "approved" and c.old_deadline is not None],
        pending=pending,
        disowned=first(session, *_disowned(task_id=task_id)),
        history=history,
        may=_may(session, by, task, contributors, pending),
    )


def deadline_changes(session: Session, *, task_id: int) -> Sequence[DeadlineChange]:
    """Return all that was asked and decided about the task's deadline, newest first."""
    return objects(session, *_deadline_changes(task_id=task_id))


@prepared
def _deadline_changes(*, task_id: int) -> Select[DeadlineChange]:
    return (
        select(DeadlineChange)
        .where(DeadlineChange.task_id == task_id)
        .options(joinedload(DeadlineChange.requested_by), joinedload(DeadlineChange.decided_by))
        .order_by(DeadlineChange.id.desc())
    )


@prepared
def _measures(visible: Select[Task], *, task_id: int) -> Select[*tuple[Any, ...]]:
    return _first_few(visible.where(Task.parent_id == task_id))


@prepared
def _goals(visible: Select[Task], *, task_id: int) -> Select[*tuple[Any, ...]]:
    served = select(TaskGoal.goal_id).where(TaskGoal.task_id == task_id)
    return task_list.row_columns(visible.where(Task.id.in_(served)).order_by(Task.ref_key))


@prepared
def _serving(visible: Select[Task], *, task_id: int) -> Select[*tuple[Any, ...]]:
    return _first_few(visible.where(Task.id.in_(tasks.serving(task_id))))


@prepared
def _serving_count(visible: Select[Task], *, task_id: int) -> Select[int]:
    return visible.where(Task.id.in_(tasks.serving(task_id))).with_only_columns(
        func.count(), maintain_column_froms=True
    )


def _first_few(query: Select[Task]) -> Select[*tuple[Any, ...]]:
    return task_list.row_columns(query.order_by(Task.ref_key).limit(RELATED))


def _contributors(session: Session, task_id: int) -> list[Contributor]:
    rows = session.execute(*_latest_of_contributors(task_id=task_id))
    return [Contributor(actor_id=key, name=name, latest=update) for key, name, update in rows]


@prepared
def _latest_of_contributors(*, task_id: int) -> Select[int, str, StatusUpdate | None]:
    latest = (
        select(func.max(StatusUpdate.id))
        .where(
            StatusUpdate.task_id == TaskContributor.task_id,
            StatusUpdate.actor_id == TaskContributor.actor_id,
            StatusUpdate.as_contributor,
            StatusUpdate.not_mine.is_(False),
        )
        .correlate(TaskContributor)
        .scalar_subquery()
    )
    return (
        select(Actor.id, Actor.name, StatusUpdate)
        .select_from(TaskContributor)
        .join(Actor, Actor.id == TaskContributor.actor_id)
        .outerjoin(StatusUpdate, StatusUpdate.id == latest)
        .where(TaskContributor.task_id == task_id)
        .order_by(Actor.name)
    )


@prepared
def _counts(visible: Select[Task], *, task_id: int) -> Select[str | None, int]:
    return (
        visible.with_only_columns(Task.status, func.count())
        .where(Task.parent_id == task_id)
        .group_by(Task.status)
        .order_by(Task.status)
    )


@prepared
def _disowned(*, task_id: int) -> Select[StatusUpdate]:
    return (
        select(StatusUpdate)
        .join(Task, Task.id == StatusUpdate.task_id)
        .where(Task.id == task_id, ledger.DISOWNED)
        .options(joinedload(StatusUpdate.user))
    )


@prepared
def _context(*, task_id: int) -> Select[ContextNote]:
    return (
        select(ContextNote)
        .join(TaskContext, TaskContext.note_id == ContextNote.id)
        .where(TaskContext.task_id == task_id)
        .order_by(ContextNote.source_id, ContextNote.position)
    )


def _may(
    session: Session,
    by: Person,
    task: Task,
    contributors: Sequence[Contributor],
    pending: DeadlineChange | None,
) -> May:
    side = Author(person=by).side(
        owner_id=task.owner_id,
        contributor_ids=frozenset(contributor.actor_id for contributor in contributors),
    )
    status = Status(task.status) if task.status else None
    is_open = status not in FINISHED
    answers = bool(answer_may_set(status, by_secretariat=side is Side.SECRETARIAT))
    return May(
        update=answers if side in {Side.OWNER, Side.SECRETARIAT} else side is not None and is_open,
        ask_for_deadline=side is Side.OWNER and answers and pending is None,
        decide_deadline=by.is_coordinator
        and pending is not None
        and pending.requested_by_id != by.user_id,
        confirm=may_take(Step.CONFIRM, status)
        and closing.may_decide(by, task=task, report=closing.report_of(session, task=task)),
        take_back=may_take(Step.TAKE_BACK, status) and tasks.speaks_for_owner(by, task=task),
        reopen=by.is_coordinator and may_take(Step.REOPEN, status),
        drop=by.is_coordinator and may_take(Step.DROP, status),
        edit=by.is_coordinator,
        assign=by.is_coordinator or task.owner_id in by.lead_of,
    )
