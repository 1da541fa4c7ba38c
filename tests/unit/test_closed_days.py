from __future__ import annotations

import datetime as dt

import pytest

from config import ClosedDays, Settings
from tracker.services.closed_days import calendar


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
def test_the_closed_days_are_the_public_holidays_and_those_of_the_settings(
    closed: ClosedDays, day: dt.date, name: str
) -> None:
    assert calendar(closed).is_closed(day), name


def test_an_installation_may_work_on_christmas_eve() -> None:
    assert not calendar(ClosedDays()).is_closed(dt.date(2026, 12, 24))


def test_two_installations_keep_their_own_closed_days() -> None:
    shut = calendar(ClosedDays(single=frozenset({dt.date(2026, 5, 15)})))
    assert shut.is_closed(dt.date(2026, 5, 15))
    assert not calendar(ClosedDays()).is_closed(dt.date(2026, 5, 15))
