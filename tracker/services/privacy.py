"""Whose e-mail addresses and absences one may know: those of people who work for one's own actor.

The secretariat and the administrator know everybody's, as does the system itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, exists, or_, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from tracker.domain.roles import Person
from tracker.models import Actor, Membership, User


def values(by: Person | None) -> dict[str, Any]:
    """Return what `knows` takes by keyword; None is the system itself."""
    if by is None:
        return {"everybody": True, "by_id": 0, "actor_ids": []}
    return {
        "everybody": by.is_coordinator or by.is_admin,
        "by_id": by.user_id,
        "actor_ids": sorted(by.actor_ids),
    }


def knows(
    *,
    person: InstrumentedAttribute[Any] | None = None,
    mailbox_of: InstrumentedAttribute[Any] | None = None,
    everybody: Any,
    by_id: Any,
    actor_ids: Any,
) -> ColumnElement[bool]:
    """Return the condition under which one may know a person's, or those of an actor's mailbox.

    `person` and `mailbox_of` are columns with ids.
    """
    known: list[ColumnElement[bool]] = [type_coerce(everybody, Boolean)]
    if person is not None:
        known.append(person == by_id)
        known.append(
            exists().where(Membership.user_id == person, Membership.actor_id.in_(actor_ids))
        )
    if mailbox_of is not None:
        known.append(mailbox_of.in_(actor_ids))
    return or_(*known)


def is_known(model: type[User | Actor], by: Person | None) -> ColumnElement[bool]:
    """Return the condition under which `by` may know those of a row of `model`."""
    if issubclass(model, User):
        return knows(person=User.id, **values(by))
    return knows(mailbox_of=Actor.id, **values(by))
