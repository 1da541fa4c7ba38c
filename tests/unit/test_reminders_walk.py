"""The clock walks through months and years, and an independent reckoning says what was due.

The reckoning below knows nothing of the product's code but the calendar's `is_closed`: it lists
each step's day from the written rules and moves it by hand.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reminding import (
    CALENDAR,
    COORDINATOR,
    DAY,
    KARI,
    KS,
    LEAD,
    Clock,
    days,
    people,
    task,
)
from tracker.domain.calendar import due_date
from tracker.domain.reminders import Reason, digests
from tracker.domain.status import Precision, Status

Due = tuple[dt.date, int]
"""The day on which something is sent, and its distance in days from the deadline."""


def moved_back(day: dt.date) -> dt.date:
    while CALENDAR.is_closed(day):
        day -= DAY
    return day


def moved_on(day: dt.date) -> dt.date:
    while CALENDAR.is_closed(day):
        day += DAY
    return day


def owners_steps(due: dt.date, precision: Precision, until: dt.date) -> list[Due]:
    """List what the responsible person gets of a task that nobody ever touches."""
    offsets = [-90, -30, 0] if precision is Precision.YEAR else [-30, -7, 0]
    steps = [(moved_back(due + offset * DAY), offset) for offset in offsets]
    nominal = [due + DAY]
    mondays = [day for day in days(due + 2 * DAY, due + 40 * DAY) if day.weekday() == 0]
    nominal += mondays[:4]
    nominal += [day for day in days(mondays[3] + DAY, until) if day.day == 1]
    steps += [(moved_on(day), (day - due).days) for day in nominal]
    # Where several meet on one day, the last in the order of their own days is sent.
    return [(day, offset) for day, offset in dict(steps).items() if day <= until]


def expected(due: dt.date, precision: Precision, until: dt.date) -> Counter[tuple[object, ...]]:
    rows = [(day, f"user:{KARI}", offset) for day, offset in owners_steps(due, precision, until)]
    rows += [
        (moved_on(due + number * DAY), addressee, number)
        for addressee, number in ((f"user:{LEAD}", 14), (f"user:{COORDINATOR}", 21))
    ]
    return Counter(row for row in rows if row[0] <= until)


@pytest.mark.parametrize("precision", list(Precision))
def test_every_deadline_of_a_year_is_reminded_of_as_the_written_rules_say(
    precision: Precision,
) -> None:
    for start in days(dt.date(2027, 1, 1), dt.date(2027, 12, 31)):
        due = due_date(start, precision)
        if due != start:
            continue
        until = due + 150 * DAY
        walk = Clock().walk(due - 120 * DAY, until, task(due=due, precision=precision))
        assert Counter(walk) == expected(due, precision, until), due


def test_ten_years_of_being_late_are_reminded_of_monthly_and_never_twice() -> None:
    due = dt.date(2026, 6, 15)
    until = due + 3650 * DAY
    walk = Clock().walk(due - 40 * DAY, until, task(due=due))
    assert Counter(walk) == expected(due, Precision.DAY, until)


dates = st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31))
precisions = st.sampled_from(list(Precision))


@given(due=dates, precision=precisions, broken=st.sets(st.integers(0, 200), max_size=150))
@settings(deadline=None, max_examples=150)
def test_a_worker_that_is_often_down_still_sends_the_latest_step_once_it_is_up(
    due: dt.date, precision: Precision, broken: set[int]
) -> None:
    due = due_date(due, precision)
    first, until = due - 100 * DAY, due + 100 * DAY
    facts = task(due=due, precision=precision)
    clock = Clock(people(leads={}, coordinators=()))
    walk = clock.walk(first, until, facts, works=lambda day: (day - first).days not in broken)

    steps = sorted(owners_steps(due, precision, until), key=lambda step: step[1])
    working = [
        day
        for day in days(first, until)
        if not CALENDAR.is_closed(day) and (day - first).days not in broken
    ]
    last_sent = None
    wanted = []
    for day in working:
        reached = [offset for send_on, offset in steps if send_on <= day]
        if reached and reached[-1] != last_sent:
            last_sent = reached[-1]
            wanted.append((day, f"user:{KARI}", last_sent))
    assert walk == wanted


@given(
    changes=st.lists(
        st.tuples(
            st.integers(1, 40),
            st.sampled_from(["in_progress", "on_hold", "reported_done", "closed", "ongoing"]),
            st.sampled_from([KARI, LEAD, None]),
            st.none() | st.integers(-30, 60),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(deadline=None, max_examples=150)
def test_whatever_happens_no_key_comes_twice_and_nothing_is_sent_on_a_closed_day(
    changes: list[tuple[int, str, int | None, int | None]],
) -> None:
    clock = Clock()
    today, series = dt.date(2026, 3, 2), 1
    facts = task(due=today + 35 * DAY)
    for wait, status, responsible, deadline in changes:
        # Clock.run asserts that no key comes twice.
        clock.walk(today, today + wait * DAY, facts)
        today += wait * DAY
        series += 1
        facts = task(
            series=series,
            status=Status(status),
            responsible_id=responsible,
            due=None if deadline is None else today + deadline * DAY,
            last_update_on=today,
            look_again_on=today + 5 * DAY,
        )
    assert not [day for day, _ in clock.finds if CALENDAR.is_closed(day)]
    for day in {day for day, _ in clock.finds}:
        found = [find for when, find in clock.finds if when == day]
        for addressee, lines in digests(found).items():
            tasks = [line.task_id for line in lines]
            assert len(tasks) == len(set(tasks)), (day, addressee)
            assert all(line.finds for line in lines)


@given(due=dates, gap=st.integers(1, 400))
@settings(deadline=None, max_examples=150)
def test_the_length_of_a_gap_never_makes_more_than_one_reminder_per_receiver(
    due: dt.date, gap: int
) -> None:
    clock = Clock()
    day = moved_on(due + gap * DAY)
    found = clock.run(day, task(due=due))
    sent_to = Counter(find.key.addressee for find in found if find.superseded is None)
    assert sent_to[f"user:{KARI}"] == 1
    assert set(sent_to.values()) == {1}
    assert all(find.superseded in {None, Reason.LATER_STEP} for find in found)


def test_a_second_run_of_a_thousand_tasks_on_the_same_day_finds_nothing() -> None:
    due = dt.date(2026, 6, 15)
    tasks = [task(id=n, due=due + n % 60 * DAY, owner_id=KS) for n in range(1000)]
    clock = Clock()
    first = clock.run(due, *tasks)
    assert len({find.key for find in first}) == len(first)
    assert clock.run(due, *tasks) == []
