"""What all task features share: who sees which task, and the conditions that name a set of them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session, joinedload

from tracker.db import columns, first, prepared
from tracker.domain.errors import ForbiddenError, NotFoundError
from tracker.domain.roles import ACTOR_ROLES, Person
from tracker.domain.status import ACTIVE
from tracker.models import Actor, Membership, Task, TaskGoal, User

PARTS: Final = ("owner", "responsible", "deadline", "status")
"""What the forum settles about a task, one by one."""
LARGEST_ID: Final = 2**31 - 1
"""What an id column holds; PostgreSQL refuses to compare it with more."""
_ALL: Final = select(Task)


def id_in(text: str) -> int:
    """Return the id that `text` writes as we write it; 0, which no row has, for anything else."""
    is_written = len(text) <= 10 and text.isascii() and text.isdecimal() and text[0] != "0"
    return int(text) if is_written and int(text) <= LARGEST_ID else 0


def visible_to(by: Person | None) -> Select[Task]:  # noqa: ARG001 - nothing is restricted yet
    """Return the tasks that `by` may read; None is the system itself.

    Every query for tasks starts here, so that restricting one takes a single condition. Queries
    for columns continue with `with_only_columns`. Who may read the same gets the same object, which
    is the shape of what `prepared` keeps.
    """
    return _ALL


def get(session: Session, *, by: Person | None, task_id: int) -> Task:
    """Return a task with its owner, responsible, source and parent; raises NotFoundError."""
    task = first(session, *_one(visible_to(by), task_id=min(task_id, LARGEST_ID)))
    if task is None:
        raise NotFoundError("no_such_task")
    return task


def lock(session: Session, *, by: Person | None, task_id: int) -> Task:
    """Return a task, locked until the transaction ends; raises NotFoundError."""
    task = first(session, *_one_locked(visible_to(by), task_id=min(task_id, LARGEST_ID)))
    if task is None:
        raise NotFoundError("no_such_task")
    return task


@prepared
def _one(visible: Select[Task], *, task_id: int) -> Select[Task]:
    return visible.where(Task.id == task_id).options(
        joinedload(Task.owner),
        joinedload(Task.responsible),
        joinedload(Task.source),
        joinedload(Task.parent),
    )


@prepared
def _one_locked(visible: Select[Task], *, task_id: int) -> Select[Task]:
    return (
        visible.where(Task.id == task_id)
        # Whoever refers to the task meanwhile need not wait for it.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def is_overdue(today: dt.date | ColumnElement[dt.date]) -> ColumnElement[bool]:
    """Return the condition under which a task is over its deadline (as `flags.flag_of` says)."""
    return and_(Task.status.in_(ACTIVE), Task.deadline_key < today)


def serving(goal_id: int) -> Select[int]:
    """Return the ids of the tasks that serve a goal; IN lets the databases begin with these."""
    return select(TaskGoal.task_id).where(TaskGoal.goal_id == goal_id)


def unsettled_parts(task: Any) -> tuple[str, ...]:
    """Return which of owner, responsible, deadline and status nobody has settled yet.

    `task` is a task or a row with its columns. Without an owner nobody can be responsible, so
    that question does not arise.
    """
    open_questions = {
        "owner": task.owner_id is None and task.owner_none_on is None,
        "responsible": task.owner_id is not None
        and task.responsible_id is None
        and task.responsible_none_on is None,
        "deadline": task.deadline is None and task.deadline_none_on is None,
        "status": task.status is None and task.status_none_on is None,
    }
    return tuple(part for part in PARTS if open_questions[part])


def people_of(session: Session, *, actor_id: int | None = None) -> list[tuple[int, int, str]]:
    """Return (actor, person, name) of the active people who write for an actor, or for any."""
    of = Membership.actor_id.is_not(None) if actor_id is None else Membership.actor_id == actor_id
    rows = session.execute(
        select(Membership.actor_id, User.id, User.name)
        .join(User, User.id == Membership.user_id)
        .where(of, Membership.role.in_(ACTOR_ROLES), User.active)
        .distinct()
        .order_by(Membership.actor_id, User.name, User.id)
    )
    return [(of_actor, user_id, name) for of_actor, user_id, name in rows if of_actor is not None]


def owners(session: Session) -> dict[int, str]:
    """Return the names of all actors by their id, in alphabetical order."""
    return dict(columns(session, *_owners()))


@prepared
def _owners() -> Select[int, str]:
    return select(Actor.id, Actor.name).order_by(Actor.name, Actor.id)


def speaks_for_owner(by: Person, *, task: Task) -> bool:
    """Return whether `by` belongs to the owner's side, or is the secretariat that stands in."""
    return by.is_coordinator or task.owner_id in by.member_of


def require_coordinator(by: Person) -> None:
    """Raise ForbiddenError unless `by` belongs to the forum's secretariat."""
    if not by.is_coordinator:
        raise ForbiddenError("not_for_your_role")
