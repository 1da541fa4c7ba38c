"""The demonstration's invented people and shared mailboxes, their meetings and absences."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.data.demonstration import Demonstration, InventedPerson
from tracker.models import Absence, Actor, Meeting, Membership, User
from tracker.services import audit
from tracker.services.demonstration_dates import Days

ENDING: Final = ".example"
"""All invented addresses lie under it; RFC 2606 sets it aside, so nobody has one."""

ADVISER: Final = "kari.nordmann@ks.example"
SECRETARIAT: Final = "ingrid.solvang@sekretariatet.example"
DIRECTOR: Final = "astrid.myhre@helsedir.example"
"""The three that the sign-in page of a demonstration offers first."""


def other_people(session: Session) -> list[str]:
    """Return the addresses of people whom no demonstration has invented."""
    found = select(User.email).where(User.email.not_like(f"%{ENDING}")).order_by(User.email)
    return list(session.scalars(found))


def add(session: Session, story: Demonstration, *, at: dt.datetime) -> None:
    """Add the mailboxes and people, as made by the system at `at` (aware UTC)."""
    actors = {actor.name: actor for actor in session.scalars(select(Actor))}
    for mailbox in story.mailboxes:
        actors[mailbox.actor].email = mailbox.email
        actors[mailbox.actor].locale = mailbox.locale
    with audit.dated(session, at):
        for person in story.people:
            _add_person(session, person, actors, at)


def add_calendar(session: Session, story: Demonstration, *, days: Days, at: dt.datetime) -> None:
    """Add the forum's meetings, and who is away, as entered by the secretary at `at`."""
    people = {user.name: user.id for user in session.scalars(select(User))}
    for meeting in story.meetings:
        held_on = days.in_days(meeting.days)
        session.add(
            Meeting(
                held_on=held_on,
                title=meeting.title,
                place=meeting.place,
                created_at=at,
                changed_at=at,
            )
        )
    for away in story.absences:
        session.add(
            Absence(
                user_id=people[away.name],
                first_on=days.in_days(away.first),
                last_on=days.in_days(away.last),
                substitute_id=people[away.substitute],
                created_at=at,
                created_by_id=people[story.secretary],
            )
        )


def _add_person(
    session: Session, person: InventedPerson, actors: dict[str, Actor], at: dt.datetime
) -> None:
    user = User(
        email=person.email,
        name=person.name,
        locale=person.locale,
        created_at=at,
        invited_at=at,
        signed_in_at=at,
    )
    actor_id = actors[person.actor].id if person.actor else None
    user.memberships = [Membership(actor_id=actor_id, role=role) for role in person.roles]
    session.add(user)
    session.flush()
    audit.record(
        session,
        by=None,
        action="user.created",
        entity="user",
        entity_id=user.id,
        after={"email": person.email, "roles": list(person.roles)},
    )
