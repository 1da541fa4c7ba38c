"""What is done once a day, by whoever took the day's slot."""

from __future__ import annotations

import datetime as dt
import logging

from tracker.db import Database
from tracker.services import audit, sessions, sign_in, submissions

logger = logging.getLogger(__name__)


def daily(database: Database, *, now: dt.datetime) -> None:
    """Note the head of the audit log outside the database, forget what has run out, count anew.

    A tail that somebody cuts off shows only against a head that was kept elsewhere: in the log.
    """
    with database.session(write=True) as session:
        number, head = audit.head(session)
        sessions.forget_ended(session, now=now)
        sign_in.forget_links(session, now=now)
        submissions.forget(session, now=now)
    database.optimize()
    logger.info("audit log: %s events, last hash %s", number, head)
