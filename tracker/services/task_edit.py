"""What the secretariat writes about a task: entering it, and editing its texts and links."""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from tracker.domain import references
from tracker.domain.errors import ConflictError, InvalidError
from tracker.domain.roles import Person
from tracker.domain.status import Kind
from tracker.domain.versions import version_of
from tracker.models import AuditEvent, ContextNote, Source, Task, TaskContext, TaskGoal, User
from tracker.services import audit, tasks
from tracker.services.unique import unique

# Letters, a number, and for what stands under it further numbers: DIFI-1, DIFI-1.2.
REFERENCE: Final = re.compile(r"[A-ZÆØÅ][A-ZÆØÅ0-9]{0,19}-[0-9]{1,6}(\.[0-9]{1,6}){0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What may be edited; the reference and the quote never are."""

    title_nb: str
    title_nn: str = ""
    description: str = ""
    theme: str = ""
    chosen_alternative: str = ""
    goal_ids: frozenset[int] = frozenset()
    note_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a task is and where it comes from: given once, when it is entered."""

    kind: Kind
    ref: str = ""
    """Empty: the next number under its recommendation or its source."""
    under_id: int | None = None
    source_id: int | None = None
    quote: str = ""
    quote_language: str = "nb"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEdit:
    """Who edited a task last, and when."""

    name: str | None
    at: dt.datetime


def create(session: Session, *, by: Person, origin: Origin, texts: Texts, now: dt.datetime) -> Task:
    """Enter a task, about which nothing is settled yet.

    Raises InvalidError at the field that does not fit, ForbiddenError for others than the
    secretariat.
    """
    tasks.require_coordinator(by)
    parent = _parent(session, by, origin)
    source = _source(session, origin, parent)
    ref = _reference(session, by, origin, parent, source)
    task = Task(
        ref=ref,
        ref_key=references.sort_key(ref),
        kind=origin.kind,
        parent_id=parent.id if parent else None,
        source_id=source.id if source else None,
        title_nb=texts.title_nb,
        title_nn=texts.title_nn,
        quote=origin.quote or None,
        quote_language=origin.quote_language if origin.quote else None,
        description=texts.description,
        theme=texts.theme,
        chosen_alternative=texts.chosen_alternative,
        search_text=references.search_text(ref, texts.title_nb, texts.title_nn, origin.quote),
        created_at=now,
        changed_at=now,
    )
    with unique(session, field="ref", code="ref_taken", ref=ref):
        session.add(task)
    _link(session, by, task, texts)
    audit.record(
        session,
        by=by,
        action="task.created",
        entity="task",
        entity_id=task.id,
        after={"ref": ref, "kind": task.kind} | readable(session, texts),
    )
    return task


def read(session: Session, *, by: Person, task_id: int) -> Texts:
    """Return the task's texts as they are now; raises NotFoundError."""
    return _texts(session, tasks.get(session, by=by, task_id=task_id))


def last_edit(session: Session, *, task_id: int) -> LastEdit | None:
    """Return who edited the task's texts last; None where nobody has."""
    row = session.execute(
        select(AuditEvent.at, User.name)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(
            AuditEvent.entity == "task",
            AuditEvent.entity_id == task_id,
            AuditEvent.action == "task.edited",
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).first()
    return None if row is None else LastEdit(name=row.name, at=row.at)


def edit(
    session: Session, *, by: Person, task_id: int, texts: Texts, seen: str, now: dt.datetime
) -> Task:
    """Write `texts` over those whose version the person has `seen`.

    Raises ConflictError where somebody else has edited them since, InvalidError at a field.
    """
    tasks.require_coordinator(by)
    task = tasks.lock(session, by=by, task_id=task_id)
    present = _texts(session, task)
    if version_of(present) != seen:
        raise ConflictError("changed_meanwhile")
    if present == texts:
        return task
    before = readable(session, present)
    for name in ("title_nb", "title_nn", "description", "theme", "chosen_alternative"):
        setattr(task, name, getattr(texts, name))
    task.search_text = references.search_text(task.ref, task.title_nb, task.title_nn, task.quote)
    task.changed_at = now
    _link(session, by, task, texts)
    after = readable(session, texts)
    changed = [name for name in after if after[name] != before[name]]
    audit.record(
        session,
        by=by,
        action="task.edited",
        entity="task",
        entity_id=task.id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return task


def readable(session: Session, texts: Texts) -> dict[str, Any]:
    """Return the texts for the audit log, links by what people know them as."""
    values = asdict(texts)
    goal_ids, note_ids = values.pop("goal_ids"), values.pop("note_ids")
    goals_of = select(Task.ref).where(Task.id.in_(goal_ids)).order_by(Task.ref_key)
    notes_of = (
        select(Source.key, func.coalesce(ContextNote.quote, ContextNote.text_nb))
        .join(Source, Source.id == ContextNote.source_id)
        .where(ContextNote.id.in_(note_ids))
        .order_by(ContextNote.id)
    )
    notes = session.execute(notes_of)
    return values | {
        "goals": list(session.scalars(goals_of)),
        "context": [
            f"{key}: {textwrap.shorten(text, 80, placeholder=' …')}" for key, text in notes
        ],
    }


def goals(session: Session, *, by: Person) -> list[Task]:
    """Return the goals that a task may serve."""
    return list(
        session.scalars(tasks.visible_to(by).where(Task.kind == Kind.GOAL).order_by(Task.ref_key))
    )


def recommendations(session: Session, *, by: Person) -> list[Task]:
    """Return what measures may stand under: recommendations and goals."""
    top = tasks.visible_to(by).where(Task.kind.in_((Kind.RECOMMENDATION, Kind.GOAL)))
    return list(session.scalars(top.order_by(Task.ref_key)))


def context(session: Session) -> list[tuple[Source, list[ContextNote]]]:
    """Return the sources with the notes that a task may answer, in order."""
    rows = session.execute(
        select(Source, ContextNote)
        .join(ContextNote, ContextNote.source_id == Source.id)
        .where(ContextNote.kind.in_(("weakness", "obstacle", "proposal", "theme")))
        .order_by(Source.id, ContextNote.position, ContextNote.id)
    )
    found: dict[int, tuple[Source, list[ContextNote]]] = {}
    for source, note in rows:
        found.setdefault(source.id, (source, []))[1].append(note)
    return list(found.values())


def _parent(session: Session, by: Person, origin: Origin) -> Task | None:
    if origin.under_id is None:
        return None
    if origin.kind is not Kind.MEASURE:
        raise InvalidError("under", "only_measures_under")
    # Locked, so that two measures entered at once get different numbers.
    parent = tasks.lock(session, by=by, task_id=origin.under_id)
    if parent.kind == Kind.MEASURE:
        raise InvalidError("under", "not_under_measure")
    return parent


def _source(session: Session, origin: Origin, parent: Task | None) -> Source | None:
    if origin.source_id is None:
        if origin.quote:
            raise InvalidError("source", "quote_needs_source")
        return session.get(Source, parent.source_id) if parent and parent.source_id else None
    source = session.get(Source, origin.source_id, with_for_update=True)
    if source is None:
        raise InvalidError("source", "no_such_source")
    return source


def _reference(
    session: Session, by: Person, origin: Origin, parent: Task | None, source: Source | None
) -> str:
    if parent is not None:
        return f"{parent.ref}.{_next(session, by, Task.parent_id == parent.id, '.')}"
    if origin.ref:
        ref = origin.ref.upper()
        if not REFERENCE.fullmatch(ref):
            raise InvalidError("ref", "ref_malformed")
        return ref
    if source is None:
        raise InvalidError("ref", "ref_missing")
    ref = f"{source.key}-"
    last = Task.ref.startswith(ref, autoescape=True) & Task.parent_id.is_(None)
    return f"{ref}{_next(session, by, last, '-')}"


def _next(session: Session, by: Person, among: Any, separator: str) -> int:
    last = session.scalar(
        tasks.visible_to(by).with_only_columns(func.max(Task.ref_key)).where(among)
    )
    number = (last or "").rpartition(separator)[2]
    return int(number) + 1 if number.isdecimal() else 1


def _texts(session: Session, task: Task) -> Texts:
    goal_ids = session.scalars(
        select(TaskGoal.goal_id).where(TaskGoal.task_id == task.id).order_by(TaskGoal.goal_id)
    )
    note_ids = session.scalars(
        select(TaskContext.note_id)
        .where(TaskContext.task_id == task.id)
        .order_by(TaskContext.note_id)
    )
    return Texts(
        title_nb=task.title_nb,
        title_nn=task.title_nn,
        description=task.description,
        theme=task.theme,
        chosen_alternative=task.chosen_alternative,
        goal_ids=frozenset(goal_ids),
        note_ids=frozenset(note_ids),
    )


def _link(session: Session, by: Person, task: Task, texts: Texts) -> None:
    served = tasks.visible_to(by).where(Task.id.in_(texts.goal_ids), Task.kind == Kind.GOAL)
    known = set(session.scalars(served.with_only_columns(Task.id)))
    if known != texts.goal_ids or task.id in texts.goal_ids:
        raise InvalidError("goals", "no_such_goal")
    notes = session.scalars(select(ContextNote.id).where(ContextNote.id.in_(texts.note_ids)))
    if set(notes) != texts.note_ids:
        raise InvalidError("context", "no_such_note")
    session.flush()
    _replace(session, TaskGoal, task.id, "goal_id", texts.goal_ids)
    _replace(session, TaskContext, task.id, "note_id", texts.note_ids)


def _replace(session: Session, table: Any, task_id: int, column: str, ids: Collection[int]) -> None:
    session.execute(delete(table).where(table.task_id == task_id))
    if ids:
        rows = [{"task_id": task_id, column: other} for other in sorted(ids)]
        session.execute(insert(table), rows)
