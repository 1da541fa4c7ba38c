"""What each kind of person sees first: what waits for them, what they must decide, their actor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from tracker.db import columns, objects, prepared
from tracker.domain.flags import Flag
from tracker.domain.reminder_rules import DEFAULT, SILENCE
from tracker.domain.roles import Person
from tracker.domain.status import ACTIVE, Assessment, Precision, Status
from tracker.domain.updates import Standing, may_repeat
from tracker.models import Actor, DeadlineChange, StatusUpdate, Task, User
from tracker.models.tasks import OPEN, UNSETTLED
from tracker.services import ledger
from tracker.services.progress import ActorNumbers, actors_with, flag
from tracker.services.tasks import is_overdue, unsettled_parts, visible_to

SHOWN: Final = 5
WAITING_SHOWN: Final = 25
RECENT: Final = dt.timedelta(days=30)
_AT_WORK: Final = ACTIVE - {Status.ON_HOLD}
_WORRIED: Final = tuple(
    and_(Task.status.in_(ACTIVE), Task.assessment == kind)
    for kind in (Assessment.UNCERTAIN, Assessment.OFF_TRACK)
)
_PENDING: Final = exists().where(
    DeadlineChange.task_id == Task.id, DeadlineChange.outcome.is_(None)
)


@dataclass(frozen=True, slots=True)
class Listed:
    """The first few tasks of a kind, and how many there are."""

    tasks: Sequence[Task]
    total: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that waits for the person, and whether one click may repeat the last answer."""

    task: Task
    flag: Flag | None
    may_repeat: bool


@dataclass(frozen=True, slots=True)
class Mine:
    """What an actor's staff see first."""

    waiting: Sequence[Waiting]
    waiting_total: int
    responsible_total: int
    """Open tasks that the person is responsible for, those that wait included."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the secretariat must decide or mend."""

    to_confirm: Listed
    new_deadlines: Sequence[tuple[Task, DeadlineChange]]
    new_deadlines_total: int
    unsettled: Sequence[tuple[Task, tuple[str, ...]]]
    """Tasks with what is not settled about them."""
    unsettled_total: int
    disowned: Sequence[tuple[Task, StatusUpdate]]
    """Tasks that the owner's side says are somebody else's, with what was said."""
    disowned_total: int
    unreached: Listed

    @property
    def total(self) -> int:
        """Return how many things wait for the secretariat."""
        decided = self.to_confirm.total + self.new_deadlines_total + self.unsettled_total
        return decided + self.disowned_total + self.unreached.total


@dataclass(frozen=True, slots=True)
class Answers:
    """Which of the actors with open tasks have said something lately."""

    answered: Sequence[Actor]
    missing: Sequence[Actor]


@dataclass(frozen=True, slots=True)
class ActorStanding:
    """How the tasks of one's own actor stand."""

    actors: Sequence[Actor]
    total: int
    """Open tasks."""
    overdue: int
    uncertain: int
    off_track: int
    attention: Sequence[tuple[Task, Flag | None]]
    """Those that are overdue, off track or uncertain, with what a row points out."""
    news: Sequence[tuple[StatusUpdate, Task]]


def failing_address(session: Session, *, by: Person) -> str | None:
    """Return the address of `by` where it takes no mail, so that they learn of it here."""
    found = columns(session, *_failing_address(user_id=by.user_id))
    return found[0][0] if found else None


@prepared
def _failing_address(*, user_id: int) -> Select[str]:
    return select(User.email).where(User.id == user_id, User.email_failed_at.is_not(None))


def mine(session: Session, *, by: Person, now: dt.datetime, today: dt.date) -> Mine:
    """Return what waits for `by`: what the reminders would ask about, the most urgent first."""
    person: dict[str, Any] = {"user_id": by.user_id, "lead_of": list(by.lead_of)}
    waiting = _listed(
        session, *_waiting_for(visible_to(by), **person, **_moments(now=now, today=today))
    )
    [[responsible]] = columns(session, *_responsible(visible_to(by), **person))
    rows = [_waiting(task, now=now, today=today) for task in waiting.tasks]
    return Mine(rows, waiting.total, responsible)


def decisions(session: Session, *, by: Person) -> Decisions:
    """Return what the secretariat must decide, a few of each kind and their number."""
    visible = visible_to(by)
    unsettled = _listed(session, *_unsettled(visible))
    changes = session.execute(*_new_deadlines(visible)).all()
    disowned = session.execute(*_disowned(visible)).all()
    return Decisions(
        to_confirm=_listed(session, *_reported(visible)),
        new_deadlines=[(row[0], row[1]) for row in changes],
        new_deadlines_total=changes[0][2] if changes else 0,
        unsettled=[(task, unsettled_parts(task)) for task in unsettled.tasks],
        unsettled_total=unsettled.total,
        disowned=[(row[0], row[1]) for row in disowned],
        disowned_total=disowned[0][2] if disowned else 0,
        unreached=_listed(session, *_unreached(visible)),
    )


def answers(numbers: Sequence[ActorNumbers], *, now: dt.datetime) -> Answers:
    """Return which actors at work have given news within the last 30 days."""
    answered: list[Actor] = []
    missing: list[Actor] = []
    for row in numbers:
        if row.actor is not None and row.is_active:
            is_fresh = row.news_at is not None and row.news_at >= now - RECENT
            (answered if is_fresh else missing).append(row.actor)
    return Answers(answered, missing)


def actor_standing(
    session: Session, *, by: Person, now: dt.datetime, today: dt.date
) -> ActorStanding:
    """Return how the tasks of the actors that `by` is employed by stand."""
    visible, actor_ids = visible_to(by), list(by.actor_ids)
    [[total, overdue, uncertain, off_track]] = columns(
        session, *_numbers(visible, actor_ids=actor_ids, today=today)
    )
    attention = objects(session, *_attention(visible, actor_ids=actor_ids, today=today))
    news = session.execute(*_news(visible, actor_ids=actor_ids, since=now - RECENT)).all()
    return ActorStanding(
        objects(session, *actors_with(actor_ids=actor_ids)),
        total,
        overdue or 0,
        uncertain or 0,
        off_track or 0,
        [(task, flag(task, last_word_at=task.last_update_at, today=today)) for task in attention],
        [(update, task) for update, task in news],
    )


def _moments(*, now: dt.datetime, today: dt.date) -> dict[str, Any]:
    """Return the days and moments that decide what a person is asked for.

    It is what the default rules of reminding would ask about.
    """
    return {
        "today": today,
        "soon": today + dt.timedelta(days=max(DEFAULT.before)),
        "year_end": today + dt.timedelta(days=max(DEFAULT.before_year_end)),
        "lately": now - dt.timedelta(days=DEFAULT.answered),
        "long_ago": now - dt.timedelta(days=SILENCE),
    }


@prepared
def _waiting_for(
    visible: Select[Task], *, user_id: int, lead_of: list[int], **moments: Any
) -> Select[Task, int]:
    waiting = visible.where(_mine(user_id, lead_of), _asked_for(**moments))
    return _first_few(waiting, WAITING_SHOWN, Task.deadline_key)


@prepared
def _responsible(visible: Select[Task], *, user_id: int, lead_of: list[int]) -> Select[int]:
    return visible.with_only_columns(func.count()).where(_mine(user_id, lead_of), OPEN)


@prepared
def _reported(visible: Select[Task]) -> Select[Task, int]:
    return _first_few(
        visible.where(Task.status == Status.REPORTED_DONE), SHOWN, Task.last_update_at
    )


@prepared
def _unreached(visible: Select[Task]) -> Select[Task, int]:
    unreached = visible.where(Task.needs_contact_since.is_not(None))
    return _first_few(unreached, SHOWN, Task.needs_contact_since)


@prepared
def _unsettled(visible: Select[Task]) -> Select[Task, int]:
    return _first_few(visible.where(UNSETTLED), SHOWN, Task.ref_key)


@prepared
def _new_deadlines(visible: Select[Task]) -> Select[Task, DeadlineChange, int]:
    return (
        visible.join(DeadlineChange, DeadlineChange.task_id == Task.id)
        .where(DeadlineChange.outcome.is_(None))
        .with_only_columns(Task, DeadlineChange, func.count().over())
        .options(joinedload(Task.owner), joinedload(DeadlineChange.requested_by))
        .order_by(DeadlineChange.requested_at, DeadlineChange.id)
        .limit(SHOWN)
    )


@prepared
def _disowned(visible: Select[Task]) -> Select[Task, StatusUpdate, int]:
    return (
        visible.join(StatusUpdate, StatusUpdate.task_id == Task.id)
        .where(ledger.DISOWNED)
        .with_only_columns(Task, StatusUpdate, func.count().over())
        .options(joinedload(Task.owner), joinedload(StatusUpdate.user))
        .order_by(StatusUpdate.id)
        .limit(SHOWN)
    )


@prepared
def _numbers(
    visible: Select[Task], *, actor_ids: list[int], today: dt.date
) -> Select[*tuple[Any, ...]]:
    conditions = (is_overdue(today), *_WORRIED)
    return visible.with_only_columns(
        func.count(), *(func.sum(case((what, 1), else_=0)) for what in conditions)
    ).where(Task.owner_id.in_(actor_ids), OPEN)


@prepared
def _attention(visible: Select[Task], *, actor_ids: list[int], today: dt.date) -> Select[Task]:
    return (
        visible.where(Task.owner_id.in_(actor_ids), or_(is_overdue(today), *_WORRIED))
        .order_by(Task.deadline_key, Task.id)
        .limit(SHOWN)
        .options(joinedload(Task.owner))
    )


@prepared
def _news(
    visible: Select[Task], *, actor_ids: list[int], since: dt.datetime
) -> Select[StatusUpdate, Task]:
    # Backwards through all that is new until enough of it is ours; joined, SQLite would begin with
    # every task that is ours.
    ours = visible.where(Task.owner_id.in_(actor_ids), Task.id == StatusUpdate.task_id)
    newest = (
        select(StatusUpdate.id)
        .where(StatusUpdate.created_at >= since, ours.exists())
        .order_by(StatusUpdate.created_at.desc(), StatusUpdate.id.desc())
        .limit(SHOWN)
    )
    return (
        visible.join(StatusUpdate, StatusUpdate.task_id == Task.id)
        .with_only_columns(StatusUpdate, Task)
        .where(StatusUpdate.id.in_(newest))
        .options(joinedload(StatusUpdate.user), joinedload(StatusUpdate.actor))
        .order_by(StatusUpdate.created_at.desc(), StatusUpdate.id.desc())
    )


def _mine(user_id: int, lead_of: list[int]) -> ColumnElement[bool]:
    """Tasks that the person answers for: as responsible, or as lead where nobody is."""
    nobody = Task.responsible_id.is_(None) & Task.responsible_none_on.is_(None)
    return or_(Task.responsible_id == user_id, and_(Task.owner_id.in_(lead_of), nobody))


def _asked_for(
    *,
    today: dt.date,
    soon: dt.date,
    year_end: dt.date,
    lately: dt.datetime,
    long_ago: dt.datetime,
) -> ColumnElement[bool]:
    is_soon = or_(
        Task.deadline <= soon,
        and_(Task.deadline_precision == Precision.YEAR, Task.deadline <= year_end),
    )
    not_answered = or_(
        Task.deadline < today, Task.last_update_at.is_(None), Task.last_update_at < lately
    )
    without_deadline = or_(Task.deadline.is_(None), Task.status == Status.ONGOING)
    last_word = func.coalesce(Task.last_update_at, Task.created_at)
    silent = and_(
        last_word < long_ago, or_(Task.assigned_at.is_(None), Task.assigned_at < long_ago)
    )
    return or_(
        and_(
            Task.status.in_(_AT_WORK),
            or_(and_(is_soon, not_answered), and_(without_deadline, silent)),
            ~_PENDING,
        ),
        and_(Task.status == Status.ON_HOLD, Task.look_again_on <= today),
    )


def _waiting(task: Task, *, now: dt.datetime, today: dt.date) -> Waiting:
    standing = Standing(
        status=Status(task.status) if task.status else None,
        deadline=task.deadline,
        look_again_on=task.look_again_on,
        asked_for=None,  # A task with a pending request does not wait for its owner.
    )
    last = Assessment(task.assessment) if task.assessment else None
    raised = flag(task, last_word_at=task.last_update_at, today=today)
    # What was said a few days ago is not worth saying again, though a late task still waits.
    last_at = task.last_update_at
    is_answered = last_at is not None and now - last_at <= dt.timedelta(days=DEFAULT.answered)
    return Waiting(task, raised, not is_answered and may_repeat(standing, last, today=today))


def _first_few(query: Select[Task], limit: int, order: Any) -> Select[Task, int]:
    """Return a query for the first `limit` tasks and the number of all."""
    return (
        query.add_columns(func.count().over())
        .options(joinedload(Task.owner))
        .order_by(order, Task.id)
        .limit(limit)
    )


def _listed(session: Session, query: Select[Task, int], values: dict[str, Any]) -> Listed:
    rows = session.execute(query, values).all()
    return Listed([row[0] for row in rows], rows[0][1] if rows else 0)
