"""Organisations, their names over time and the forum's seats."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.models.columns import ActorId, Code, Id, Line, Locale, LongText, Origin, one_of


class Actor(Base):
    """An organisation that owns or contributes to tasks."""

    __tablename__ = "actors"
    __table_args__ = (one_of("locale", "nb", "nn", "en"), one_of("origin", *Origin))

    id: Mapped[Id]
    name: Mapped[Line] = mapped_column(unique=True)
    """As the source writes it."""
    organisation_number: Mapped[str | None] = mapped_column(String(9), unique=True)
    organisation_number_origin: Mapped[Code | None]
    email: Mapped[Line | None]
    """Its shared mailbox."""
    email_failed_at: Mapped[dt.datetime | None]
    email_failure: Mapped[LongText | None]
    locale: Mapped[Locale] = mapped_column(default="nb")
    origin: Mapped[Code] = mapped_column(default=Origin.PEOPLE)
    version: Mapped[int] = mapped_column(default=1)

    aliases: Mapped[list[ActorAlias]] = relationship(order_by="ActorAlias.id")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy


class ActorAlias(Base):
    """Another name of an actor: an abbreviation, or how a source spells it."""

    __tablename__ = "actor_aliases"
    __table_args__ = (UniqueConstraint("actor_id", "name"),)

    id: Mapped[Id]
    actor_id: Mapped[ActorId]
    name: Mapped[Line]
    origin: Mapped[Code] = mapped_column(default=Origin.PEOPLE)


class ActorSuccession(Base):
    """One actor took over from another, wholly or in part, on a date. History stays."""

    __tablename__ = "actor_successions"
    __table_args__ = (
        UniqueConstraint("predecessor_id", "successor_id", "on_date"),
        Index("ix_actor_successions_successor_id", "successor_id"),
    )

    id: Mapped[Id]
    predecessor_id: Mapped[ActorId]
    successor_id: Mapped[ActorId]
    on_date: Mapped[dt.date]
    note_nb: Mapped[LongText] = mapped_column(default="")
    note_nn: Mapped[LongText] = mapped_column(default="")
    origin: Mapped[Code] = mapped_column(default=Origin.PEOPLE)


class ForumSeat(Base):
    """A seat in the coordinating forum, as the source names it."""

    __tablename__ = "forum_seats"

    id: Mapped[Id]
    number: Mapped[int] = mapped_column(unique=True)
    as_written: Mapped[Line]

    bodies: Mapped[list[Actor]] = relationship(
        secondary="forum_seat_actors", order_by="Actor.id", viewonly=True
    )


class ForumSeatActor(Base):
    """A body that shares a seat."""

    __tablename__ = "forum_seat_actors"
    __table_args__ = (Index("ix_forum_seat_actors_actor_id", "actor_id"),)

    seat_id: Mapped[int] = mapped_column(ForeignKey("forum_seats.id"), primary_key=True)
    actor_id: Mapped[ActorId] = mapped_column(primary_key=True)
