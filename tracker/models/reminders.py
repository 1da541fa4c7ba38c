"""What was planned for whom, by which run, and the links that answer it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.domain.reminder_facts import Audience
from tracker.models.accounts import User
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


class ReminderRule(Base):
    """Another rule than the default one, for some tasks; the narrowest scope counts."""

    __tablename__ = "reminder_rules"

    id: Mapped[Id]
    scope: Mapped[Code] = mapped_column(unique=True)
    """`all`, `kind:<kind>`, `actor:<id>` (the tasks it owns) or `task:<id>`."""
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The fields of `tracker.domain.reminder_rules.Rules` by name."""
    changed_at: Mapped[dt.datetime]
    changed_by_id: Mapped[UserId | None]
    version: Mapped[int] = mapped_column(default=1)

    changed_by: Mapped[User | None] = relationship()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy


class Snooze(Base):
    """Somebody wants no reminders of a task until a day, for a reason that the forum can read."""

    __tablename__ = "snoozes"
    __table_args__ = (
        Index(
            "uq_snoozes_current",
            "task_id",
            "user_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_snoozes_user_id", "user_id"),
        Index("ix_snoozes_until", "until"),
    )

    id: Mapped[Id]
    task_id: Mapped[TaskId]
    user_id: Mapped[UserId]
    until: Mapped[dt.date]
    """The first day on which reminders come again."""
    reason: Mapped[LongText]
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    """When it was taken back or another took its place; one that ran out keeps null."""

    user: Mapped[User] = relationship()


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
    """Lets the receiver of a mail answer for one task. The address is the row's signed id.

    A mail that is tried again may go to a substitute, who then has another link.
    """

    __tablename__ = "answer_links"
    __table_args__ = (
        UniqueConstraint("email_id", "task_id", "user_id"),
        Index("ix_answer_links_task_id", "task_id"),
        Index("ix_answer_links_user_id", "user_id"),
    )

    id: Mapped[Id]
    email_id: Mapped[int] = mapped_column(ForeignKey("outgoing_emails.id"))
    task_id: Mapped[TaskId]
    user_id: Mapped[UserId | None]
    actor_id: Mapped[ActorId | None]
    """The actor whose shared mailbox it went to."""
    nonce: Mapped[Code | None]
    """A part of the address, so that no other row ever has the same one. Old links have none."""
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
    update_id: Mapped[int | None] = mapped_column(ForeignKey("status_updates.id"))
    """The answer given through it; a later visit corrects that one."""
