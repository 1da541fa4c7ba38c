"""Whose a task is: the owner, the person responsible there, and who contributes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from tracker import clock
from tracker.domain.errors import ConflictError, ForbiddenError, InvalidError
from tracker.domain.roles import Person
from tracker.domain.versions import version_of
from tracker.models import Actor, AnswerLink, Task, TaskContributor, User
from tracker.services import audit, ledger, reminders, tasks

NONE: Final = "none"
"""Settled: there is to be none."""
Choice = int | Literal["none"] | None
"""An actor or person by id, none at all, or not settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Whose a task is."""

    owner: Choice = None
    responsible: Choice = None
    contributor_ids: frozenset[int] = frozenset()


def read(session: Session, *, by: Person, task_id: int) -> Assignment:
    """Return whose the task is now; raises NotFoundError."""
    return _present(session, tasks.get(session, by=by, task_id=task_id))


def names(session: Session, assignment: Assignment) -> dict[str, Any]:
    """Return the names of those in `assignment`; `none` stays, and None is not settled."""
    return {
        "owner": _name(session, Actor, assignment.owner),
        "responsible": _name(session, User, assignment.responsible),
        "contributors": _actor_names(session, assignment.contributor_ids),
    }


def may_assign(by: Person, *, task: Task) -> bool:
    """Return whether `by` may say who is responsible: the secretariat, or the owner's lead."""
    return by.is_coordinator or task.owner_id in by.lead_of


def assign(
    session: Session,
    *,
    by: Person,
    task_id: int,
    wanted: Assignment,
    seen: str,
    now: dt.datetime,
    timezone: str,
) -> Task:
    """Put `wanted` in place of the assignment whose version the person has `seen`.

    A lead changes nothing but the responsible. Dates are those of `timezone` (IANA name). Raises
    ForbiddenError, ConflictError where somebody else has assigned it since, and InvalidError at
    a field.
    """
    task = tasks.lock(session, by=by, task_id=task_id)
    present = _present(session, task)
    if not may_assign(by, task=task):
        raise ForbiddenError("not_for_your_role")
    same_but_responsible = (wanted.owner, wanted.contributor_ids) == (
        present.owner,
        present.contributor_ids,
    )
    if version_of(present) != seen:
        raise ConflictError("changed_meanwhile")
    if not by.is_coordinator and not same_but_responsible:
        raise ForbiddenError("not_for_your_role")
    before = _readable(session, task, present.contributor_ids)
    set_owner(session, task, wanted.owner, by=by, now=now, timezone=timezone)
    set_responsible(session, task, wanted.responsible, by=by, now=now, timezone=timezone)
    _set_contributors(session, task, wanted.contributor_ids)
    finish(
        session,
        task,
        by=by,
        action="task.assigned",
        before=before,
        after=_readable(session, task, wanted.contributor_ids),
        now=now,
        timezone=timezone,
    )
    return task


def set_owner(
    session: Session, task: Task, owner: Choice, *, by: Person, now: dt.datetime, timezone: str
) -> None:
    """Give the locked `task` another owner; who was responsible at the old one no longer is.

    Raises InvalidError at `owner` for an unknown one.
    """
    owner_id = owner if isinstance(owner, int) else None
    if owner_id is not None and session.get(Actor, owner_id) is None:
        raise InvalidError("owner", "no_such_actor")
    if owner_id != task.owner_id:
        # Nobody at the former owner answers for it any longer, by whatever link.
        _revoke(session, task, now=now)
        task.responsible_id = task.responsible_none_on = None
    if owner_id is not None and owner_id != task.owner_id:
        task.assigned_at, task.assigned_by_id = now, by.user_id
    task.owner_id = owner_id
    task.owner_none_on = _none_on(owner, task.owner_none_on, now=now, timezone=timezone)
    session.flush()


def set_responsible(
    session: Session,
    task: Task,
    responsible: Choice,
    *,
    by: Person,
    now: dt.datetime,
    timezone: str,
) -> None:
    """Make somebody at the owner of the locked `task` responsible, or nobody.

    Raises InvalidError at `responsible` for somebody who is not an active member there.
    """
    user_id = responsible if isinstance(responsible, int) else None
    if responsible is not None and task.owner_id is None:
        raise InvalidError("responsible", "owner_first", ref=task.ref)
    if user_id is not None and user_id != task.responsible_id:
        people = tasks.people_of(session, actor_id=task.owner_id)
        if user_id not in {member for _, member, _ in people}:
            raise InvalidError("responsible", "not_of_owner", ref=task.ref)
        task.assignment += 1
        task.assigned_at, task.assigned_by_id = now, by.user_id
    if user_id != task.responsible_id and task.responsible_id is not None:
        _revoke(session, task, user_id=task.responsible_id, now=now)
    task.responsible_id = user_id
    task.needs_contact_since = None
    task.responsible_none_on = _none_on(
        responsible, task.responsible_none_on, now=now, timezone=timezone
    )
    session.flush()


def finish(
    session: Session,
    task: Task,
    *,
    by: Person,
    action: str,
    before: dict[str, Any],
    after: dict[str, Any],
    now: dt.datetime,
    timezone: str,
) -> None:
    """Audit what changed about the locked `task`, and cancel reminders that no longer hold."""
    changed = [name for name in after if after[name] != before[name]]
    if not changed:
        return
    task.changed_at = now
    session.flush()
    audit.record(
        session,
        by=by,
        action=action,
        entity="task",
        entity_id=task.id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    reminders.cancel_stale(session, task_id=task.id, now=now, timezone=timezone)


def readable(session: Session, task: Task) -> dict[str, Any]:
    """Return whose `task` is for the audit log: ids, and names as they are now."""
    return {
        "owner": _name(session, Actor, task.owner_id),
        "owner_id": task.owner_id,
        "owner_none_on": task.owner_none_on,
        "responsible": _name(session, User, task.responsible_id),
        "responsible_id": task.responsible_id,
        "responsible_none_on": task.responsible_none_on,
    }


def _readable(session: Session, task: Task, contributor_ids: frozenset[int]) -> dict[str, Any]:
    return readable(session, task) | {"contributors": _actor_names(session, contributor_ids)}


def _actor_names(session: Session, actor_ids: frozenset[int]) -> list[str]:
    named = select(Actor.name).where(Actor.id.in_(actor_ids)).order_by(Actor.name)
    return list(session.scalars(named))


def _name(session: Session, table: type[Actor | User], choice: Choice) -> str | None:
    if not isinstance(choice, int):
        return choice
    return session.scalar(select(table.name).where(table.id == choice))


def _present(session: Session, task: Task) -> Assignment:
    return Assignment(
        owner=NONE if task.owner_none_on else task.owner_id,
        responsible=NONE if task.responsible_none_on else task.responsible_id,
        contributor_ids=ledger.contributors(session, task_id=task.id),
    )


def _none_on(
    choice: Choice, since: dt.date | None, *, now: dt.datetime, timezone: str
) -> dt.date | None:
    if choice != NONE:
        return None
    return since or clock.local_date(now, timezone)


def _set_contributors(session: Session, task: Task, actor_ids: frozenset[int]) -> None:
    known = set(session.scalars(select(Actor.id).where(Actor.id.in_(actor_ids))))
    if known != actor_ids:
        raise InvalidError("contributors", "no_such_actor")
    if task.owner_id in actor_ids:
        raise InvalidError("contributors", "owner_is_no_contributor")
    session.execute(delete(TaskContributor).where(TaskContributor.task_id == task.id))
    if actor_ids:
        rows = [{"task_id": task.id, "actor_id": actor_id} for actor_id in sorted(actor_ids)]
        session.execute(insert(TaskContributor), rows)


def _revoke(session: Session, task: Task, *, user_id: int | None = None, now: dt.datetime) -> None:
    links = update(AnswerLink).where(AnswerLink.task_id == task.id, AnswerLink.revoked_at.is_(None))
    if user_id is not None:
        links = links.where(AnswerLink.user_id == user_id)
    session.execute(links.values(revoked_at=now))
