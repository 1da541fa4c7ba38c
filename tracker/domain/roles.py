"""Roles and what they permit. Pure: works on any person with the fields of `Person`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a person may be. `member` and `lead` are of an actor; the others are general."""

    READER = "reader"
    MEMBER = "member"
    LEAD = "lead"
    FORUM_MEMBER = "forum_member"
    COORDINATOR = "coordinator"
    ADMIN = "admin"


ACTOR_ROLES = frozenset({Role.MEMBER, Role.LEAD})


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: a signed-in person, or the holder of an answer link."""

    user_id: int
    name: str
    locale: str
    actor_ids: frozenset[int] = frozenset()
    """Actors that the person is employed by, in whatever role."""
    member_of: frozenset[int] = frozenset()
    """Actors on whose behalf the person may write (member or lead)."""
    lead_of: frozenset[int] = frozenset()
    roles: frozenset[Role] = field(default_factory=frozenset)

    @property
    def is_coordinator(self) -> bool:
        """Return whether the person belongs to the forum's secretariat."""
        return Role.COORDINATOR in self.roles

    @property
    def is_admin(self) -> bool:
        """Return whether the person runs users and settings."""
        return Role.ADMIN in self.roles


def may_decide_for(person: Person, *, reported_by: int | None, owner_id: int | None) -> bool:
    """Return whether `person` may confirm or send back what was reported done.

    Reporting and closing are two people's work: never who reported, nor anybody of the same
    actor, as auditors such as Riksrevisjonen practise it.
    """
    return (
        person.is_coordinator
        and person.user_id != reported_by
        and (owner_id is None or owner_id not in person.actor_ids)
    )
