"""The flags of the installation."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from tracker.db import columns, prepared
from tracker.models import Installation


def is_demonstration(session: Session) -> bool:
    """Return whether the database holds demonstration data."""
    return demonstration_on(session) is not None


def demonstration_on(session: Session) -> dt.date | None:
    """Return the date that the demonstration data was made around, or None."""
    [[on]] = columns(session, *_demonstration_on())
    return on


@prepared
def _demonstration_on() -> Select[dt.date | None]:
    return select(Installation.demonstration_on)


def set_demonstration(session: Session, *, on: dt.date | None) -> None:
    """Mark the database as a demonstration made around `on`, or as none."""
    session.execute(update(Installation).values(demonstration_on=on))


def lock(session: Session) -> Installation:
    """Return the row locked until the transaction ends: what serialises planning."""
    return session.scalars(select(Installation).with_for_update()).one()
