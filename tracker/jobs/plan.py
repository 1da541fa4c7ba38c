"""Plans the reminders of a slot that has passed and that nobody has taken."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from config import Settings
from tracker.db import Database
from tracker.jobs import heartbeat, housekeep
from tracker.services import reminders

logger = logging.getLogger(__name__)


def tick(database: Database, *, settings: Settings, now: Callable[[], dt.datetime]) -> None:
    """Take the latest slot of the day if it is free. A run that fails is tried again."""
    moment = now()
    slot = reminders.passed_slot(moment, settings=settings)
    if slot is None:
        return
    try:
        with database.session(write=False) as session:
            if reminders.is_taken(session, slot=slot):
                return
        with database.session(write=True) as session:
            run = reminders.plan_run(session, settings=settings, now=moment, slot=slot)
    except Exception as error:
        logger.exception("the run of the slot %s failed", slot)
        with database.session(write=True) as session:
            # Where only the answer to the commit was lost, the run is there, and it went well.
            if not reminders.is_taken(session, slot=slot):
                text = f"{type(error).__name__}: {error}"
                reminders.record_failure(session, at=moment, error=text)
    else:
        if run is not None:
            logger.info("the run of the slot %s planned %s", slot, run.counts)
            housekeep.daily(database, now=moment)
            heartbeat.beat(settings.heartbeat_url)
