"""The demonstration's invented people and history, as `demonstration.toml` tells them.

Days are counted back from the day that the demonstration is made around, so that the same text
gives the same story on whatever day.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tracker.domain.roles import Role
from tracker.domain.status import Assessment, Channel, Hindrance, Status


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """The shared mailbox of an actor."""

    actor: str
    email: str
    locale: str


@dataclass(frozen=True, kw_only=True)
class InventedPerson:
    """A person, with roles at the actor or, without one, in general."""

    name: str
    email: str
    locale: str
    roles: tuple[Role, ...]
    actor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Due:
    """When a deadline lies, in one of three ways.

    A reminder's `step` (days from the deadline) that is sent on run day `run` or soon after, where
    run day 0 is the first working day from today; a number of `days` from today; or the end of
    the month or year that many `months` or `years` ahead.
    """

    step: int | None = None
    run: int = 0
    days: int | None = None
    months: int | None = None
    years: int | None = None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What somebody says: an answer, or the secretariat's decision.

    Without a `status` it stays as it was. Who is not of the owner speaks as a contributor.
    """

    days_ago: int
    by: str
    status: Status | None = None
    assessment: Assessment | None = None
    comment: str = ""
    risk: str = ""
    hindrances: tuple[Hindrance, ...] = ()
    evidence: tuple[str, ...] = ()
    channel: Channel = Channel.WEB
    no_change: bool = False
    corrects_previous: bool = False


@dataclass(frozen=True, kw_only=True)
class Move:
    """A deadline that was moved to the next one: asked for, then decided."""

    deadline_days_ago: int
    asked_days_ago: int
    asked_by: str
    reason: str
    decided_days_ago: int
    decided_by: str
    decision_reason: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A new deadline that somebody has asked for and nobody has decided."""

    days_ago: int
    by: str
    deadline: Due
    reason: str


@dataclass(frozen=True, kw_only=True)
class TaskStory:
    """How a task was settled or, with titles, created as a measure, and what happened since."""

    ref: str
    since_days_ago: int
    theme: str
    owner: str
    responsible: str
    deadline: Due | None
    """None: settled that there is to be none."""
    title_nb: str = ""
    title_nn: str = ""
    status: Status = Status.NOT_STARTED
    contributors: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    chosen_alternative: str = ""
    look_again_run: int | None = None
    updates: tuple[Told, ...] = ()
    moves: tuple[Move, ...] = ()
    asked: Asked | None = None

    @property
    def is_measure(self) -> bool:
        """Return whether the task is created here rather than in the starting set."""
        return bool(self.title_nb)


@dataclass(frozen=True, kw_only=True)
class ForumMeeting:
    """A meeting of the forum, so many days from today."""

    days: int
    title: str
    place: str


@dataclass(frozen=True, kw_only=True)
class AwayPerson:
    """Somebody who is away from so many days on until so many."""

    name: str
    first: int
    last: int
    substitute: str


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """What synthetic measures and people are put together of; pairs are nb and nn."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    themes: tuple[str, ...]
    activities: tuple[tuple[str, str], ...]
    subjects: tuple[tuple[str, str], ...]
    comments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """Everything that is invented."""

    secretary: str
    """Who creates the measures and settles the tasks."""
    settled_in_forum: str
    settled_with_owner: str
    """What settling a recommendation or goal, or a measure, builds on."""
    mailboxes: tuple[Mailbox, ...]
    people: tuple[InventedPerson, ...]
    tasks: tuple[TaskStory, ...]
    meetings: tuple[ForumMeeting, ...]
    absences: tuple[AwayPerson, ...]
    bulk: Bulk


@cache
def demonstration() -> Demonstration:
    """Read the file beside this module."""
    raw = tomllib.loads(files(__package__).joinpath("demonstration.toml").read_text("utf-8"))
    return Demonstration(
        secretary=raw["secretary"],
        settled_in_forum=raw["settled_in_forum"],
        settled_with_owner=raw["settled_with_owner"],
        mailboxes=tuple(Mailbox(**row) for row in raw["mailboxes"]),
        people=tuple(
            InventedPerson(**{**row, "roles": tuple(map(Role, row["roles"]))})
            for row in raw["people"]
        ),
        tasks=tuple(_story(row) for row in (*raw["tasks"], *raw["measures"])),
        meetings=tuple(ForumMeeting(**row) for row in raw["meetings"]),
        absences=tuple(AwayPerson(**row) for row in raw["absences"]),
        bulk=Bulk(**{key: tuple(value) for key, value in raw["bulk"].items()}),
    )


def _story(row: dict[str, Any]) -> TaskStory:
    asked = row.pop("asked", None)
    deadline = row.pop("deadline")
    return TaskStory(
        deadline=None if deadline == "none" else Due(**deadline),
        status=Status(row.pop("status", Status.NOT_STARTED)),
        contributors=tuple(row.pop("contributors", ())),
        goals=tuple(row.pop("goals", ())),
        answers=tuple(row.pop("answers", ())),
        updates=tuple(_told(update) for update in row.pop("updates", ())),
        moves=tuple(Move(**move) for move in row.pop("moves", ())),
        asked=Asked(**{**asked, "deadline": Due(**asked["deadline"])}) if asked else None,
        **row,
    )


def _told(row: dict[str, Any]) -> Told:
    status, assessment = row.pop("status", None), row.pop("assessment", None)
    return Told(
        status=Status(status) if status else None,
        assessment=Assessment(assessment) if assessment else None,
        hindrances=tuple(map(Hindrance, row.pop("hindrances", ()))),
        evidence=tuple(row.pop("evidence", ())),
        channel=Channel(row.pop("channel", Channel.WEB)),
        **row,
    )
