"""Makes the demonstration: the starting set, and around it invented people and some months.

It takes several transactions, because the reminders of the last working days are planned and
delivered as on any other morning; so this is one of the few services that begin and commit their
own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from config import Settings
from tracker import clock
from tracker.data.demonstration import demonstration
from tracker.db import Base, Database
from tracker.domain.calendar import DAY
from tracker.domain.errors import ConflictError
from tracker.mail.senders import MailboxSender
from tracker.models import AuditDetails, AuditEvent, AuditHead, Task, User
from tracker.services import (
    audit,
    delivery,
    demonstration_bulk,
    demonstration_history,
    demonstration_people,
    installation,
    migrations,
    reminders,
    starting_set,
)
from tracker.services.closed_days import calendar
from tracker.services.demonstration_dates import Days

MORNINGS: Final = 10
"""So many working days before today have had their reminders; today's are left to the scheduler."""
BEGAN_DAYS_AGO: Final = 210
"""When the starting set was loaded, in the story."""


def made_on(session: Session) -> dt.date | None:
    """Return the local date that the demonstration was made around, or None without one."""
    return installation.demonstration_on(session)


def check(session: Session, *, settings: Settings) -> None:
    """Raise ConflictError where invented data could meet real people or leave this machine."""
    if settings.smtp is not None and not settings.smtp.is_local:
        raise ConflictError("demonstration_smtp")
    is_demonstration = installation.is_demonstration(session)
    others = demonstration_people.other_people(session)
    if others or (not is_demonstration and session.scalar(select(User.id).limit(1))):
        raise ConflictError("demonstration_people")


def make(database: Database, *, settings: Settings, now: dt.datetime) -> None:
    """Make the demonstration around the local date of `now` (aware UTC), which is checked first."""
    days = _days(settings, now)
    slots = list(_slots(settings, days))
    with database.session(write=True) as session:
        check(session, settings=settings)
        _begin(session, days)
        _tell(session, days, after=None, until=slots[0])
    for slot, following in zip(slots, [*slots[1:], now], strict=True):
        _remind(database, settings, slot)
        with database.session(write=True) as session:
            _tell(session, days, after=slot, until=following)


def renew(database: Database, *, settings: Settings, now: dt.datetime) -> None:
    """Throw everything away, the log included, and make the demonstration afresh.

    Everything is the demonstration's own, or `check` refuses.
    """
    with database.session(write=True) as session:
        check(session, settings=settings)
        _empty(session)
    migrations.downgrade(database, "base")
    migrations.upgrade(database)
    make(database, settings=settings, now=now)


def enlarge(
    database: Database,
    *,
    tasks: int,
    people: int,
    settings: Settings,
    now: dt.datetime,
    progress: Callable[[int], None],
) -> None:
    """Add synthetic measures, each with three updates, and people to the demonstration."""
    days = _days(settings, now)
    with database.session(write=True) as session:
        check(session, settings=settings)
        demonstration_bulk.add(
            session,
            demonstration().bulk,
            tasks=tasks,
            people=people,
            days=days,
            progress=progress,
        )
    database.optimize()


def _empty(session: Session) -> None:
    """Delete all rows but the log's, which nothing may delete.

    Without this, dropping a table on SQLite takes hours: it deletes row by row and looks for each
    in the tables that refer to it, whose indexes are gone by then.
    """
    for table in reversed(Base.metadata.sorted_tables):
        if table not in {model.__table__ for model in (AuditHead, AuditEvent, AuditDetails)}:
            session.execute(delete(table))


def _begin(session: Session, days: Days) -> None:
    began = days.moment(BEGAN_DAYS_AGO)
    installation.set_demonstration(session, on=days.today)
    with audit.dated(session, began):
        starting_set.load(session, now=began)
    # Where the starting set was there before, its tasks are as old as the story all the same.
    session.execute(update(Task).values(created_at=began, changed_at=began))
    demonstration_people.add(session, demonstration(), at=began)
    demonstration_people.add_calendar(session, demonstration(), days=days, at=began)
    session.flush()


def _remind(database: Database, settings: Settings, slot: dt.datetime) -> None:
    """Plan and deliver as the scheduler would have, into the built-in mailbox."""
    with database.session(write=True) as session:
        run = reminders.plan_run(session, settings=settings, now=slot, slot=slot)
    counts = delivery.deliver_due(database, MailboxSender(), settings=settings, now=lambda: slot)
    if run is not None:
        with database.session(write=True) as session:
            reminders.finish(session, run_id=run.id, counts=counts.as_dict())


def _tell(session: Session, days: Days, *, after: dt.datetime | None, until: dt.datetime) -> None:
    demonstration_history.tell(session, demonstration(), days=days, after=after, until=until)


def _days(settings: Settings, now: dt.datetime) -> Days:
    return Days(
        clock.local_date(now, settings.timezone), settings.timezone, calendar(settings.closed_days)
    )


def _slots(settings: Settings, days: Days) -> Iterator[dt.datetime]:
    """Give the slots until yesterday; a scheduler takes those of closed days too."""
    day = days.working_days_before(MORNINGS)[0]
    while day < days.today:
        yield from reminders.slots_of(day, settings=settings)
        day += DAY
