"""The audit log: append-only and hash-chained. Triggers refuse update and delete."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.models.columns import Code, Id, Line


class AuditEvent(Base):
    """Who changed what and when. Its hash covers the one before it."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_entity", "entity", "entity_id", "id"),
        Index("ix_audit_events_user_id", "user_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Counts up from 1 without gaps."""
    at: Mapped[dt.datetime]
    user_id: Mapped[int | None]
    """Null: the system or somebody without an account. No foreign key: it outlives the row."""
    actor: Mapped[Line]
    """What acted: `user`, `system` or `link`."""
    action: Mapped[Code]
    entity: Mapped[Code]
    entity_id: Mapped[int]
    details_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of salt and details."""
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    details: Mapped[AuditDetails] = relationship(back_populates="event")


class AuditDetails(Base):
    """What an event changed. Erasing a person empties the row; the chain holds."""

    __tablename__ = "audit_details"

    event_id: Mapped[int] = mapped_column(
        ForeignKey("audit_events.id"), primary_key=True, autoincrement=False
    )
    salt: Mapped[str | None] = mapped_column(String(32))
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    event: Mapped[AuditEvent] = relationship(back_populates="details")


class AuditHead(Base):
    """The last event's number and hash. Locking it puts the events in order."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[Id]
    last_id: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
