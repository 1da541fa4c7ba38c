"""Any number of synthetic measures and people, to try how the product bears them.

Written in batches past the use cases, for speed; each measure follows one of a few courses that the
rules allow, so that the rows are like those that people would have made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from tracker.data.demonstration import Bulk
from tracker.domain import references
from tracker.domain.roles import ACTOR_ROLES, Role
from tracker.domain.status import Assessment, Channel, Kind, Precision, Status
from tracker.models import Actor, Membership, StatusUpdate, Task, User
from tracker.models.columns import Origin
from tracker.services import audit, audit_rows
from tracker.services.demonstration_dates import Days

BATCH: Final = 5_000
FIRST_NUMBER: Final = 1_000
"""Synthetic measures are numbered from here on, after those of the story."""
DAY: Final = dt.timedelta(days=1)

Course = tuple[tuple[Status, Assessment | None], ...]
"""The status after each of three updates, with the assessment given."""
COURSES: Final[tuple[Course, ...]] = (
    (
        (Status.IN_PROGRESS, Assessment.ON_TRACK),
        (Status.IN_PROGRESS, Assessment.ON_TRACK),
        (Status.IN_PROGRESS, Assessment.ON_TRACK),
    ),
    (
        (Status.NOT_STARTED, Assessment.ON_TRACK),
        (Status.NOT_STARTED, Assessment.ON_TRACK),
        (Status.NOT_STARTED, Assessment.UNCERTAIN),
    ),
    (
        (Status.IN_PROGRESS, Assessment.ON_TRACK),
        (Status.REPORTED_DONE, None),
        (Status.CLOSED, None),  # the secretariat's confirmation
    ),
    (
        (Status.IN_PROGRESS, Assessment.ON_TRACK),
        (Status.IN_PROGRESS, Assessment.UNCERTAIN),
        (Status.ON_HOLD, Assessment.UNCERTAIN),
    ),
    (
        (Status.IN_PROGRESS, Assessment.UNCERTAIN),
        (Status.IN_PROGRESS, Assessment.OFF_TRACK),
        (Status.IN_PROGRESS, Assessment.OFF_TRACK),
    ),
)
UPDATED_DAYS_AGO: Final = (150, 80, 10)
"""When the updates of the first measure were written; the others are spread over days before."""
SPREAD: Final = 29
CREATED_BEFORE: Final = 20 * DAY
"""How long before its first update a measure was created."""
FIRST_DEADLINE: Final = -60
DEADLINES: Final = 661
"""Deadlines lie on this many days, from so many days after today on. The number is a prime, so
that steps of 37 days reach them all."""


@dataclass(frozen=True)
class _Member:
    user_id: int
    actor_id: int


@dataclass(frozen=True)
class _Maker:
    """Makes rows by their number."""

    words: Bulk
    days: Days
    members: Sequence[_Member]
    parents: Sequence[Any]
    coordinator_id: int
    moments: dict[tuple[int, int], dt.datetime] = field(default_factory=dict)

    def measure(self, number: int, ref_number: int) -> dict[str, Any]:
        member = self.members[number % len(self.members)]
        parent = self.parents[number % len(self.parents)]
        course = COURSES[number % len(COURSES)]
        ref = f"{parent.ref}.{FIRST_NUMBER + ref_number}"
        activity = self.words.activities[number % len(self.words.activities)]
        subject = self.words.subjects[number % len(self.words.subjects)]
        title_nb, title_nn = (
            f"{verb} {what}" for verb, what in zip(activity, subject, strict=True)
        )
        deadline = self.days.today + (number * 37 % DEADLINES + FIRST_DEADLINE) * DAY
        # What closed it was the secretariat's word; the answer before it was the owner's.
        last_answer = 1 if course[2][0] is Status.CLOSED else 2
        return {
            "ref": ref,
            "ref_key": references.sort_key(ref),
            "kind": Kind.MEASURE,
            "parent_id": parent.id,
            "title_nb": title_nb,
            "title_nn": title_nn,
            "search_text": references.search_text(ref, title_nb, title_nn),
            "theme": self.words.themes[number % len(self.words.themes)],
            "origin": Origin.DEMONSTRATION,
            "owner_id": member.actor_id,
            "responsible_id": member.user_id,
            "deadline": deadline,
            "deadline_precision": Precision.DAY,
            "original_deadline": deadline,
            "original_precision": Precision.DAY,
            "status": course[2][0],
            "look_again_on": self._look_again(course[2][0]),
            "assessment": course[last_answer][1],
            "last_update_at": self._moment(number, last_answer),
            "created_at": self._moment(number, 0) - CREATED_BEFORE,
            "changed_at": self._moment(number, 2),
        }

    def updates(self, number: int, task_id: int, task: dict[str, Any]) -> Iterator[dict[str, Any]]:
        before = Status.NOT_STARTED
        for step, (after, assessment) in enumerate(COURSES[number % len(COURSES)]):
            closing = after is Status.CLOSED
            by_mail = not closing and (number + step) % 3 == 0
            yield {
                "task_id": task_id,
                "user_id": self.coordinator_id if closing else task["responsible_id"],
                "actor_id": None if closing else task["owner_id"],
                "channel": Channel.EMAIL_LINK if by_mail else Channel.WEB,
                "created_at": self._moment(number, step),
                "status_before": before,
                "status_after": after,
                "assessment": assessment,
                "comment": self.words.comments[(number + step) % len(self.words.comments)],
                "look_again_on": self._look_again(after),
            }
            before = after

    def _moment(self, number: int, step: int) -> dt.datetime:
        key = UPDATED_DAYS_AGO[step] + number % SPREAD, number % 11
        if key not in self.moments:
            self.moments[key] = self.days.moment(*key)
        return self.moments[key]

    def _look_again(self, status: Status) -> dt.date | None:
        return self.days.today + 30 * DAY if status is Status.ON_HOLD else None


def add(
    session: Session,
    words: Bulk,
    *,
    tasks: int,
    people: int,
    days: Days,
    progress: Callable[[int], None],
) -> None:
    """Add so many measures, each with three updates, and so many people, around `days.today`.

    `progress` is told, after each batch, how many of the measures there are. The system's audit
    event tells the numbers.
    """
    _add_people(session, words, people, days)
    maker = _Maker(words, days, _members(session), _parents(session), _coordinator(session))
    existing = session.scalar(select(func.count()).select_from(Task)) or 0
    last_ids = audit_rows.last_ids(session)
    for numbers in _batches(tasks):
        rows = [maker.measure(number, existing + number) for number in numbers]
        ids = _insert(session, Task, rows, "ref")
        updates = [
            update
            for number, row in zip(numbers, rows, strict=True)
            for update in maker.updates(number, ids[row["ref"]], row)
        ]
        session.execute(insert(_table(StatusUpdate)), updates)
        progress(numbers.stop)
    audit.record_stored(
        session,
        action="demonstration.enlarged",
        after={"tasks": tasks, "people": people},
        newer_than=last_ids,
    )


def _add_people(session: Session, words: Bulk, count: int, days: Days) -> None:
    """Add people as members of the actors that have a mailbox, with addresses beside it."""
    actors = session.execute(
        select(Actor.id, Actor.email).where(Actor.email.is_not(None)).order_by(Actor.id)
    ).all()
    existing = session.scalar(select(func.count()).select_from(User)) or 0
    for numbers in _batches(count):
        rows: list[dict[str, Any]] = []
        actor_ids = []
        for number in numbers:
            first = words.first_names[number % len(words.first_names)]
            last = words.last_names[number // len(words.first_names) % len(words.last_names)]
            actor = actors[number % len(actors)]
            domain = actor.email.partition("@")[2]
            rows.append(
                {
                    "name": f"{first} {last}",
                    "email": f"{first}.{last}{existing + number}@{domain}".lower(),
                    "locale": ("nb", "nb", "nn")[number % 3],
                    "created_at": days.moment(UPDATED_DAYS_AGO[0] + SPREAD),
                }
            )
            actor_ids.append(actor.id)
        ids = _insert(session, User, rows, "email")
        members = [
            {"user_id": ids[user["email"]], "actor_id": actor_id, "role": Role.MEMBER}
            for user, actor_id in zip(rows, actor_ids, strict=True)
        ]
        session.execute(insert(_table(Membership)), members)


def _members(session: Session) -> list[_Member]:
    """Return who can be responsible."""
    rows = session.execute(
        select(Membership.user_id, Membership.actor_id)
        .where(Membership.role.in_(ACTOR_ROLES))
        .order_by(Membership.id)
    )
    return [_Member(user_id, actor_id) for user_id, actor_id in rows if actor_id is not None]


def _parents(session: Session) -> Sequence[Any]:
    return session.execute(
        select(Task.id, Task.ref).where(Task.kind == Kind.RECOMMENDATION).order_by(Task.ref_key)
    ).all()


def _coordinator(session: Session) -> int:
    return session.scalars(
        select(Membership.user_id)
        .where(Membership.role == Role.COORDINATOR)
        .order_by(Membership.id)
        .limit(1)
    ).one()


def _batches(count: int) -> Iterator[range]:
    for first in range(0, count, BATCH):
        yield range(first, min(first + BATCH, count))


def _insert(
    session: Session, model: type[Any], rows: list[dict[str, Any]], key: str
) -> dict[str, int]:
    """Insert rows and return their ids by the unique column `key`.

    Reading them back is much faster than asking SQLite for each, which then takes row by row.
    """
    table = _table(model)
    last = session.scalar(select(func.max(table.c.id))) or 0
    session.execute(insert(table), rows)
    found = session.execute(select(table.c[key], table.c.id).where(table.c.id > last))
    return {row[0]: row[1] for row in found}


def _table(model: type[Any]) -> Table:
    table: Table = model.__table__
    return table
