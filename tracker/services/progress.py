"""How the whole stands: recommendations and goals, what covers which goal, and the numbers."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tracker.db import columns, objects, prepared
from tracker.domain.flags import STALE_AFTER, Flag, flag_of
from tracker.domain.roles import Person
from tracker.domain.rollup import Mismatch, mismatch
from tracker.domain.status import ACTIVE, Kind, Status
from tracker.models import Actor, Task, TaskGoal
from tracker.services import task_list
from tracker.services.task_list import TaskRow
from tracker.services.tasks import visible_to

MOST_ROWS = 60
"""The overview is one page; the list of tasks has the rest."""

Counts = Mapping[str | None, int]
"""Number of tasks of each status; None is unsettled."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A recommendation or goal and what the measures under it say."""

    task: TaskRow
    flag: Flag | None
    measures: Counts
    mismatch: Mismatch | None
    news_at: dt.datetime | None
    """The last update of it or of a measure under it."""

    @property
    def closed(self) -> int:
        """Return how many of the measures are closed."""
        return self.measures.get(Status.CLOSED, 0)

    @property
    def total(self) -> int:
        """Return how many measures there are."""
        return sum(self.measures.values())


@dataclass(frozen=True, slots=True)
class ActorNumbers:
    """The tasks of one owner in numbers."""

    actor: Actor | None
    """None: of the tasks that have no owner."""
    measures: Counts
    is_active: bool
    """It owns something that is being worked on."""
    news_at: dt.datetime | None
    """The last update of what it owns."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which recommendation serves which goal, itself or through its measures."""

    goals: Sequence[TaskRow]
    recommendations: Sequence[TaskRow]
    serving: Mapping[tuple[int, int], int]
    """(recommendation id, goal id) to the number of tasks that serve it."""
    elsewhere: Mapping[int, int]
    """Goal id to the number of tasks that serve it under no listed recommendation."""

    def goals_without_task(self) -> list[TaskRow]:
        """Return the goals that nothing serves."""
        served = {goal for (_, goal) in self.serving} | set(self.elsewhere)
        return [goal for goal in self.goals if goal.id not in served]

    def recommendations_without_goal(self) -> list[TaskRow]:
        """Return the recommendations that serve no goal."""
        serving = {task for (task, _) in self.serving}
        return [task for task in self.recommendations if task.id not in serving]


def standings(session: Session, *, by: Person, today: dt.date) -> list[Standing]:
    """Return all recommendations and goals that `by` may see, recommendations first."""
    tasks = task_list.rows(session, *_tops(visible_to(by)), by=by, today=today)
    counts: dict[int | None, Counter[str | None]] = defaultdict(Counter)
    news: dict[int | None, dt.datetime | None] = {task.id: task.last_update_at for task in tasks}
    for parent_id, status, count, last in columns(
        session, *_numbers_under(visible_to(by), parent_ids=list(news))
    ):
        counts[parent_id][status] += count
        news[parent_id] = max(filter(None, (news[parent_id], last)), default=None)
    return [_standing(task, counts[task.id], news[task.id], today) for task in tasks]


@prepared
def _tops(visible: Select[Task]) -> Select[*tuple[Any, ...]]:
    return task_list.row_columns(
        visible.where(Task.kind.in_([Kind.RECOMMENDATION, Kind.GOAL]))
        .order_by(Task.kind.desc(), Task.ref_key)
        .limit(MOST_ROWS)
    )


@prepared
def _numbers_under(
    visible: Select[Task], *, parent_ids: list[int | None]
) -> Select[int | None, str | None, int, dt.datetime | None]:
    return (
        visible.with_only_columns(
            Task.parent_id, Task.status, func.count(), func.max(Task.last_update_at)
        )
        .where(Task.parent_id.in_(parent_ids))
        .group_by(Task.parent_id, Task.status)
    )


def _standing(
    task: TaskRow, counts: Counter[str | None], news_at: dt.datetime | None, today: dt.date
) -> Standing:
    raised = task.flag
    # News of its measures is news of the whole, so that it is not called silent.
    if raised is Flag.STALE and news_at is not None and today - news_at.date() <= STALE_AFTER:
        raised = None
    return Standing(task, raised, counts, mismatch(task.status, counts), news_at)


def flag(task: Task, *, last_word_at: dt.datetime | None, today: dt.date) -> Flag | None:
    """Return what a row points out about `task` on the local date `today`.

    `last_word_at` is its last update, or None where nobody has said anything since it was made.
    """
    return flag_of(
        status=task.status,
        deadline=task.deadline,
        assessment=task.assessment,
        last_word_on=(last_word_at or task.created_at).date(),
        today=today,
    )


def coverage(session: Session, *, by: Person, of: Sequence[Standing]) -> Coverage:
    """Return which of the recommendations serves which of the goals in `of`."""
    goals = [row.task for row in of if row.task.kind == Kind.GOAL]
    recommendations = [row.task for row in of if row.task.kind == Kind.RECOMMENDATION]
    listed = {task.id for task in recommendations}
    serving: Counter[tuple[int, int]] = Counter()
    elsewhere: Counter[int] = Counter()
    for task_id, goal_id, count in columns(
        session, *_numbers_serving(visible_to(by), goal_ids=[goal.id for goal in goals])
    ):
        if task_id in listed:
            serving[task_id, goal_id] += count
        else:
            elsewhere[goal_id] += count
    for row in of:
        if row.task.kind == Kind.GOAL and any(row.measures.values()):
            elsewhere[row.task.id] += sum(row.measures.values())
    return Coverage(goals, recommendations, serving, elsewhere)


@prepared
def _numbers_serving(visible: Select[Task], *, goal_ids: list[int]) -> Select[int, int, int]:
    top = func.coalesce(Task.parent_id, Task.id)
    return (
        visible.join(TaskGoal, TaskGoal.task_id == Task.id)
        .with_only_columns(top, TaskGoal.goal_id, func.count())
        .where(TaskGoal.goal_id.in_(goal_ids))
        # What stands under the goal itself is counted from the standings.
        .where(func.coalesce(Task.parent_id, 0) != TaskGoal.goal_id)
        .group_by(top, TaskGoal.goal_id)
    )


def by_actor(session: Session, *, by: Person) -> list[ActorNumbers]:
    """Return the numbers of each owner, by name; those of tasks without owner come last."""
    measures: dict[int | None, Counter[str | None]] = defaultdict(Counter)
    news: dict[int | None, list[dt.datetime]] = defaultdict(list)
    active: set[int | None] = set()
    for owner_id, kind, status, count, last in columns(
        session, *_numbers_of_owners(visible_to(by))
    ):
        measures[owner_id][status] += count if kind == Kind.MEASURE else 0
        active |= {owner_id} if status in ACTIVE else set()
        # To report something done is news too.
        news[owner_id] += [last] if last else []
    actors = objects(session, *actors_with(actor_ids=[key for key in measures if key]))
    return [
        ActorNumbers(actor, +measures[key], key in active, max(news[key], default=None))
        for actor, key in [*((actor, actor.id) for actor in actors), (None, None)]
        if key in measures
    ]


@prepared
def _numbers_of_owners(
    visible: Select[Task],
) -> Select[int | None, str, str | None, int, dt.datetime | None]:
    # One pass over an index that holds all four columns, whatever the number of tasks.
    return visible.with_only_columns(
        Task.owner_id, Task.kind, Task.status, func.count(), func.max(Task.last_update_at)
    ).group_by(Task.owner_id, Task.kind, Task.status)


@prepared
def actors_with(*, actor_ids: list[int]) -> Select[Actor]:
    """Return the actors with these ids, by name."""
    return select(Actor).where(Actor.id.in_(actor_ids)).order_by(Actor.name)
