"""The demonstration's history, told in the order of time.

Everything that happens is an event with a moment. `tell` lets those of a stretch of time happen, so
that the reminders of a past morning can be run between the events of the days around it. The
invented people act through the use cases that real people act through, at the story's moments, so
the history obeys every rule.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from tracker.data.demonstration import Asked, Demonstration, Move, TaskStory, Told
from tracker.domain import references
from tracker.domain.roles import Person
from tracker.domain.status import Kind, Precision, Status
from tracker.domain.updates import Answer, Author
from tracker.domain.versions import version_of
from tracker.models import Actor, ContextNote, Task, User
from tracker.models.columns import Origin
from tracker.services import (
    audit,
    closing,
    deadlines,
    sessions,
    task_assign,
    task_edit,
    task_settle,
    updates,
)
from tracker.services.demonstration_dates import Days
from tracker.services.task_assign import Assignment
from tracker.services.task_edit import Texts
from tracker.services.task_settle import Deadline, Decision

Happening = Callable[["_Teller", dt.datetime], None]


@dataclass(frozen=True)
class Event:
    """Something that happens at `at` (UTC) to the task with this reference."""

    at: dt.datetime
    ref: str
    happen: Happening


def events(story: Demonstration, days: Days) -> list[Event]:
    """Return all that happens, earliest first."""
    found = [
        Event(days.moment(days_ago, number), task.ref, happen)
        for task in story.tasks
        for number, (days_ago, happen) in enumerate(_of_task(task, days))
    ]
    return sorted(found, key=lambda event: (event.at, references.sort_key(event.ref)))


def tell(
    session: Session,
    story: Demonstration,
    *,
    days: Days,
    after: dt.datetime | None,
    until: dt.datetime,
) -> None:
    """Let happen what lies later than `after` (None: from the start) and not later than `until`."""
    teller = _Teller(session, story, days)
    for event in events(story, days):
        if event.at <= until and (after is None or event.at > after):
            with audit.dated(session, event.at):
                event.happen(teller, event.at)


def _of_task(story: TaskStory, days: Days) -> Iterator[tuple[int, Happening]]:
    """Give what happens to a task, with how many days ago, in its order."""
    yield story.since_days_ago, lambda teller, at: teller.begin(story, at)
    happenings = [(told.days_ago, _saying(story, told, days)) for told in story.updates]
    for number, move in enumerate(story.moves):
        later = story.moves[number + 1 :]
        to = days.in_days(-later[0].deadline_days_ago) if later else _final(story, days)
        happenings.append((move.asked_days_ago, _asking_move(story, move, to)))
        happenings.append((move.decided_days_ago, _approving(story, move)))
    if story.asked:
        happenings.append((story.asked.days_ago, _asking(story, story.asked, days)))
    # The sort keeps the order of what happens on one day.
    yield from sorted(happenings, key=lambda happening: -happening[0])


def _saying(story: TaskStory, told: Told, days: Days) -> Happening:
    look_again = None
    if told.status is Status.ON_HOLD and story.look_again_run is not None:
        look_again = days.run_day(story.look_again_run)
    return lambda teller, at: teller.say(story.ref, told, look_again, at)


def _asking_move(story: TaskStory, move: Move, to: dt.date) -> Happening:
    new = (to, Precision.DAY)
    return lambda teller, at: teller.ask(story.ref, move.asked_by, new, move.reason, at)


def _asking(story: TaskStory, asked: Asked, days: Days) -> Happening:
    new = days.deadline(asked.deadline)
    return lambda teller, at: teller.ask(story.ref, asked.by, new, asked.reason, at)


def _approving(story: TaskStory, move: Move) -> Happening:
    return lambda teller, at: teller.approve(story.ref, move, at)


def _final(story: TaskStory, days: Days) -> dt.date:
    if story.deadline is None:
        raise ValueError(f"{story.ref} moves a deadline that it does not have")
    return days.deadline(story.deadline)[0]


class _Teller:
    """Lets the people of the story act, each at the moment of the event."""

    def __init__(self, session: Session, story: Demonstration, days: Days) -> None:
        self._session = session
        self._days = days
        users = session.scalars(select(User).options(selectinload(User.memberships)))
        self._people: dict[str, Person] = {user.name: sessions.person_of(user) for user in users}
        self._secretary = self._people[story.secretary]
        self._reasons = {True: story.settled_with_owner, False: story.settled_in_forum}
        actors = session.execute(select(Actor.name, Actor.id))
        self._actor_ids: dict[str, int] = {row.name: row.id for row in actors}

    def begin(self, story: TaskStory, at: dt.datetime) -> None:
        """Enter a measure, or take up a task of the starting set, and settle all about it."""
        if story.is_measure:
            task = self._enter(story, at)
        else:
            task = self._task(story.ref)
            seen = task_edit.read(self._session, by=self._secretary, task_id=task.id)
            task_edit.edit(
                self._session,
                by=self._secretary,
                task_id=task.id,
                texts=self._texts(story, seen),
                seen=version_of(seen),
                now=at,
            )
        task_assign.assign(
            self._session,
            by=self._secretary,
            task_id=task.id,
            wanted=Assignment(
                owner=self._actor_ids[story.owner],
                responsible=self._people[story.responsible].user_id,
                contributor_ids=frozenset(self._actor_ids[name] for name in story.contributors),
            ),
            seen=version_of(Assignment()),
            now=at,
            timezone=self._days.timezone,
        )
        task_settle.settle(
            self._session,
            by=self._secretary,
            task_ids=[task.id],
            decision=Decision(
                deadline=self._first_deadline(story) or "none",
                status=story.status,
                reason=self._reasons[story.is_measure],
            ),
            now=at,
            timezone=self._days.timezone,
        )

    def say(self, ref: str, told: Told, look_again: dt.date | None, at: dt.datetime) -> None:
        """Let somebody give status, or the secretariat decide."""
        task, by, timezone = self._task(ref), self._people[told.by], self._days.timezone
        if told.status is Status.CLOSED:
            closing.confirm(
                self._session,
                by=by,
                task_id=task.id,
                comment=told.comment,
                now=at,
                timezone=timezone,
            )
        elif told.status is Status.DROPPED:
            closing.drop(
                self._session,
                by=by,
                task_id=task.id,
                reason=told.comment,
                risk=told.risk,
                now=at,
                timezone=timezone,
            )
        elif by.is_coordinator:
            closing.send_back(
                self._session,
                by=by,
                task_id=task.id,
                reason=told.comment,
                now=at,
                timezone=timezone,
            )
        else:
            self._answer(task, Author(person=by, channel=told.channel), told, look_again, at)

    def ask(
        self, ref: str, by: str, new: tuple[dt.date, Precision], reason: str, at: dt.datetime
    ) -> None:
        """Let the owner ask for a new deadline."""
        deadlines.request(
            self._session,
            by=self._people[by],
            task_id=self._task(ref).id,
            new=new[0],
            precision=new[1],
            reason=reason,
            now=at,
            timezone=self._days.timezone,
        )

    def approve(self, ref: str, move: Move, at: dt.datetime) -> None:
        """Let the secretariat approve the request that waits."""
        task = self._task(ref)
        request = deadlines.pending(self._session, task_id=task.id)
        if request is None:
            raise ValueError(f"nothing was asked for {ref}")
        deadlines.decide(
            self._session,
            by=self._people[move.decided_by],
            task_id=task.id,
            request_id=request.id,
            approve=True,
            reason=move.decision_reason,
            now=at,
            timezone=self._days.timezone,
        )

    def _answer(
        self, task: Task, by: Author, told: Told, look_again: dt.date | None, at: dt.datetime
    ) -> None:
        timezone = self._days.timezone
        if told.no_change:
            updates.repeat(self._session, by=by, task_id=task.id, now=at, timezone=timezone)
            return
        today = self._days.local_date(at)
        stands = partial(
            updates.situation, self._session, by=by, task_id=task.id, today=today, lock=True
        )
        found = stands()
        if told.corrects_previous:
            found = stands(corrects=found.seen)
        done = told.status is Status.REPORTED_DONE
        updates.give(
            self._session,
            by=by,
            found=found,
            answer=Answer(
                assessment=told.assessment,
                is_done=done,
                comment=told.comment,
                status=None if done else told.status,
                look_again_on=look_again,
                hindrances=told.hindrances,
                evidence=told.evidence,
            ),
            seen=found.seen,
            now=at,
            timezone=timezone,
        )

    def _enter(self, story: TaskStory, at: dt.datetime) -> Task:
        parent = self._task(story.ref.rpartition(".")[0])
        task = task_edit.create(
            self._session,
            by=self._secretary,
            origin=task_edit.Origin(kind=Kind.MEASURE, under_id=parent.id),
            texts=self._texts(story, Texts(title_nb=story.title_nb, title_nn=story.title_nn)),
            now=at,
        )
        if task.ref != story.ref:
            raise ValueError(f"{story.ref} is told of in another order than that of its number")
        task.origin = Origin.DEMONSTRATION
        return task

    def _texts(self, story: TaskStory, texts: Texts) -> Texts:
        goals = select(Task.id).where(Task.ref.in_(story.goals))
        notes = select(ContextNote.id).where(ContextNote.key.in_(story.answers))
        return replace(
            texts,
            theme=story.theme,
            chosen_alternative=story.chosen_alternative,
            goal_ids=frozenset(self._session.scalars(goals)),
            note_ids=frozenset(self._session.scalars(notes)),
        )

    def _first_deadline(self, story: TaskStory) -> Deadline | None:
        if story.deadline is None:
            return None
        if story.moves:
            return Deadline(day=self._days.in_days(-story.moves[0].deadline_days_ago))
        day, precision = self._days.deadline(story.deadline)
        return Deadline(day=day, precision=precision)

    def _task(self, ref: str) -> Task:
        return self._session.scalars(select(Task).where(Task.ref == ref)).one()
