"""Small functions that make rows, with what the test does not care about filled in."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any, Final, TypeVar

from sqlalchemy.orm import Session

from tracker.domain import references
from tracker.domain.roles import Person, Role
from tracker.domain.status import Channel, Kind, Precision, Status
from tracker.models import (
    Absence,
    Actor,
    AnswerLink,
    ContextNote,
    DeadlineChange,
    Meeting,
    Membership,
    OutgoingEmail,
    Source,
    StatusUpdate,
    Task,
    TaskContributor,
    TaskGoal,
    User,
)
from tracker.services import sessions, signed

NOW: Final = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
"""A Monday morning; tests that care about time pass their own."""
TODAY: Final = NOW.date()

_numbers = itertools.count(1)
Row = TypeVar("Row")


def _add(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


def actor(session: Session, name: str | None = None, **values: Any) -> Actor:
    return _add(session, Actor(name=name or f"Virksomhet {next(_numbers)}", **values))


def user(
    session: Session,
    name: str | None = None,
    *,
    at: Actor | None = None,
    role: Role | None = None,
    **values: Any,
) -> User:
    """A person; `member` of the actor `at` unless another role is given."""
    number = next(_numbers)
    defaults = {"email": f"person{number}@tracker.example", "created_at": NOW}
    row = _add(session, User(name=name or f"Person {number}", **(defaults | values)))
    chosen = role or (Role.MEMBER if at else Role.READER)
    membership(session, row, chosen, at=at)
    return row


def membership(
    session: Session, member: User, role: Role, *, at: Actor | None = None
) -> Membership:
    row = Membership(user=member, actor_id=at.id if at else None, role=role)
    return _add(session, row)


def person(
    session: Session,
    name: str | None = None,
    *,
    at: Actor | None = None,
    role: Role | None = None,
    **values: Any,
) -> Person:
    """A person as who acts: the `by` of a service."""
    return sessions.person_of(user(session, name, at=at, role=role, **values))


def person_of(session: Session, who: User) -> Person:
    """A user as who acts, with the roles they have by now."""
    return sessions.person_of(session.get_one(User, who.id))


def coordinator(session: Session, name: str = "Sekretær", **values: Any) -> Person:
    return person(session, name, role=Role.COORDINATOR, **values)


def source(session: Session, title: str = "Difi rapport 2017:1", **values: Any) -> Source:
    defaults = {"key": f"SOURCE{next(_numbers)}", "publisher": "Difi"}
    return _add(session, Source(title=title, **(defaults | values)))


def note(session: Session, source: Source, **values: Any) -> ContextNote:
    number = next(_numbers)
    defaults = {
        "key": f"note-{number}",
        "kind": "obstacle",
        "position": number,
        "quote": "Manglende tillit.",
        "text_nb": "Manglende tillit.",
    }
    return _add(session, ContextNote(source_id=source.id, **(defaults | values)))


def task(
    session: Session,
    title: str = "Felles avtale for hospitering",
    *,
    owner: Actor | None = None,
    responsible: User | None = None,
    parent: Task | None = None,
    contributors: tuple[Actor, ...] = (),
    goals: tuple[Task, ...] = (),
    **values: Any,
) -> Task:
    """A task; a measure in progress unless told otherwise, unsettled where nothing is given."""
    ref = values.pop("ref", None) or f"X-{next(_numbers)}"
    defaults: dict[str, Any] = {
        "kind": Kind.MEASURE,
        "status": Status.IN_PROGRESS,
        "title_nb": title,
        "search_text": references.search_text(ref, title),
        "created_at": NOW,
        "changed_at": NOW,
    }
    if values.get("deadline"):
        defaults["deadline_precision"] = Precision.DAY
        defaults["original_deadline"] = values["deadline"]
        defaults["original_precision"] = values.get("deadline_precision", Precision.DAY)
    row = Task(
        ref=ref,
        ref_key=references.sort_key(ref),
        owner=owner,
        responsible=responsible,
        parent=parent,
        **(defaults | values),
    )
    _add(session, row)
    for contributor in contributors:
        _add(session, TaskContributor(task_id=row.id, actor_id=contributor.id))
    for goal in goals:
        _add(session, TaskGoal(task_id=row.id, goal_id=goal.id))
    return row


def goal(session: Session, title: str = "Tydelig retning over tid", **values: Any) -> Task:
    return task(session, title, kind=Kind.GOAL, **values)


def absence(
    session: Session,
    who: User,
    first_on: dt.date,
    last_on: dt.date | None = None,
    *,
    substitute: User | None = None,
) -> Absence:
    """Days on which somebody is away, noted by themselves; one day unless told otherwise."""
    row = Absence(
        user_id=who.id,
        first_on=first_on,
        last_on=last_on or first_on,
        substitute_id=substitute.id if substitute else None,
        created_at=NOW,
        created_by_id=who.id,
    )
    return _add(session, row)


def meeting(session: Session, held_on: dt.date, title: str = "Møte", **values: Any) -> Meeting:
    defaults = {"created_at": NOW, "changed_at": NOW}
    return _add(session, Meeting(held_on=held_on, title=title, **(defaults | values)))


def update(session: Session, task: Task, by: User | None = None, **values: Any) -> StatusUpdate:
    """A status update that leaves the status as it was."""
    defaults: dict[str, Any] = {
        "actor_id": task.owner_id,
        "channel": Channel.WEB,
        "created_at": NOW,
        "status_before": task.status,
        "status_after": task.status,
        "hindrances": [],
    }
    return _add(session, StatusUpdate(task_id=task.id, user=by, **(defaults | values)))


def deadline_change(
    session: Session, task: Task, to: dt.date | None, **values: Any
) -> DeadlineChange:
    """A request for a new deadline that nobody has decided yet."""
    defaults: dict[str, Any] = {
        "old_deadline": task.deadline,
        "old_precision": task.deadline_precision,
        "new_deadline": to,
        "new_precision": Precision.DAY,
        "reason": "Anskaffelsen tok lengre tid.",
        "requested_at": NOW,
    }
    return _add(session, DeadlineChange(task_id=task.id, **(defaults | values)))


def answer_link(
    session: Session, task: Task, who: User, email: OutgoingEmail, **values: Any
) -> AnswerLink:
    """The link in a mail that lets `who` answer for `task`."""
    defaults = {
        "nonce": signed.new_nonce(),
        "created_at": NOW,
        "expires_at": NOW + dt.timedelta(days=60),
    }
    link = AnswerLink(email_id=email.id, task_id=task.id, user_id=who.id, **(defaults | values))
    return _add(session, link)
