"""Meetings of the coordinating forum."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base
from tracker.models.columns import Id, Line


class Meeting(Base):
    """A meeting of the forum on one date."""

    __tablename__ = "meetings"
    __table_args__ = (Index("ix_meetings_held_on", "held_on", "id"),)

    id: Mapped[Id]
    held_on: Mapped[dt.date]
    title: Mapped[Line]
    place: Mapped[Line] = mapped_column(default="")
    created_at: Mapped[dt.datetime]
    changed_at: Mapped[dt.datetime]
    cancelled_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy
