"""The status of a task: which there are and who may take which step."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a task is."""

    RECOMMENDATION = "recommendation"
    GOAL = "goal"
    MEASURE = "measure"


class Status(StrEnum):
    """Where a task stands. Unsettled is the absence of a status."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    ONGOING = "ongoing"
    ON_HOLD = "on_hold"
    REPORTED_DONE = "reported_done"
    CLOSED = "closed"
    DROPPED = "dropped"


class Assessment(StrEnum):
    """How it goes, as the owner sees it."""

    ON_TRACK = "on_track"
    UNCERTAIN = "uncertain"
    OFF_TRACK = "off_track"


class Precision(StrEnum):
    """How precisely a deadline is set. It is due on the last day of its period."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class Hindrance(StrEnum):
    """What hinders: the obstacles that the sources name, and other."""

    LAW = "law"
    MONEY = "money"
    COMPETENCE = "competence"
    TRUST = "trust"
    CAPACITY = "capacity"
    OTHER = "other"


class Channel(StrEnum):
    """Through what an update came."""

    WEB = "web"
    EMAIL_LINK = "email_link"
    API = "api"
    IMPORT = "import"


# Being worked on; only these can be over the deadline or stale.
ACTIVE = frozenset({Status.NOT_STARTED, Status.IN_PROGRESS, Status.ONGOING, Status.ON_HOLD})
FINISHED = frozenset({Status.CLOSED, Status.DROPPED})

_OWNER_MOVES = frozenset({Status.NOT_STARTED, Status.IN_PROGRESS, Status.ON_HOLD})


def answer_may_set(before: Status | None, *, by_secretariat: bool = False) -> frozenset[Status]:
    """Return the statuses that an answer on the owner's behalf may lead to from `before`.

    The owner's people move freely among not started, in progress and on hold, and report done;
    what is ongoing they report on or report done. Only the secretariat sets and ends `ongoing`.
    What is reported done waits for a decision, and what is finished has to be reopened.
    """
    if before is Status.REPORTED_DONE or before in FINISHED:
        return frozenset()
    if by_secretariat:
        return _OWNER_MOVES | {Status.ONGOING, Status.REPORTED_DONE}
    if before is Status.ONGOING:
        return frozenset({Status.ONGOING, Status.REPORTED_DONE})
    return _OWNER_MOVES | {Status.REPORTED_DONE}
