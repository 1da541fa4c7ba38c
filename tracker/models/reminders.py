"""What was planned for whom, by which run, and the links that answer it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.domain.reminder_facts import Audience
from tracker.models.columns import ActorId, Code, Id, LongText, TaskId, UserId, one_of
from tracker.models.mail import OutgoingEmail


class ReminderRun(Base):
    """One run. A slot's row is committed with its plan, so each slot is taken once."""

    __tablename__ = "reminder_runs"

    id: Mapped[Id]
    slot: Mapped[dt.datetime | None] = mapped_column(unique=True)
    """The slot that it took; null for a run by hand."""
    at: Mapped[dt.datetime]
    """The time that governed the run."""
    started_at: Mapped[dt.datetime]
    """Real time."""
    finished_at: Mapped[dt.datetime | None]
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[LongText | None]


class Reminder(Base):
    """One step of one task for one receiver. The unique key is what sends none twice."""

    __tablename__ = "reminders"
    __table_args__ = (
        one_of("state", "planned", "sent", "superseded", "cancelled"),
        one_of("audience", *Audience),
        UniqueConstraint(
            "task_id",
            "series",
            "audience",
            "step",
            "occurrence",
            "addressee",
            name="uq_reminders_key",
        ),
        Index("ix_reminders_email_id", "email_id"),
        Index("ix_reminders_send_on", "send_on", "id"),
        Index("ix_reminders_state", "state", "id"),
        Index("ix_reminders_user_id", "user_id", "id"),
    )

    id: Mapped[Id]
    task_id: Mapped[TaskId]
    series: Mapped[int]
    audience: Mapped[Code]
    step: Mapped[Code]
    """The offset in days (`-30`), the repeat (`week`) or the notice's kind (`assigned`)."""
    occurrence: Mapped[Code]
    """Tells repeats apart: a nominal date or the id of what caused it; empty for one-offs."""
    addressee: Mapped[Code]
    user_id: Mapped[UserId | None]
    actor_id: Mapped[ActorId | None]
    state: Mapped[Code]
    reason: Mapped[Code | None]
    """Why it was superseded or cancelled."""
    nominal_on: Mapped[dt.date]
    send_on: Mapped[dt.date]
    """The working day it belongs to."""
    deadline: Mapped[dt.date | None]
    """The task's deadline when it was planned."""
    run_id: Mapped[int | None] = mapped_column(ForeignKey("reminder_runs.id"))
    email_id: Mapped[int | None] = mapped_column(ForeignKey("outgoing_emails.id"))
    created_at: Mapped[dt.datetime]
    settled_at: Mapped[dt.datetime | None]
    """When it was sent, superseded or cancelled."""

    email: Mapped[OutgoingEmail | None] = relationship()


class AnswerLink(Base):
    """Lets the receiver of a mail answer for one task. The address is the row's signed id."""

    __tablename__ = "answer_links"
    __table_args__ = (
        UniqueConstraint("email_id", "task_id"),
        Index("ix_answer_links_task_id", "task_id"),
        Index("ix_answer_links_user_id", "user_id"),
    )

    id: Mapped[Id]
    email_id: Mapped[int] = mapped_column(ForeignKey("outgoing_emails.id"))
    task_id: Mapped[TaskId]
    user_id: Mapped[UserId | None]
    actor_id: Mapped[ActorId | None]
    """The actor whose shared mailbox it went to."""
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
    update_id: Mapped[int | None] = mapped_column(ForeignKey("status_updates.id"))
    """The answer given through it; a later visit corrects that one."""
