"""The database goes away while it commits: nobody knows whether it did, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from config import Settings
from tests.client import Clock
from tests.faults import installations
from tests.faults.mail_server import MailServer
from tracker.db import Database
from tracker.jobs import plan
from tracker.models import ReminderRun
from tracker.services import audit

PEOPLE: Final = 5


class Losing(Database):
    """Loses its connection at one of the commits, after it or instead of it."""

    def __init__(self, url: str, *, at: int, after_commit: bool) -> None:
        super().__init__(url, before_commit=audit.write_pending)
        self.left = at
        self._after_commit = after_commit

    def commit(self, session: Session) -> None:
        self.left -= 1
        if self.left:
            super().commit(session)
            return
        if self._after_commit:
            super().commit(session)
        else:
            session.rollback()
        raise OperationalError("COMMIT", {}, Exception("server closed the connection"))


@pytest.mark.parametrize("after_commit", [True, False], ids=["committed", "rolled back"])
def test_a_connection_lost_at_any_commit_loses_no_mail_and_repeats_only_what_is_counted(
    database: Database, smtp_settings: Settings, server: MailServer, now: Clock,
    undisturbed: Callable[[int], Counter[str]], after_commit: bool,
) -> None:  # fmt: skip
    expected = undisturbed(PEOPLE)
    installations.make_people(database, PEOPLE)
    at = 0
    losing = Losing(smtp_settings.database_url, at=0, after_commit=after_commit)
    while losing.left <= 0:
        at += 1
        losing = Losing(smtp_settings.database_url, at=at, after_commit=after_commit)
        with suppress(OperationalError):
            plan.tick(losing, settings=smtp_settings, now=now)
            if losing.left > 0:
                installations.send_due(losing, smtp_settings, now)
        losing.dispose()
        now.advance(minutes=11)
    installations.send_due(database, smtp_settings, now)

    assert at > 3
    repeated = installations.assert_none_lost_none_twice(database, server, expected)
    assert repeated <= installations.possibly_duplicate(database) <= at
    with database.session(write=False) as session:
        runs = session.scalars(select(ReminderRun).order_by(ReminderRun.id)).all()
    # A run that was made is no failure, although the worker could not know; one rolled back is.
    assert [(bool(run.slot), bool(run.error)) for run in runs] == (
        [(True, False)] if after_commit else [(False, True), (True, False)]
    )
