"""The one row that describes this installation."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base
from tracker.models.columns import Id, LongText


class Installation(Base):
    """Flags, and what the installation is called. Locking the row serialises planning."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[Id]
    demonstration_on: Mapped[dt.date | None]
    """The local date that the demonstration data was made around; null: no demonstration."""
    mail_paused_until: Mapped[dt.datetime | None]
    mail_paused_reason: Mapped[LongText | None]
    mail_failing_since: Mapped[dt.datetime | None]
    identity: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What it is called and who is behind it (`tracker.services.installation.Identity`)."""
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """A PNG; read only where it is shown."""
