"""Whole lists for scripts, and finding an actor by any of its names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from tracker.domain.errors import NotFoundError
from tracker.models import Actor, Membership, Task, User
from tracker.services.sign_in import address_of
from tracker.services.tasks import visible_to


@dataclass(frozen=True, kw_only=True)
class ListedUser:
    """A person; `actor` is the first one that a role is in."""

    email: str
    name: str
    actor: str | None
    roles: list[str]
    locale: str


@dataclass(frozen=True, kw_only=True)
class ListedTask:
    """A task; what is not settled is None."""

    ref: str
    kind: str
    status: str | None
    owner: str | None
    responsible: str | None
    deadline: date | None


def users(session: Session) -> list[ListedUser]:
    """Return all people who may sign in, by address."""
    found = session.scalars(
        select(User)
        .where(User.active)
        .options(selectinload(User.memberships).joinedload(Membership.actor))
        .order_by(User.email)
    )
    return [
        ListedUser(
            email=user.email,
            name=user.name,
            actor=next((m.actor.name for m in user.memberships if m.actor), None),
            roles=list(dict.fromkeys(m.role for m in user.memberships)),
            locale=user.locale,
        )
        for user in found
    ]


def tasks(session: Session) -> list[ListedTask]:
    """Return all tasks by reference; who is responsible is named by the address."""
    rows = session.execute(
        visible_to(None)
        .outerjoin(Actor, Actor.id == Task.owner_id)
        .outerjoin(User, User.id == Task.responsible_id)
        .with_only_columns(Task.ref, Task.kind, Task.status, Actor.name, User.email, Task.deadline)
        .order_by(Task.ref_key)
    )
    return [
        ListedTask(
            ref=ref,
            kind=kind,
            status=status,
            owner=owner,
            responsible=responsible,
            deadline=deadline,
        )
        for ref, kind, status, owner, responsible, deadline in rows
    ]


def user_by_email(session: Session, email: str) -> User:
    """Return the person with this address; raises NotFoundError."""
    user = session.scalar(select(User).where(User.email == address_of(email)))
    if user is None:
        raise NotFoundError("no_such_person")
    return user


def actor_by_name(session: Session, name: str) -> Actor:
    """Return the actor with this name or alias, in any case.

    Raises NotFoundError with the known names as `known`.
    """
    actors = session.scalars(
        select(Actor).options(selectinload(Actor.aliases)).order_by(Actor.name)
    ).all()
    by_name = {alias.name.casefold(): actor for actor in actors for alias in actor.aliases}
    by_name |= {actor.name.casefold(): actor for actor in actors}
    found = by_name.get(name.strip().casefold())
    if found is None:
        raise NotFoundError("no_such_actor", known=[actor.name for actor in actors])
    return found
