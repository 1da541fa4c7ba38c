"""Roles and what they permit. Pure: works on any person with the fields of `Person`."""

from __future__ import annotations

from collections.abc import Iterable
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
TRUSTED_ROLES = frozenset({Role.COORDINATOR, Role.ADMIN})
"""What only the administrator gives and takes, and whose holders only the administrator changes."""


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

    @property
    def invites(self) -> bool:
        """Return whether the person lets others in: everywhere, or in the actors that they lead."""
        return self.is_admin or self.is_coordinator or bool(self.lead_of)


def roles_to_give(person: Person) -> tuple[Role, ...]:
    """Return the roles that `person` may give, in the order of trust."""
    if person.is_admin:
        return tuple(Role)
    if person.is_coordinator:
        return tuple(role for role in Role if role not in TRUSTED_ROLES)
    return tuple(role for role in Role if role in ACTOR_ROLES) if person.lead_of else ()


def may_give(person: Person, role: Role, *, actor_id: int | None) -> bool:
    """Return whether `person` may give a role in an actor, or take it; a lead in the own only."""
    everywhere = person.is_admin or person.is_coordinator
    return role in roles_to_give(person) and (everywhere or actor_id in person.lead_of)


def may_change(person: Person, roles: Iterable[str]) -> bool:
    """Return whether `person` may change and shut out somebody with `roles`."""
    return person.is_admin or (person.is_coordinator and TRUSTED_ROLES.isdisjoint(roles))


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
