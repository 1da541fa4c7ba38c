"""Forms that were sent and what they led to, so that none counts twice."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base
from tracker.models.columns import LongText


class Submission(Base):
    """A form whose changes were made, and the page that its sender was led to."""

    __tablename__ = "submissions"
    __table_args__ = (Index("ix_submissions_at", "at"),)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the form's own token and all that was sent."""
    place: Mapped[LongText]
    """Path and query, without the secret of a link."""
    at: Mapped[dt.datetime]
