"""The one thing that is tracked."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    CheckConstraint,
    ColumnClause,
    Computed,
    Date,
    ForeignKey,
    Index,
    String,
    literal_column,
    or_,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.domain.status import FINISHED, Assessment, Kind, Precision, Status
from tracker.models.accounts import User
from tracker.models.actors import Actor
from tracker.models.columns import (
    ActorId,
    Code,
    Id,
    Line,
    Locale,
    LongText,
    Origin,
    TaskId,
    UserId,
    one_of,
)
from tracker.models.sources import ContextNote, Source


def _set_or_none(name: str, column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IS NULL OR {name}_none_on IS NULL", name=f"{name}_settled")


class Task(Base):
    """A recommendation, a goal or a measure, with owner, status and deadline.

    Owner, responsible, deadline and status each know three states: not settled (both columns
    null), set, and settled as none (`…_none_on` holds the date it was settled).
    """

    __tablename__ = "tasks"
    __table_args__ = (
        one_of("kind", *Kind),
        one_of("status", *Status),
        one_of("assessment", *Assessment),
        one_of("deadline_precision", *Precision),
        one_of("original_precision", *Precision),
        one_of("origin", *Origin),
        _set_or_none("owner", "owner_id"),
        _set_or_none("responsible", "responsible_id"),
        _set_or_none("deadline", "deadline"),
        _set_or_none("status", "status"),
        CheckConstraint("(deadline IS NULL) = (deadline_precision IS NULL)", name="deadline_pair"),
        CheckConstraint("responsible_id IS NULL OR owner_id IS NOT NULL", name="responsible_owner"),
    )

    id: Mapped[Id]
    ref: Mapped[Code] = mapped_column(unique=True)
    """`DIFI-1`; a measure under it `DIFI-1.2`. Never changes."""
    ref_key: Mapped[str] = mapped_column(String(80), unique=True)
    """The reference with its numbers padded, so that 1.10 sorts after 1.2."""
    kind: Mapped[Code]
    parent_id: Mapped[TaskId | None]
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    title_nb: Mapped[Line]
    title_nn: Mapped[Line] = mapped_column(default="")
    """Empty: there is no title in nynorsk, and the bokmål one is shown."""
    quote: Mapped[LongText | None]
    """Verbatim from the source; never changes."""
    quote_language: Mapped[Locale | None]
    description: Mapped[LongText] = mapped_column(default="")
    theme: Mapped[Line] = mapped_column(default="")
    chosen_alternative: Mapped[LongText] = mapped_column(default="")
    """Where a recommendation offers alternatives: which one was chosen."""
    search_text: Mapped[LongText] = mapped_column(default="")
    """Reference, titles and quote in lower case."""
    origin: Mapped[Code] = mapped_column(default=Origin.PEOPLE)

    owner_id: Mapped[ActorId | None]
    owner_none_on: Mapped[dt.date | None]
    responsible_id: Mapped[UserId | None]
    responsible_none_on: Mapped[dt.date | None]
    deadline: Mapped[dt.date | None]
    """The last day of the period that it falls due in."""
    deadline_precision: Mapped[Code | None]
    deadline_none_on: Mapped[dt.date | None]
    original_deadline: Mapped[dt.date | None]
    original_precision: Mapped[Code | None]
    status: Mapped[Code | None]
    status_none_on: Mapped[dt.date | None]
    look_again_on: Mapped[dt.date | None]
    """When a task on hold is to be looked at again."""

    assignment: Mapped[int] = mapped_column(default=0)
    """Counts the times somebody was made responsible: the cause of the notice about it."""
    assigned_at: Mapped[dt.datetime | None]
    """When it was last given to an owner or to a person there."""
    assigned_by_id: Mapped[UserId | None]

    assessment: Mapped[Code | None]
    """Of the latest update by the owner's side; all updates are in `status_updates`."""
    last_update_at: Mapped[dt.datetime | None]
    needs_contact_since: Mapped[dt.datetime | None]
    """When a reminder about it could not reach anybody's address."""
    series: Mapped[int] = mapped_column(default=1)
    """Rises with every deadline change and reopening; part of the reminders' key."""
    created_at: Mapped[dt.datetime]
    changed_at: Mapped[dt.datetime]
    """When anything about it was last said or changed: what lists sort by."""
    version: Mapped[int] = mapped_column(default=1)
    deadline_key: Mapped[dt.date] = mapped_column(
        Date, Computed("coalesce(deadline, '9999-12-31')", persisted=True)
    )
    """The deadline, or a day after all others: what lists sort by."""

    owner: Mapped[Actor | None] = relationship()
    responsible: Mapped[User | None] = relationship(foreign_keys="Task.responsible_id")
    source: Mapped[Source | None] = relationship()
    parent: Mapped[Task | None] = relationship(remote_side="Task.id")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy


# Written out and not as parameters, so that SQLite finds the partial indexes.
_FINISHED: list[ColumnClause[str]] = [literal_column(f"'{status}'") for status in sorted(FINISHED)]
OPEN = or_(Task.status.is_(None), Task.status.not_in(_FINISHED))
"""True of a task that is neither closed nor dropped."""

UNSETTLED = OPEN & or_(
    Task.owner_id.is_(None) & Task.owner_none_on.is_(None),
    Task.owner_id.is_not(None) & Task.responsible_id.is_(None) & Task.responsible_none_on.is_(None),
    Task.deadline.is_(None) & Task.deadline_none_on.is_(None),
    Task.status.is_(None) & Task.status_none_on.is_(None),
)
"""True of an open task of which something is not settled.

Without an owner nobody can be responsible, so that question does not arise.
"""

Index("ix_tasks_unsettled", Task.ref_key, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)
# Lists show open tasks unless asked for others, and must not wade through years of closed ones.
Index("ix_tasks_open", Task.deadline_key, Task.id, sqlite_where=OPEN, postgresql_where=OPEN)
Index(
    "ix_tasks_open_owner_id",
    Task.owner_id,
    Task.deadline_key,
    Task.id,
    # Only counted, so that the overview reads no task.
    Task.status,
    Task.assessment,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
Index("ix_tasks_deadline_key", Task.deadline_key, Task.id)
Index("ix_tasks_owner_id", Task.owner_id, Task.deadline_key, Task.id)
Index("ix_tasks_responsible_id", Task.responsible_id, Task.deadline_key, Task.id)
Index("ix_tasks_status", Task.status, Task.deadline_key, Task.id)
Index("ix_tasks_kind", Task.kind, Task.deadline_key, Task.id)
Index("ix_tasks_theme", Task.theme, Task.deadline_key, Task.id)
Index("ix_tasks_changed_at", Task.changed_at, Task.id)
Index("ix_tasks_parent_id", Task.parent_id, Task.ref_key)
# These two hold all that the overview counts, so that it reads no task.
Index("ix_tasks_numbers_of_owner", Task.owner_id, Task.kind, Task.status, Task.last_update_at)
Index("ix_tasks_numbers_of_parent", Task.parent_id, Task.status, Task.last_update_at)
Index("ix_tasks_source_id", Task.source_id, Task.ref_key)
_UNREACHED = Task.needs_contact_since.is_not(None)
Index(
    "ix_tasks_needs_contact_since",
    Task.needs_contact_since,
    sqlite_where=_UNREACHED,
    postgresql_where=_UNREACHED,
)
Index("ix_tasks_look_again_on", Task.look_again_on)
Index("ix_tasks_assigned_at", Task.assigned_at)


class TaskContributor(Base):
    """An actor that contributes to a task owned by another."""

    __tablename__ = "task_contributors"
    __table_args__ = (Index("ix_task_contributors_actor_id", "actor_id"),)

    task_id: Mapped[TaskId] = mapped_column(primary_key=True)
    actor_id: Mapped[ActorId] = mapped_column(primary_key=True)

    actor: Mapped[Actor] = relationship()


class TaskGoal(Base):
    """A goal that a measure or recommendation serves."""

    __tablename__ = "task_goals"
    __table_args__ = (Index("ix_task_goals_goal_id", "goal_id"),)

    task_id: Mapped[TaskId] = mapped_column(primary_key=True)
    goal_id: Mapped[TaskId] = mapped_column(primary_key=True)


class TaskContext(Base):
    """A weakness, obstacle or proposal that a task answers."""

    __tablename__ = "task_contexts"
    __table_args__ = (Index("ix_task_contexts_note_id", "note_id"),)

    task_id: Mapped[TaskId] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("context_notes.id"), primary_key=True)

    note: Mapped[ContextNote] = relationship()
