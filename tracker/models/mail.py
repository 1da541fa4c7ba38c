"""The outbox: every mail that leaves, and each attempt to send it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.models.columns import ActorId, Code, Id, Line, Locale, LongText, UserId, one_of

EMAIL_KINDS = (
    "digest",
    "sign_in",
    "answer_link",
    "test",
    "password_set",
    "address_changed",
    "invitation",
)
SIGNING_IN = ("sign_in", "invitation")
"""Kinds that hold a link which signs their receiver in."""
EMAIL_STATES = ("queued", "sent", "failed", "cancelled")
OUTCOMES = (
    "sent",
    "temporary",
    "bad_address",
    "full",
    "refused",
    "installation",
    "unknown",
    "cancelled",
)


class OutgoingEmail(Base):
    """A mail in the outbox. It is rendered when it is sent, and kept as it was sent."""

    __tablename__ = "outgoing_emails"
    __table_args__ = (
        one_of("kind", *EMAIL_KINDS),
        one_of("state", *EMAIL_STATES),
        # One digest per receiver and local date.
        UniqueConstraint("kind", "addressee", "local_date"),
        Index(
            "ix_outgoing_emails_due",
            "next_attempt_at",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_outgoing_emails_user_id", "user_id", "id"),
        Index("ix_outgoing_emails_state", "state", "id"),
        Index("ix_outgoing_emails_run_id", "run_id"),
        Index(
            "ix_outgoing_emails_sent",
            "finished_at",
            sqlite_where=text("state = 'sent'"),
            postgresql_where=text("state = 'sent'"),
        ),
    )

    id: Mapped[Id]
    kind: Mapped[Code]
    addressee: Mapped[Line]
    """`user:<id>`, `actor:<id>` or `address:<e-mail>`."""
    user_id: Mapped[UserId | None]
    actor_id: Mapped[ActorId | None]
    local_date: Mapped[dt.date | None]
    """The run day of a digest; null for mails that belong to no day."""
    run_id: Mapped[int | None] = mapped_column(ForeignKey("reminder_runs.id"))
    message_id: Mapped[Line] = mapped_column(unique=True)
    """Fixed when queued, so that a receiver can recognise a repeated sending."""
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What rendering needs beyond the database; emptied when the mail has been sent."""
    created_at: Mapped[dt.datetime]
    state: Mapped[Code] = mapped_column(default="queued")
    next_attempt_at: Mapped[dt.datetime]
    leased_until: Mapped[dt.datetime | None]
    lease_token: Mapped[Code | None]
    attempts: Mapped[int] = mapped_column(default=0)
    possibly_duplicate: Mapped[int] = mapped_column(default=0)
    """How often it was sent again because an earlier outcome was unknown."""
    last_error: Mapped[LongText | None]
    requeued_at: Mapped[dt.datetime | None]
    """When a person had it tried again; what failed before that does not count any more."""
    finished_at: Mapped[dt.datetime | None]
    """When it was sent, cancelled or given up."""
    server_answer: Mapped[LongText | None]

    sent_to: Mapped[Code | None]
    """The substitute (`user:<id>`) whom it went to instead of an absent addressee, at sending."""
    to_address: Mapped[Line | None]
    """As last resolved, at sending."""
    locale: Mapped[Locale | None]
    subject: Mapped[LongText | None]
    text_body: Mapped[LongText | None]
    html_body: Mapped[LongText | None]

    delivery_attempts: Mapped[list[DeliveryAttempt]] = relationship(order_by="DeliveryAttempt.id")


class DeliveryAttempt(Base):
    """One try to send a mail, with the server's answer."""

    __tablename__ = "delivery_attempts"
    __table_args__ = (
        one_of("outcome", *OUTCOMES),
        Index("ix_delivery_attempts_email_id", "email_id"),
    )

    id: Mapped[Id]
    email_id: Mapped[int] = mapped_column(ForeignKey("outgoing_emails.id"))
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    outcome: Mapped[Code | None]
    """Null while it runs, and for ever where the process was killed."""
    answer: Mapped[LongText | None]
