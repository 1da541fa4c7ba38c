"""The one row that describes this installation."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from tracker.db import Base
from tracker.models.columns import Id, LongText


class Installation(Base):
    """Flags of the installation. Locking the row serialises the planning of reminders."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[Id]
    demonstration_on: Mapped[dt.date | None]
    """The local date that the demonstration data was made around; null: no demonstration."""
    mail_paused_until: Mapped[dt.datetime | None]
    mail_paused_reason: Mapped[LongText | None]
    mail_failing_since: Mapped[dt.datetime | None]
