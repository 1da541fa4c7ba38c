"""Who gets the mail of somebody who is away. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple


class Away(NamedTuple):
    """Days on which a person is away, the last one included."""

    user_id: int
    first_on: dt.date
    last_on: dt.date
    substitute_id: int | None


def stand_in(
    user_id: int, *, away: Mapping[int, Away], reachable: Collection[int] | None = None
) -> int:
    """Return who gets the mail of `user_id`: the first substitute in the chain who is there.

    `away` holds the absences of the day by person. Where the chain leads nowhere, or to somebody
    who is not `reachable` (None: everybody is), it is the person, as always.
    """
    seen, current = {user_id}, user_id
    while (absence := away.get(current)) is not None:
        if absence.substitute_id is None or absence.substitute_id in seen:
            return user_id
        current = absence.substitute_id
        seen.add(current)
    return current if reachable is None or current in reachable else user_id


def is_circular(new: Away, others: Iterable[Away]) -> bool:
    """Return whether on some day of `new` its chain of substitutes comes back to the person."""
    overlapping = [
        other for other in others if other.first_on <= new.last_on and other.last_on >= new.first_on
    ]
    # Who is away changes on the first days of absences only.
    days = {new.first_on, *(max(other.first_on, new.first_on) for other in overlapping)}
    return any(_comes_back(new, overlapping, day) for day in days)


def _comes_back(new: Away, others: Iterable[Away], day: dt.date) -> bool:
    substitutes = {
        other.user_id: other.substitute_id
        for other in others
        if other.first_on <= day <= other.last_on
    }
    current, seen = new.substitute_id, set[int]()
    while current is not None and current not in seen:
        if current == new.user_id:
            return True
        seen.add(current)
        current = substitutes.get(current)
    return False
