"""What stands out about a task, computed from its dates and never stored."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Final

from tracker.domain.status import ACTIVE, Assessment

STALE_AFTER: Final = dt.timedelta(days=90)
"""Without an update for so long, a task counts as without news."""


class Flag(StrEnum):
    """What a list row points out beside the status; the first that holds."""

    OVERDUE = "overdue"
    OFF_TRACK = "off_track"
    STALE = "stale"


def flag_of(
    *,
    status: str | None,
    deadline: dt.date | None,
    assessment: str | None,
    last_word_on: dt.date,
    today: dt.date,
) -> Flag | None:
    """Return the one flag of a task, or None.

    `deadline` is the last day of its period, `last_word_on` the local date of the last update or
    else of its creation. Only what is being worked on has a flag: the unsettled is never late,
    and what is reported done waits for somebody else.
    """
    if status not in ACTIVE:
        return None
    if deadline is not None and deadline < today:
        return Flag.OVERDUE
    if assessment == Assessment.OFF_TRACK:
        return Flag.OFF_TRACK
    if today - last_word_on > STALE_AFTER:
        return Flag.STALE
    return None
