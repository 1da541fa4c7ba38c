"""Status updates, evidence and deadline changes: what is said about a task over time."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.domain.status import Assessment, Channel, Precision, Status
from tracker.models.accounts import User
from tracker.models.actors import Actor
from tracker.models.columns import ActorId, Code, Id, Line, LongText, TaskId, UserId, one_of

# Written out and not with a parameter, so that SQLite finds the partial index.
REPORT_ENDED: Final = f"status_before = '{Status.REPORTED_DONE}'"
"""True of an update that ended a report that the task is done."""


class StatusUpdate(Base):
    """What somebody said about a task. Append-only; a correction is a new update."""

    __tablename__ = "status_updates"
    __table_args__ = (
        one_of("status_before", *Status),
        one_of("status_after", *Status),
        one_of("assessment", *Assessment),
        one_of("channel", *Channel),
        Index("ix_status_updates_task_id", "task_id", "id"),
        Index("ix_status_updates_created_at", "created_at", "id"),
        Index("ix_status_updates_actor_id", "actor_id", "created_at"),
        Index(
            "ix_status_updates_not_mine",
            "task_id",
            "id",
            sqlite_where=text("not_mine = 1"),
            postgresql_where=text("not_mine"),
        ),
        Index(
            "ix_status_updates_reports_ended",
            "created_at",
            sqlite_where=text(REPORT_ENDED),
            postgresql_where=text(REPORT_ENDED),
        ),
    )

    id: Mapped[Id]
    task_id: Mapped[TaskId]
    user_id: Mapped[UserId | None]
    """Who wrote it; null where a shared mailbox answered."""
    stated_name: Mapped[Line | None]
    """The name that somebody gave who answered from a shared mailbox."""
    actor_id: Mapped[ActorId | None]
    """On whose behalf; null: the secretariat's own decision."""
    on_behalf: Mapped[bool] = mapped_column(default=False)
    """The secretariat registered it on behalf of `actor_id`."""
    as_contributor: Mapped[bool] = mapped_column(default=False)
    channel: Mapped[Code]
    created_at: Mapped[dt.datetime]
    status_before: Mapped[Code | None]
    status_after: Mapped[Code | None]
    assessment: Mapped[Code | None]
    comment: Mapped[LongText] = mapped_column(default="")
    """What was said; for a status set by the coordinator the reason."""
    risk: Mapped[LongText] = mapped_column(default="")
    """For a dropped task: the risk of not doing it."""
    hindrances: Mapped[list[Any]] = mapped_column(JSON, default=list)
    look_again_on: Mapped[dt.date | None]
    no_change: Mapped[bool] = mapped_column(default=False)
    not_mine: Mapped[bool] = mapped_column(default=False)
    """The receiver said that the task is not theirs; says nothing about how it goes."""
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("status_updates.id"), unique=True)

    user: Mapped[User | None] = relationship()
    actor: Mapped[Actor | None] = relationship()
    evidence: Mapped[list[Evidence]] = relationship(order_by="Evidence.id")


class Evidence(Base):
    """A link to documentation of what an update says."""

    __tablename__ = "evidence"
    __table_args__ = (Index("ix_evidence_update_id", "update_id"),)

    id: Mapped[Id]
    update_id: Mapped[int] = mapped_column(ForeignKey("status_updates.id"))
    url: Mapped[LongText]
    title: Mapped[Line] = mapped_column(default="")


class DeadlineChange(Base):
    """A new deadline, asked for with a reason and then decided; or set by the coordinator."""

    __tablename__ = "deadline_changes"
    __table_args__ = (
        one_of("old_precision", *Precision),
        one_of("new_precision", *Precision),
        one_of("outcome", "approved", "rejected", "withdrawn"),
        Index("ix_deadline_changes_task_id", "task_id", "id"),
        Index("ix_deadline_changes_decided_at", "decided_at"),
        Index(
            "uq_deadline_changes_pending",
            "task_id",
            unique=True,
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
    )

    id: Mapped[Id]
    task_id: Mapped[TaskId]
    old_deadline: Mapped[dt.date | None]
    old_precision: Mapped[Code | None]
    new_deadline: Mapped[dt.date | None]
    """Null: settled that there is to be none."""
    new_precision: Mapped[Code | None]
    reason: Mapped[LongText]
    requested_by_id: Mapped[UserId | None] = mapped_column()
    requested_as: Mapped[Line | None]
    """The stated name of somebody who asked from a shared mailbox."""
    requested_at: Mapped[dt.datetime]
    outcome: Mapped[Code | None]
    """Null: waits to be decided. At most one such per task."""
    decided_by_id: Mapped[UserId | None] = mapped_column()
    decided_at: Mapped[dt.datetime | None]
    decision_reason: Mapped[LongText] = mapped_column(default="")

    requested_by: Mapped[User | None] = relationship(foreign_keys=[requested_by_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])

    @property
    def was_set_directly(self) -> bool:
        """Whether the secretariat set it, without anybody asking."""
        asked = (self.requested_at, self.requested_by_id)
        return (self.decided_at, self.decided_by_id) == asked
