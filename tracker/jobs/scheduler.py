"""The scheduler of this process. It only ticks: what is due is asked of the database.

Any number of processes may tick at the same time, because a slot is taken in the transaction that
plans it and a mail is claimed with a lease.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from config import Settings
from tracker import clock
from tracker.db import Database
from tracker.jobs import deliver, plan

PLAN_EVERY: Final = 60
DELIVER_EVERY: Final = 5
"""Seconds: somebody may sit and wait for a sign-in link."""
MISFIRE_GRACE: Final = 30
"""Seconds that a tick may be late; after that the next one does its work."""


def start(
    database: Database, *, settings: Settings, now: Callable[[], dt.datetime]
) -> Callable[[], None]:
    """Begin to tick; return what ends it, once the mail on its way has left.

    `now` gives the present as aware UTC.
    """
    stopping = threading.Event()
    scheduler = BackgroundScheduler(
        timezone=dt.UTC, executors={"default": ThreadPoolExecutor(max_workers=2)}
    )
    jobs: tuple[tuple[Callable[[], None], int], ...] = (
        (lambda: plan.tick(database, settings=settings, now=now), PLAN_EVERY),
        (
            lambda: deliver.send_due(
                database, settings=settings, now=now, stopping=stopping.is_set
            ),
            DELIVER_EVERY,
        ),
    )
    for job, seconds in jobs:
        scheduler.add_job(
            job,
            "interval",
            seconds=seconds,
            next_run_time=clock.now(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=MISFIRE_GRACE,
        )
    scheduler.start()

    def stop() -> None:
        stopping.set()
        scheduler.shutdown(wait=True)

    return stop
