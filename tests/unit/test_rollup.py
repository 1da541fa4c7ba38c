"""A status that its measures contradict is pointed out; anything else is left alone."""

from collections.abc import Mapping

import pytest

from tracker.domain.rollup import Mismatch, mismatch
from tracker.domain.status import Status

S = Status


@pytest.mark.parametrize(
    ("status", "measures", "expected"),
    [
        (S.CLOSED, {S.CLOSED: 2, S.IN_PROGRESS: 1}, Mismatch.DONE_WITH_OPEN_MEASURES),
        (S.REPORTED_DONE, {None: 1}, Mismatch.DONE_WITH_OPEN_MEASURES),
        (S.CLOSED, {S.CLOSED: 2, S.DROPPED: 1}, None),
        (S.IN_PROGRESS, {S.CLOSED: 2, S.DROPPED: 1}, Mismatch.OPEN_WITH_ALL_MEASURES_DONE),
        (S.IN_PROGRESS, {S.CLOSED: 2, S.REPORTED_DONE: 1}, None),
        (S.IN_PROGRESS, {S.DROPPED: 2}, None),
        (S.ONGOING, {S.CLOSED: 2}, None),
        (S.NOT_STARTED, {S.IN_PROGRESS: 1}, Mismatch.NOT_STARTED_WITH_STARTED_MEASURES),
        (S.NOT_STARTED, {S.NOT_STARTED: 1, None: 1}, None),
        (S.NOT_STARTED, {S.NOT_STARTED: 1, S.CLOSED: 0}, None),
        (None, {S.CLOSED: 1}, None),
        (S.CLOSED, {}, None),
    ],
)
def test_mismatch(
    status: Status | None, measures: Mapping[str | None, int], expected: Mismatch | None
) -> None:
    assert mismatch(status, measures) is expected
