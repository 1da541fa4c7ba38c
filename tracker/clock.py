"""The only place that reads the clock. Everything else takes the time as an argument."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo


def now() -> dt.datetime:
    """Return the present moment as an aware UTC datetime."""
    return dt.datetime.now(dt.UTC)


def local_date(moment: dt.datetime, timezone: str) -> dt.date:
    """Return the date that `moment` (aware) falls on in `timezone` (IANA name)."""
    return moment.astimezone(ZoneInfo(timezone)).date()
