"""People, their roles, sessions and sign-in."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.db import Base
from tracker.domain.roles import Role
from tracker.models.actors import Actor
from tracker.models.columns import ActorId, Code, Id, Line, Locale, LongText, UserId, one_of


class User(Base):
    """A person with an e-mail address, who may sign in and receive reminders."""

    __tablename__ = "users"
    __table_args__ = (one_of("locale", "nb", "nn", "en"), Index("ix_users_name", "name", "id"))

    id: Mapped[Id]
    email: Mapped[Line] = mapped_column(unique=True)
    """Lower case."""
    name: Mapped[Line]
    locale: Mapped[Locale] = mapped_column(default="nb")
    password_hash: Mapped[Line | None]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime]
    invited_at: Mapped[dt.datetime | None]
    """When the last invitation was mailed; null: none was."""
    signed_in_at: Mapped[dt.datetime | None]
    """When the person last signed in; null: never."""
    email_failed_at: Mapped[dt.datetime | None]
    """When the mail server last said that the address does not exist; null: none known."""
    email_failure: Mapped[LongText | None]

    memberships: Mapped[list[Membership]] = relationship(
        back_populates="user", order_by="Membership.id"
    )


class Membership(Base):
    """A role of a person, in an actor (`member`, `lead`) or in general at an employer."""

    __tablename__ = "memberships"
    __table_args__ = (
        one_of("role", *Role),
        Index("ix_memberships_actor_id", "actor_id", "role"),
        Index("ix_memberships_role", "role"),
        UniqueConstraint("user_id", "role", "actor_id"),
        # Nulls are distinct in a unique constraint, so general roles need their own.
        Index(
            "uq_memberships_general",
            "user_id",
            "role",
            unique=True,
            sqlite_where=text("actor_id IS NULL"),
            postgresql_where=text("actor_id IS NULL"),
        ),
    )

    id: Mapped[Id]
    user_id: Mapped[UserId]
    actor_id: Mapped[ActorId | None]
    role: Mapped[Code]

    user: Mapped[User] = relationship(back_populates="memberships")
    actor: Mapped[Actor | None] = relationship()


class Absence(Base):
    """Days on which a person is away, and who gets their mail meanwhile."""

    __tablename__ = "absences"
    __table_args__ = (
        CheckConstraint("last_on >= first_on", name="period"),
        Index("ix_absences_user_id", "user_id", "last_on"),
        Index("ix_absences_substitute_id", "substitute_id", "last_on"),
        Index("ix_absences_last_on", "last_on"),
    )

    id: Mapped[Id]
    user_id: Mapped[UserId]
    first_on: Mapped[dt.date]
    last_on: Mapped[dt.date]
    substitute_id: Mapped[UserId | None]
    """Null: nobody; the mail goes to the person as always."""
    created_at: Mapped[dt.datetime]
    created_by_id: Mapped[UserId]
    cancelled_at: Mapped[dt.datetime | None]

    user: Mapped[User] = relationship(foreign_keys="Absence.user_id")
    substitute: Mapped[User | None] = relationship(foreign_keys="Absence.substitute_id")


class DeclinedMail(Base):
    """A kind of reminder that a person does not want by mail."""

    __tablename__ = "declined_mail"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    kind: Mapped[Code] = mapped_column(primary_key=True)
    """A `tracker.domain.reminder_steps.OptionalKind`."""


class CalendarFeed(Base):
    """A secret address at which a calendar reads a person's deadlines: the row's signed id."""

    __tablename__ = "calendar_feeds"
    __table_args__ = (
        Index(
            "uq_calendar_feeds_current",
            "user_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    user_id: Mapped[UserId]
    nonce: Mapped[Code]
    """A part of the address, so that no other row ever has the same one."""
    created_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]

    user: Mapped[User] = relationship()


class Way(StrEnum):
    """How somebody has shown who they are."""

    PASSWORD = "password"  # noqa: S105 - the name of a way
    LINK = "link"
    DEMONSTRATION = "demonstration"


class UserSession(Base):
    """A signed-in browser. The cookie holds a token of which only the hash is kept."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        one_of("signed_in_by", *Way),
        Index("ix_user_sessions_user_id", "user_id"),
    )

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[UserId]
    created_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
    browser: Mapped[Line] = mapped_column(default="")
    network_address: Mapped[str | None] = mapped_column(String(45))
    """Where the browser signed in from; null, as the two below, for sessions from before 0003."""
    signed_in_by: Mapped[Code | None]
    """A `Way`."""
    proven_at: Mapped[dt.datetime | None]
    """When the person last showed in this browser who they are; null also when used up."""
    kept_form: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What was typed into a form when an earlier session had expired: path and fields."""

    user: Mapped[User] = relationship()


class SignInLink(Base):
    """A one-time link that signs a person in. Only the token's hash is kept."""

    __tablename__ = "sign_in_links"
    __table_args__ = (Index("ix_sign_in_links_user_id", "user_id"),)

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[UserId]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    kept_form: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What was typed before the link was asked for; goes into the session that it starts."""


class Attempt(Base):
    """An attempt that is limited in number, such as signing in."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_key", "key", "at"), Index("ix_attempts_at", "at"))

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(120))
    """What is limited and for whom, addresses hashed."""
    at: Mapped[dt.datetime]
