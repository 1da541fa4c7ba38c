"""One flag at most, and only on what is being worked on."""

import datetime as dt
from typing import Any

import pytest

from tracker.domain.flags import STALE_AFTER, Flag, flag_of
from tracker.domain.status import Assessment, Status

TODAY = dt.date(2026, 6, 1)
DAY = dt.timedelta(days=1)


def _flag(**changes: Any) -> Flag | None:
    values: dict[str, Any] = {
        "status": Status.IN_PROGRESS,
        "deadline": TODAY + DAY,
        "assessment": Assessment.ON_TRACK,
        "last_word_on": TODAY,
        "today": TODAY,
    }
    return flag_of(**(values | changes))


def test_a_task_on_track_within_its_deadline_has_no_flag() -> None:
    assert _flag() is None


def test_overdue_begins_the_day_after_the_deadline() -> None:
    assert _flag(deadline=TODAY) is None
    assert _flag(deadline=TODAY - DAY) is Flag.OVERDUE


def test_overdue_comes_before_off_track_and_off_track_before_stale() -> None:
    silent = TODAY - STALE_AFTER - DAY
    off = Assessment.OFF_TRACK
    assert _flag(deadline=TODAY - DAY, assessment=off, last_word_on=silent) is Flag.OVERDUE
    assert _flag(assessment=off, last_word_on=silent) is Flag.OFF_TRACK
    assert _flag(last_word_on=silent) is Flag.STALE


def test_silence_counts_from_more_than_ninety_days() -> None:
    assert _flag(last_word_on=TODAY - STALE_AFTER) is None


@pytest.mark.parametrize("status", [None, Status.REPORTED_DONE, Status.CLOSED, Status.DROPPED])
def test_what_is_unsettled_or_finished_has_no_flag(status: Status | None) -> None:
    assert (
        _flag(status=status, deadline=TODAY - DAY, last_word_on=TODAY - STALE_AFTER - DAY) is None
    )


def test_a_task_without_deadline_is_never_overdue() -> None:
    assert _flag(deadline=None) is None
