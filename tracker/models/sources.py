"""The documents that tasks come from, with their context and timeline."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.models.columns import Code, Id, Line, Locale, LongText, Origin, one_of

NOTE_KINDS = (
    "mandate",
    "definition",
    "weakness",
    "obstacle",
    "proposal",
    "theme",
    "remark",
)


class Source(Base):
    """A document: a report, a government page, a presentation."""

    __tablename__ = "sources"
    __table_args__ = (one_of("origin", *Origin),)

    id: Mapped[Id]
    key: Mapped[Code] = mapped_column(unique=True)
    """Short and stable, the prefix of its tasks' references where it has any: `DIFI`."""
    title: Mapped[Line]
    publisher: Mapped[Line | None]
    """Null: the text does not say."""
    date_text: Mapped[Line | None]
    """The date as the source writes it."""
    sort_date: Mapped[dt.date | None]
    address: Mapped[Line | None]
    language: Mapped[Locale] = mapped_column(default="nb")
    summary_nb: Mapped[LongText] = mapped_column(default="")
    summary_nn: Mapped[LongText] = mapped_column(default="")
    origin: Mapped[Code] = mapped_column(default=Origin.PEOPLE)
    version: Mapped[int] = mapped_column(default=1)

    notes: Mapped[list[ContextNote]] = relationship(order_by="ContextNote.position")
    timeline: Mapped[list[TimelineEntry]] = relationship(order_by="TimelineEntry.position")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy


class ContextNote(Base):
    """Something a source says that is no task: a definition, a weakness, a proposal."""

    __tablename__ = "context_notes"
    __table_args__ = (
        one_of("kind", *NOTE_KINDS),
        one_of("origin", *Origin),
        Index("ix_context_notes_source_id", "source_id", "position"),
    )

    id: Mapped[Id]
    key: Mapped[Code] = mapped_column(unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    kind: Mapped[Code]
    position: Mapped[int]
    quote: Mapped[LongText | None]
    """Verbatim; null where the note only explains."""
    text_nb: Mapped[LongText] = mapped_column(default="")
    text_nn: Mapped[LongText] = mapped_column(default="")
    origin: Mapped[Code] = mapped_column(default=Origin.PEOPLE)


class TimelineEntry(Base):
    """An event of a source's process, dated as precisely as is known."""

    __tablename__ = "timeline_entries"
    __table_args__ = (
        one_of("origin", *Origin),
        Index("ix_timeline_entries_source_id", "source_id", "position"),
    )

    id: Mapped[Id]
    key: Mapped[Code] = mapped_column(unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    position: Mapped[int]
    date_text: Mapped[Line]
    """As written: `våren 2013`, `2020`."""
    sort_date: Mapped[dt.date | None]
    body: Mapped[Line | None]
    """Who did it, as written."""
    quote: Mapped[LongText | None]
    text_nb: Mapped[LongText] = mapped_column(default="")
    text_nn: Mapped[LongText] = mapped_column(default="")
    origin: Mapped[Code] = mapped_column(default=Origin.PEOPLE)
