"""What the measures under a recommendation or goal say together, beside its own status."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tracker.domain.status import FINISHED, Status

_STARTED: Final = frozenset(Status) - {Status.NOT_STARTED, Status.DROPPED}


class Mismatch(StrEnum):
    """How a status disagrees with the measures under it."""

    DONE_WITH_OPEN_MEASURES = "done_with_open_measures"
    OPEN_WITH_ALL_MEASURES_DONE = "open_with_all_measures_done"
    NOT_STARTED_WITH_STARTED_MEASURES = "not_started_with_started_measures"


def mismatch(status: str | None, measures: Mapping[str | None, int]) -> Mismatch | None:
    """Return how `status` disagrees with the number of measures of each status, or None.

    The key None counts the measures whose status is not settled. A lasting duty may well have
    finished all its measures, so `ongoing` never disagrees.
    """
    present = {key for key, count in measures.items() if count}
    still_open = present - FINISHED
    if status in {Status.REPORTED_DONE, Status.CLOSED} and still_open:
        return Mismatch.DONE_WITH_OPEN_MEASURES
    if status == Status.NOT_STARTED and present & _STARTED:
        return Mismatch.NOT_STARTED_WITH_STARTED_MEASURES
    if status in {Status.IN_PROGRESS, Status.ON_HOLD} and not still_open:
        return Mismatch.OPEN_WITH_ALL_MEASURES_DONE if Status.CLOSED in present else None
    return None
