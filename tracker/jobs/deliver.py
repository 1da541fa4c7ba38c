"""Sends what lies in the outbox."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from contextlib import closing

from config import Settings
from tracker.db import Database
from tracker.mail.senders import make_sender
from tracker.services import delivery

logger = logging.getLogger(__name__)


def send_due(
    database: Database,
    *,
    settings: Settings,
    now: Callable[[], dt.datetime],
    stopping: Callable[[], bool],
) -> None:
    """Send until nothing is due, over one connection to the mail server."""
    with closing(make_sender(settings.smtp)) as sender:
        counts = delivery.deliver_due(
            database, sender, settings=settings, now=now, stopping=stopping
        )
    if any(counts.as_dict().values()):
        logger.info("delivery: %s", counts)
