"""The calendar of this installation: which days nothing is sent on."""

from __future__ import annotations

import datetime as dt
from typing import Final

import holidays

from config import ClosedDays, Settings
from tracker.domain.calendar import Calendar, Period


def calendar() -> Calendar:
    """Return the calendar with Norway's public holidays and the installation's closed days."""
    return _installation[0]


def use(closed: ClosedDays) -> None:
    """Set the closed days of this process, once, when the application is put together.

    A process serves one installation, and every plan, preview and check of it must agree on the
    days; so they are not passed along with each call.
    """
    _installation[0] = _calendar_with(closed)


def _calendar_with(closed: ClosedDays) -> Calendar:
    return Calendar(
        _public_holidays,
        recurring=closed.recurring,
        single=closed.single,
        periods=frozenset(Period(name) for name in closed.periods),
    )


def _public_holidays(year: int) -> list[dt.date]:
    return sorted(holidays.country_holidays("NO", years=year))


_installation: Final = [_calendar_with(Settings.closed_days)]
