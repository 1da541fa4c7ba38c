"""The calendar of this installation: which days nothing is sent on."""

from __future__ import annotations

import datetime as dt
from functools import cache

import holidays

from config import ClosedDays
from tracker.domain.calendar import Calendar, Period


@cache
def calendar(closed: ClosedDays) -> Calendar:
    """Return the calendar with Norway's public holidays and the days in the settings."""
    return Calendar(
        _public_holidays,
        recurring=closed.recurring,
        single=closed.single,
        periods=frozenset(Period(name) for name in closed.periods),
    )


def _public_holidays(year: int) -> list[dt.date]:
    return sorted(holidays.country_holidays("NO", years=year))
