"""The demonstration's history, told in the order of time.

Everything that happens is an event with a moment. `tell` lets those of a stretch of time happen, so
that the reminders of a past morning can be run between the events of the days around it. The
invented people act through the use cases that real people act through, at the story's moments, so
the history obeys every rule.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from tracker.data.demonstration import Asked, Demonstration, Move, TaskStory, Told
from tracker.domain import references
from tracker.domain.roles import Person
from tracker.domain.status import Kind, Precision, Status
from tracker.domain.updates import Answer, Author
from tracker.models import (
    Actor,
    ContextNote,
    Task,
    TaskContext,
    TaskContributor,
    TaskGoal,
    User,
)
from tracker.models.columns import Origin
from tracker.services import audit, closing, deadlines, sessions, updates
from tracker.services.demonstration_dates import Days

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
        to = days.in_days(-later[0].deadline_days_ago) if later else _final(story, days)[0]
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


def _final(story: TaskStory, days: Days) -> tuple[dt.date, Precision]:
    if story.deadline is None:
        raise ValueError(f"{story.ref} moves a deadline that it does not have")
    return days.deadline(story.deadline)


class _Teller:
    """Lets the people of the story act, each at the moment of the event."""

    def __init__(self, session: Session, story: Demonstration, days: Days) -> None:
        self._session = session
        self._days = days
        users = session.scalars(select(User).options(selectinload(User.memberships)))
        self._people: dict[str, Person] = {user.name: sessions.person_of(user) for user in users}
        self._secretary = self._people[story.secretary]
        actors = session.execute(select(Actor.name, Actor.id))
        self._actor_ids: dict[str, int] = {row.name: row.id for row in actors}

    def begin(self, story: TaskStory, at: dt.datetime) -> None:
        """Create a measure, or settle what the starting set leaves open."""
        task = self._new_measure(story) if story.is_measure else self._task(story.ref)
        if story.deadline is None:
            task.deadline_none_on = self._days.local_date(at)
        else:
            task.deadline, task.deadline_precision = self._first_deadline(story)
            task.original_deadline = task.deadline
            task.original_precision = task.deadline_precision
        task.owner_id = self._actor_ids[story.owner]
        task.responsible_id = self._people[story.responsible].user_id
        task.assignment, task.assigned_at = 1, at
        task.assigned_by_id = self._secretary.user_id
        task.status = story.status
        task.theme = story.theme
        task.chosen_alternative = story.chosen_alternative
        task.created_at = task.changed_at = at
        self._session.add(task)
        self._session.flush()
        self._link(task, story)
        audit.record(
            self._session,
            by=self._secretary,
            action="task.created" if story.is_measure else "task.settled",
            entity="task",
            entity_id=task.id,
            after={
                "ref": story.ref,
                "owner": story.owner,
                "responsible": story.responsible,
                "deadline": task.deadline,
                "status": task.status,
            },
        )

    def say(self, ref: str, told: Told, look_again: dt.date | None, at: dt.datetime) -> None:
        """Let somebody give status, or the secretariat decide."""
        task, by = self._task(ref), self._people[told.by]
        if told.status is Status.CLOSED:
            closing.confirm(
                self._session,
                by=by,
                task_id=task.id,
                comment=told.comment,
                now=at,
                timezone=self._days.timezone,
            )
        elif told.status is Status.DROPPED:
            closing.drop(
                self._session,
                by=by,
                task_id=task.id,
                reason=told.comment,
                risk=told.risk,
                now=at,
                timezone=self._days.timezone,
            )
        elif by.is_coordinator and task.status == Status.REPORTED_DONE:
            closing.send_back(
                self._session,
                by=by,
                task_id=task.id,
                reason=told.comment,
                now=at,
                timezone=self._days.timezone,
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
        today = self._days.local_date(at)
        if told.no_change:
            updates.repeat(
                self._session, by=by, task_id=task.id, now=at, timezone=self._days.timezone
            )
            return
        found = updates.situation(self._session, by=by, task_id=task.id, today=today)
        done = told.status is Status.REPORTED_DONE
        updates.give(
            self._session,
            by=by,
            task_id=task.id,
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
            corrects=found.seen if told.corrects_previous else None,
            now=at,
            timezone=self._days.timezone,
        )

    def _new_measure(self, story: TaskStory) -> Task:
        parent = self._task(story.ref.rpartition(".")[0])
        return Task(
            ref=story.ref,
            ref_key=references.sort_key(story.ref),
            kind=Kind.MEASURE,
            parent_id=parent.id,
            title_nb=story.title_nb,
            title_nn=story.title_nn,
            search_text=references.search_text(story.ref, story.title_nb, story.title_nn),
            origin=Origin.DEMONSTRATION,
        )

    def _link(self, task: Task, story: TaskStory) -> None:
        for name in story.contributors:
            row = TaskContributor(task_id=task.id, actor_id=self._actor_ids[name])
            self._session.add(row)
        for ref in story.goals:
            self._session.add(TaskGoal(task_id=task.id, goal_id=self._task(ref).id))
        for key in story.answers:
            note_id = self._session.scalars(
                select(ContextNote.id).where(ContextNote.key == key)
            ).one()
            self._session.add(TaskContext(task_id=task.id, note_id=note_id))

    def _first_deadline(self, story: TaskStory) -> tuple[dt.date, Precision]:
        if story.moves:
            return self._days.in_days(-story.moves[0].deadline_days_ago), Precision.DAY
        return _final(story, self._days)

    def _task(self, ref: str) -> Task:
        return self._session.scalars(select(Task).where(Task.ref == ref)).one()
