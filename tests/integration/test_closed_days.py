from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from config import ClosedDays, Settings
from tracker import create_app
from tracker.services import closed_days

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("closed", "day", "name"),
    [
        (ClosedDays(), dt.date(2026, 5, 17), "a public holiday on a Sunday"),
        (ClosedDays(), dt.date(2026, 5, 14), "a public holiday on a Thursday"),
        (Settings.closed_days, dt.date(2026, 12, 24), "Christmas Eve, to start with"),
        (ClosedDays(single=frozenset({dt.date(2026, 5, 15)})), dt.date(2026, 5, 15), "one day"),
        (ClosedDays(periods=frozenset({"easter_week"})), dt.date(2026, 3, 31), "påskeuke"),
        (ClosedDays(periods=frozenset({"summer"})), dt.date(2026, 7, 15), "fellesferie"),
        (ClosedDays(periods=frozenset({"romjul"})), dt.date(2026, 12, 29), "romjul"),
    ],
)
def test_the_application_keeps_the_closed_days_of_its_settings(
    settings: Settings, closed: ClosedDays, day: dt.date, name: str
) -> None:
    try:
        create_app(replace(settings, closed_days=closed))
        assert closed_days.calendar().is_closed(day), name
    finally:
        closed_days.use(Settings.closed_days)


def test_an_installation_may_work_on_christmas_eve(settings: Settings) -> None:
    try:
        create_app(replace(settings, closed_days=ClosedDays()))
        assert not closed_days.calendar().is_closed(dt.date(2026, 12, 24))
    finally:
        closed_days.use(Settings.closed_days)
