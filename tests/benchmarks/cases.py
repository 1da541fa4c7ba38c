"""Installations in which a known number of reminders is due."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import bindparam, select, update

from tests.benchmarks.installations import Installation
from tracker import clock
from tracker.domain.reminder_rules import Rules
from tracker.domain.roles import Role
from tracker.domain.status import Precision, Status
from tracker.models import DeadlineChange, Membership, StatusUpdate, Task
from tracker.services import reminders

LONG_AGO: Final = dt.timedelta(days=60)
"""So old that nothing is news any more, and nothing too quiet yet."""
FIRST_STEP: Final = dt.timedelta(days=Rules().before[0])
"""So far ahead that the first step comes today, and none before it has been missed."""
LATER: Final = dt.timedelta(days=200)
"""So far ahead that no reminder comes yet."""


def prepare(installation: Installation, *, open_tasks: int, due: int, people: int) -> dt.datetime:
    """Leave so many tasks open, of which some are `due`, and each of `people` has as many.

    Returns the moment of the run on whose local date they fall due (aware UTC).
    """
    settings = installation.settings
    now = reminders.next_slot(clock.now(), settings=settings)
    today = clock.local_date(now, settings.timezone)
    old = now - LONG_AGO
    with installation.database() as database, database.session(write=True) as session:
        session.execute(update(StatusUpdate).values(created_at=old))
        session.execute(update(DeadlineChange).values(outcome="withdrawn", decided_at=old))
        session.execute(
            update(Task).values(
                status=Status.CLOSED, changed_at=old, last_update_at=old, assigned_at=None
            )
        )
        # What was made last is synthetic.
        members = session.execute(
            select(Membership.user_id, Membership.actor_id)
            .where(Membership.role == Role.MEMBER)
            .order_by(Membership.id.desc())
            .limit(people)
        ).all()
        ids = session.scalars(select(Task.id).order_by(Task.id.desc()).limit(open_tasks)).all()
        rows = []
        for number, task_id in enumerate(ids):
            user_id, actor_id = members[number % len(members)]
            rows.append(
                {
                    "key": task_id,
                    "responsible": user_id,
                    "owner": actor_id,
                    "day": today + (FIRST_STEP if number < due else LATER),
                }
            )
        session.connection().execute(
            update(Task)
            .where(Task.id == bindparam("key"))
            .values(
                status=Status.IN_PROGRESS,
                look_again_on=None,
                responsible_id=bindparam("responsible"),
                owner_id=bindparam("owner"),
                deadline=bindparam("day"),
                deadline_precision=Precision.DAY,
            ),
            rows,
        )
    installation.settle()
    return now
