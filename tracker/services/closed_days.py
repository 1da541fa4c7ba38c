"""The calendar of this installation: which days nothing is sent on."""

from __future__ import annotations

import datetime as dt
from functools import cache

import holidays

from tracker.domain.calendar import Calendar


@cache
def calendar() -> Calendar:
    """Return the calendar with Norway's public holidays and the closed days to start with."""
    return Calendar(_public_holidays)


def _public_holidays(year: int) -> list[dt.date]:
    return sorted(holidays.country_holidays("NO", years=year))
