"""Organisations: what they are called, who speaks for them, and what is theirs to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased, selectinload
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.no import orgnr

from tracker.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tracker.domain.roles import Person
from tracker.domain.status import FINISHED
from tracker.domain.versions import version_of
from tracker.models import (
    Actor,
    ActorAlias,
    ActorSuccession,
    ForumSeat,
    ForumSeatActor,
    Membership,
    Task,
    User,
)
from tracker.models.columns import Origin
from tracker.services import audit, contacts, entered, outbox, task_list, tasks
from tracker.services.task_list import TaskRow
from tracker.services.unique import unique

LONGEST_NAME: Final = 500
RELATED: Final = 20
"""Open tasks on the actor's page; a link leads to all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about an actor."""

    name: str
    aliases: tuple[str, ...] = ()
    organisation_number: str = ""
    email: str = ""
    """Its shared mailbox."""
    locale: str = "nb"


@dataclass(frozen=True, slots=True)
class Listed:
    """An actor in the list, with its seat in the forum and the number of its tasks."""

    actor: Actor
    seat: int | None
    open_count: int
    overdue_count: int


@dataclass(frozen=True, slots=True)
class Succession:
    """A body that the actor took over from, or that took over from it."""

    other_id: int
    other: str
    is_later: bool
    """The other one took over."""
    on_date: dt.date
    note_nb: str
    note_nn: str
    origin: str


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody at the actor."""

    id: int
    name: str
    roles: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """An actor's page."""

    actor: Actor
    seats: Sequence[ForumSeat]
    successions: Sequence[Succession]
    people: Sequence[Colleague]
    tasks: Sequence[TaskRow]
    """Its open tasks, the nearest deadline first."""
    open_count: int


def listed(session: Session, *, by: Person, today: dt.date) -> list[Listed]:
    """Return all actors by name; `today` is local."""
    seats = dict(
        session.execute(
            select(ForumSeatActor.actor_id, func.min(ForumSeat.number))
            .join(ForumSeat, ForumSeat.id == ForumSeatActor.seat_id)
            .group_by(ForumSeatActor.actor_id)
        ).all()
    )
    unfinished = _counts(session, by, _is_open())
    overdue = _counts(session, by, tasks.is_overdue(today))
    actors = session.scalars(
        select(Actor).options(selectinload(Actor.aliases)).order_by(Actor.name)
    )
    return [
        Listed(actor, seats.get(actor.id), unfinished.get(actor.id, 0), overdue.get(actor.id, 0))
        for actor in actors
    ]


def get(session: Session, *, actor_id: int) -> Actor:
    """Return an actor with its aliases; raises NotFoundError."""
    actor = session.scalar(
        select(Actor).where(Actor.id == actor_id).options(selectinload(Actor.aliases))
    )
    if actor is None:
        raise NotFoundError("no_such_actor_page")
    return actor


def read(session: Session, *, by: Person, actor_id: int, today: dt.date) -> Detail:
    """Return an actor's page; raises NotFoundError. `today` is local."""
    actor = get(session, actor_id=actor_id)
    own = tasks.visible_to(by).where(Task.owner_id == actor_id, _is_open())
    return Detail(
        actor=actor,
        seats=session.scalars(
            select(ForumSeat)
            .join(ForumSeatActor, ForumSeatActor.seat_id == ForumSeat.id)
            .where(ForumSeatActor.actor_id == actor_id)
            .order_by(ForumSeat.number)
        ).all(),
        successions=_successions(session, actor_id),
        people=_people(session, actor_id),
        tasks=task_list.rows(
            session,
            task_list.row_columns(own.order_by(Task.deadline_key, Task.id).limit(RELATED)),
            by=by,
            today=today,
        ),
        open_count=session.scalar(own.with_only_columns(func.count(), maintain_column_froms=True))
        or 0,
    )


def facts_of(actor: Actor) -> Facts:
    """Return what is known about `actor` now."""
    return Facts(
        name=actor.name,
        aliases=tuple(alias.name for alias in actor.aliases),
        organisation_number=actor.organisation_number or "",
        email=actor.email or "",
        locale=actor.locale,
    )


def may_edit(by: Person) -> bool:
    """Return whether `by` may add and edit actors."""
    return by.is_coordinator or by.is_admin


def create(session: Session, *, by: Person, facts: Facts) -> Actor:
    """Add an actor; raises InvalidError at a field, ForbiddenError."""
    _require_editor(by)
    actor = Actor(name=facts.name, origin=Origin.PEOPLE)
    number, email = _checked(session, None, facts)
    _write(session, actor, facts, number=number, email=email)
    with unique(session, field="name", code="actor_name_taken"):
        session.add(actor)
    audit.record(
        session,
        by=by,
        action="actor.created",
        entity="actor",
        entity_id=actor.id,
        after=asdict(facts_of(actor)),
    )
    return actor


def edit(session: Session, *, by: Person, actor_id: int, facts: Facts, seen: str) -> Actor:
    """Write `facts` over the version of the actor that the person has `seen`.

    Raises ConflictError where somebody else has edited it since, InvalidError at a field.
    """
    _require_editor(by)
    actor = get(session, actor_id=actor_id)
    if version_of(facts_of(actor)) != seen:
        raise ConflictError("changed_meanwhile")
    before = asdict(facts_of(actor))
    number, email = _checked(session, actor.id, facts)
    with unique(session, field="name", code="actor_name_taken"):
        _write(session, actor, facts, number=number, email=email)
    after = asdict(facts_of(actor))
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        audit.record(
            session,
            by=by,
            action="actor.edited",
            entity="actor",
            entity_id=actor.id,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )
    return actor


def organisation_number(text: str) -> str:
    """Return the nine digits of an organisation number, its check digit verified (mod 11).

    Raises InvalidError at `organisation_number`. The rule is Brønnøysundregistrene's.
    """
    try:
        return str(orgnr.validate(text))
    except InvalidChecksum as error:
        raise InvalidError("organisation_number", "organisation_number_check") from error
    except ValidationError as error:
        raise InvalidError("organisation_number", "organisation_number_form") from error


def _is_open() -> ColumnElement[bool]:
    # What has no settled status is open too.
    return func.coalesce(Task.status, "").not_in(FINISHED)


def _counts(session: Session, by: Person, which: ColumnElement[bool]) -> dict[int | None, int]:
    rows = session.execute(
        tasks.visible_to(by)
        .with_only_columns(Task.owner_id, func.count())
        .where(Task.owner_id.is_not(None), which)
        .group_by(Task.owner_id)
    )
    return dict(rows.all())


def _successions(session: Session, actor_id: int) -> list[Succession]:
    before, after = aliased(Actor), aliased(Actor)
    rows = session.execute(
        select(ActorSuccession, before.name, after.name)
        .join(before, before.id == ActorSuccession.predecessor_id)
        .join(after, after.id == ActorSuccession.successor_id)
        .where(
            (ActorSuccession.predecessor_id == actor_id)
            | (ActorSuccession.successor_id == actor_id)
        )
        .order_by(ActorSuccession.on_date, ActorSuccession.id)
    )
    return [
        Succession(
            other_id=row.successor_id if row.predecessor_id == actor_id else row.predecessor_id,
            other=later if row.predecessor_id == actor_id else earlier,
            is_later=row.predecessor_id == actor_id,
            on_date=row.on_date,
            note_nb=row.note_nb,
            note_nn=row.note_nn,
            origin=row.origin,
        )
        for row, earlier, later in rows
    ]


def _people(session: Session, actor_id: int) -> list[Colleague]:
    rows = session.execute(
        select(User.id, User.name, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.actor_id == actor_id, User.active)
        .order_by(User.name, User.id, Membership.id)
    )
    people: dict[int, tuple[str, list[str]]] = {}
    for user_id, name, role in rows:
        people.setdefault(user_id, (name, []))[1].append(role)
    return [Colleague(user_id, name, roles) for user_id, (name, roles) in people.items()]


def _require_editor(by: Person) -> None:
    if not may_edit(by):
        raise ForbiddenError("not_for_your_role")


def _checked(session: Session, actor_id: int | None, facts: Facts) -> tuple[str | None, str | None]:
    """Return number and address in their stored form; raises InvalidError at a field."""
    others = select(Actor.name).where(Actor.id != (actor_id or 0))
    if session.scalar(others.where(Actor.name == facts.name)) is not None:
        raise InvalidError("name", "actor_name_taken")
    if any(len(alias) > LONGEST_NAME for alias in facts.aliases):
        raise InvalidError("aliases", "bad_name", longest=LONGEST_NAME)
    number = organisation_number(facts.organisation_number) if facts.organisation_number else None
    if number is not None:
        holder = session.scalar(others.where(Actor.organisation_number == number))
        if holder is not None:
            raise InvalidError("organisation_number", "organisation_number_taken", name=holder)
    return number, entered.address(facts.email) if facts.email else None


def _write(
    session: Session, actor: Actor, facts: Facts, *, number: str | None, email: str | None
) -> None:
    if number != actor.organisation_number:
        actor.organisation_number_origin = Origin.PEOPLE if number else None
    if email != actor.email:
        # A new address has not failed yet.
        actor.email_failed_at = actor.email_failure = None
        if actor.id is not None:
            contacts.works(session, addressee=outbox.to_actor(actor.id))
    actor.name, actor.organisation_number, actor.email = facts.name, number, email
    actor.locale = facts.locale
    # Kept as they are where they stay, so that it remains known who says so.
    kept = [alias for alias in actor.aliases if alias.name in facts.aliases]
    for alias in actor.aliases:
        if alias not in kept:
            session.delete(alias)
    known = {alias.name for alias in kept}
    new = [name for name in dict.fromkeys(facts.aliases) if name not in known]
    actor.aliases = kept + [ActorAlias(name=name, origin=Origin.PEOPLE) for name in new]
