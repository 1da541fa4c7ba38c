from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.calendar import (
    Calendar,
    Period,
    days_of,
    due_date,
    easter,
    first_of_next_month,
    next_monday,
)
from tracker.domain.status import Precision


def no_holidays(year: int) -> list[dt.date]:
    return []


def constitution_day(year: int) -> list[dt.date]:
    return [dt.date(year, 5, 17)]


@pytest.mark.parametrize(
    ("year", "sunday"),
    [
        (2000, dt.date(2000, 4, 23)),
        (2008, dt.date(2008, 3, 23)),
        (2011, dt.date(2011, 4, 24)),
        (2019, dt.date(2019, 4, 21)),
        (2024, dt.date(2024, 3, 31)),
        (2026, dt.date(2026, 4, 5)),
        (2027, dt.date(2027, 3, 28)),
        (2038, dt.date(2038, 4, 25)),
    ],
)
def test_easter_falls_on_the_sunday_of_the_almanac(year: int, sunday: dt.date) -> None:
    assert easter(year) == sunday


def test_weekends_are_closed() -> None:
    calendar = Calendar(no_holidays)
    assert [calendar.is_closed(dt.date(2026, 11, day)) for day in range(16, 23)] == [
        *[False] * 5,
        *[True] * 2,
    ]


def test_the_two_eves_are_closed_every_year_to_start_with() -> None:
    calendar = Calendar(no_holidays)
    for year in (2026, 2027, 2028):
        assert calendar.is_closed(dt.date(year, 12, 24))
        assert calendar.is_closed(dt.date(year, 12, 31))
    assert not calendar.is_closed(dt.date(2026, 12, 23))


def test_a_public_holiday_is_closed_in_its_own_year_only() -> None:
    calendar = Calendar(lambda year: [dt.date(2027, 5, 18)] if year == 2027 else [])
    assert calendar.is_closed(dt.date(2027, 5, 18))
    assert not calendar.is_closed(dt.date(2026, 5, 18))


def test_a_single_closed_day_does_not_recur() -> None:
    calendar = Calendar(no_holidays, single=frozenset({dt.date(2026, 11, 18)}))
    assert calendar.is_closed(dt.date(2026, 11, 18))
    assert not calendar.is_closed(dt.date(2027, 11, 18))


def test_a_day_before_the_deadline_moves_backwards_over_whitsun_and_17_may() -> None:
    # 2027: 16 May is Whit Sunday, 17 May both Whit Monday and Constitution Day.
    calendar = Calendar(constitution_day)
    assert calendar.working_day_on_or_before(dt.date(2027, 5, 17)) == dt.date(2027, 5, 14)
    assert calendar.working_day_on_or_after(dt.date(2027, 5, 15)) == dt.date(2027, 5, 18)


def test_an_open_day_stays_where_it_is() -> None:
    calendar = Calendar(no_holidays)
    monday = dt.date(2026, 11, 23)
    assert calendar.working_day_on_or_before(monday) == monday
    assert calendar.working_day_on_or_after(monday) == monday


def test_a_search_crosses_the_turn_of_the_year() -> None:
    calendar = Calendar(lambda year: [dt.date(year, 1, 1)])
    assert calendar.working_day_on_or_after(dt.date(2026, 12, 31)) == dt.date(2027, 1, 4)
    assert calendar.working_day_on_or_before(dt.date(2027, 1, 3)) == dt.date(2026, 12, 30)


def test_a_calendar_that_is_never_open_is_refused_rather_than_searched_for_ever() -> None:
    always = frozenset((month, day) for month in range(1, 13) for day in range(1, 32))
    with pytest.raises(ValueError, match="no open day"):
        Calendar(no_holidays, recurring=always).working_day_on_or_after(dt.date(2026, 1, 1))


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        (Period.EASTER_WEEK, dt.date(2026, 3, 30), dt.date(2026, 4, 1)),
        (Period.SUMMER, dt.date(2026, 7, 6), dt.date(2026, 7, 26)),
        (Period.ROMJUL, dt.date(2026, 12, 27), dt.date(2026, 12, 30)),
    ],
)
def test_a_named_period_covers_its_days_and_no_more(
    period: Period, first: dt.date, last: dt.date
) -> None:
    days = days_of(period, 2026)
    assert (days[0], days[-1], len(days)) == (first, last, (last - first).days + 1)
    calendar = Calendar(no_holidays, periods=frozenset({period}))
    assert all(calendar.is_closed(day) for day in days)


def test_a_named_period_is_open_unless_it_was_chosen() -> None:
    assert not Calendar(no_holidays).is_closed(dt.date(2026, 7, 15))


@pytest.mark.parametrize(
    ("precision", "due"),
    [
        (Precision.DAY, dt.date(2028, 2, 10)),
        (Precision.MONTH, dt.date(2028, 2, 29)),
        (Precision.YEAR, dt.date(2028, 12, 31)),
    ],
)
def test_a_deadline_is_due_at_the_end_of_its_period(precision: Precision, due: dt.date) -> None:
    assert due_date(dt.date(2028, 2, 10), precision) == due


def test_a_deadline_in_december_is_due_in_the_same_year() -> None:
    assert due_date(dt.date(2026, 12, 1), Precision.MONTH) == dt.date(2026, 12, 31)


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)))
def test_the_nearest_open_day_is_open_and_nothing_between_is(day: dt.date) -> None:
    calendar = Calendar(constitution_day, periods=frozenset(Period))
    before = calendar.working_day_on_or_before(day)
    after = calendar.working_day_on_or_after(day)
    assert before <= day <= after
    assert not calendar.is_closed(before)
    assert not calendar.is_closed(after)
    between = (before + dt.timedelta(days=n) for n in range(1, (after - before).days))
    assert all(calendar.is_closed(other) for other in between)


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)))
def test_the_next_monday_and_month_lie_strictly_ahead(day: dt.date) -> None:
    monday, first = next_monday(day), first_of_next_month(day)
    assert monday.weekday() == 0
    assert 1 <= (monday - day).days <= 7
    assert first.day == 1
    assert 1 <= (first - day).days <= 31
