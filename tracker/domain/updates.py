"""What may be said about a task, by whom, and what it leads to. Pure.

An answer says how it goes; a step (confirming, dropping, …) is a decision about the task.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tracker.domain.errors import ConflictError, InvalidError
from tracker.domain.roles import Person
from tracker.domain.status import (
    ACTIVE,
    FINISHED,
    Assessment,
    Channel,
    Hindrance,
    Status,
    answer_may_set,
)

LONGEST_TEXT: Final = 10_000
"""Characters of a comment or a reason."""
MOST_EVIDENCE: Final = 10
LONGEST_LINK: Final = 2_000
LAST_YEAR: Final = 2100
"""Dates after it are typing errors."""


class Side(StrEnum):
    """In what capacity somebody speaks about a task."""

    OWNER = "owner"
    SECRETARIAT = "secretariat"
    """On the owner's behalf, and marked as such."""
    CONTRIBUTOR = "contributor"
    """About its own part; never changes the task's status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who speaks: a person, or somebody at an actor's shared mailbox who states a name."""

    person: Person | None = None
    mailbox_of: int | None = None
    stated_name: str = ""
    channel: Channel = Channel.WEB

    @property
    def user_id(self) -> int | None:
        """Return the user's id; None for a shared mailbox."""
        return self.person.user_id if self.person else None

    @property
    def actor_ids(self) -> frozenset[int]:
        """Return the actors that the author may speak for."""
        if self.person is not None:
            return self.person.member_of
        return frozenset() if self.mailbox_of is None else frozenset({self.mailbox_of})

    def side(self, *, owner_id: int | None, contributor_ids: frozenset[int]) -> Side | None:
        """Return in what capacity the author speaks about a task; None: not at all.

        A coordinator whose employer contributes speaks as the secretariat.
        """
        if owner_id is not None and owner_id in self.actor_ids:
            return Side.OWNER
        if self.person is not None and self.person.is_coordinator:
            return Side.SECRETARIAT
        return Side.CONTRIBUTOR if self.actor_ids & contributor_ids else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody says about a task."""

    assessment: Assessment | None = None
    is_done: bool = False
    comment: str = ""
    status: Status | None = None
    """None: as it was."""
    look_again_on: dt.date | None = None
    hindrances: tuple[Hindrance, ...] = ()
    evidence: tuple[str, ...] = ()
    """Addresses of documentation."""
    expected_on: dt.date | None = None
    """The new date that the author expects; asks for a new deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the rules need to know of a task. Dates are local."""

    status: Status | None
    deadline: dt.date | None = None
    """The last day of its period."""
    look_again_on: dt.date | None = None
    asked_for: dt.date | None = None
    """The new deadline that waits to be decided."""

    def is_overdue(self, today: dt.date, status: Status | None) -> bool:
        """Return whether the deadline has passed for a task that is in `status`."""
        return status in ACTIVE and self.deadline is not None and self.deadline < today

    def may_be_on_track(self, today: dt.date, status: Status | None) -> bool:
        """Return whether nothing contradicts that the task is on track.

        What is over its deadline is not, unless a date ahead has been asked for.
        """
        if not self.is_overdue(today, status):
            return True
        return self.asked_for is not None and self.asked_for >= today


def may_repeat(standing: Standing, last: Assessment | None, *, today: dt.date) -> bool:
    """Return whether "no change" can be said: there is an assessment, and it still can hold."""
    if last is None or standing.status not in ACTIVE:
        return False
    if standing.status is Status.ON_HOLD and (standing.look_again_on or today) <= today:
        return False
    return last is not Assessment.ON_TRACK or standing.may_be_on_track(today, standing.status)


def status_after(answer: Answer, standing: Standing, *, side: Side, today: dt.date) -> Status:
    """Return the status that the owner's `answer` leads to; `today` is local.

    Raises ConflictError where the step is not allowed from the present status, InvalidError at
    the field that does not fit.
    """
    after = _wanted_status(answer, standing)
    if after not in answer_may_set(standing.status, by_secretariat=side is Side.SECRETARIAT):
        raise ConflictError("illegal_step")
    if answer.assessment is None and not answer.is_done:
        raise InvalidError("progress", "choose_progress")
    if Status.ONGOING in {standing.status, after} and after != standing.status:
        _require(answer.comment or answer.is_done, "comment", "say_why_ongoing")
    if after is Status.ON_HOLD:
        _check_on_hold(answer, standing, today)
    elif answer.look_again_on not in {None, standing.look_again_on}:
        raise InvalidError("status", "look_again_needs_on_hold")
    _check_expected_date(answer, standing, today)
    on_track = answer.assessment is Assessment.ON_TRACK
    if on_track and answer.expected_on is None and not standing.may_be_on_track(today, after):
        raise InvalidError("expected_on", "overdue_needs_date")
    return after


def check_text(field: str, text: str) -> None:
    """Refuse a text that is too long, at its `field`."""
    if len(text) > LONGEST_TEXT:
        raise InvalidError(field, "text_too_long", length=len(text), most=LONGEST_TEXT)


def check_evidence(links: tuple[str, ...]) -> None:
    """Refuse what is no web address: a link that others will press."""
    if len(links) > MOST_EVIDENCE:
        raise InvalidError("evidence", "evidence_too_many", most=MOST_EVIDENCE)
    for link in links:
        scheme, _, rest = link.partition("://")
        is_address = scheme.lower() in {"http", "https"} and rest and not set(rest) & set(' "<>')
        if not is_address or len(link) > LONGEST_LINK:
            raise InvalidError("evidence", "evidence_no_link", link=link[:80])


def check_new_deadline(
    field: str, new: dt.date, *, present: dt.date | None, today: dt.date
) -> None:
    """Refuse a new deadline in the past, one like the present, and one out of reach."""
    if new < today:
        raise InvalidError(field, "date_past")
    if new.year > LAST_YEAR:
        raise InvalidError(field, "date_too_far", year=LAST_YEAR)
    if new == present:
        raise InvalidError(field, "deadline_same")


class Step(StrEnum):
    """A decision about a task's status."""

    CONFIRM = "confirm"
    SEND_BACK = "send_back"
    TAKE_BACK = "take_back"
    REOPEN = "reopen"
    DROP = "drop"


_STEPS: Final = {
    Step.CONFIRM: (frozenset({Status.REPORTED_DONE}), Status.CLOSED),
    Step.SEND_BACK: (frozenset({Status.REPORTED_DONE}), Status.IN_PROGRESS),
    Step.TAKE_BACK: (frozenset({Status.REPORTED_DONE}), Status.IN_PROGRESS),
    Step.REOPEN: (FINISHED, Status.IN_PROGRESS),
    Step.DROP: (frozenset({None, *Status}) - FINISHED, Status.DROPPED),
}


def may_take(step: Step, status: Status | None) -> bool:
    """Return whether `step` can be taken from `status`, by whoever may."""
    return status in _STEPS[step][0]


def after_step(step: Step, status: Status | None) -> Status:
    """Return where `step` leads from `status`; raises ConflictError where it cannot be taken."""
    if not may_take(step, status):
        raise ConflictError("illegal_step")
    return _STEPS[step][1]


def _wanted_status(answer: Answer, standing: Standing) -> Status:
    if answer.is_done:
        return Status.REPORTED_DONE
    # Whoever says how it goes with a task that has no status yet is working on it.
    return answer.status or standing.status or Status.IN_PROGRESS


def _check_on_hold(answer: Answer, standing: Standing, today: dt.date) -> None:
    already = standing.status is Status.ON_HOLD and answer.look_again_on == standing.look_again_on
    _require(answer.comment or already, "comment", "say_why_on_hold")
    if answer.look_again_on is None:
        raise InvalidError("look_again_on", "look_again_missing")
    if answer.look_again_on <= today:
        raise InvalidError("look_again_on", "look_again_past")
    if answer.look_again_on.year > LAST_YEAR:
        raise InvalidError("look_again_on", "date_too_far", year=LAST_YEAR)


def _check_expected_date(answer: Answer, standing: Standing, today: dt.date) -> None:
    if answer.expected_on is None:
        return
    if answer.is_done:
        raise InvalidError("expected_on", "done_needs_no_date")
    if standing.asked_for is not None:
        raise InvalidError("expected_on", "deadline_already_asked")
    check_new_deadline("expected_on", answer.expected_on, present=standing.deadline, today=today)
    _require(answer.comment, "comment", "say_why_deadline")


def _require(given: object, field: str, code: str) -> None:
    if not given:
        raise InvalidError(field, code)
