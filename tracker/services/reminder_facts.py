"""Reads from the database what the rules of reminding need to know."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select
from sqlalchemy.orm import Session, selectinload

from tracker.domain.reminder_facts import Asked, Key, Notice, People, TaskFacts
from tracker.domain.reminder_rules import DEFAULT, RuleAudience, RuleBook
from tracker.domain.reminder_steps import OptionalKind, StepKind
from tracker.domain.roles import Role
from tracker.domain.status import Precision, Status
from tracker.models import (
    Actor,
    DeadlineChange,
    DeclinedMail,
    Membership,
    OutgoingEmail,
    Reminder,
    ReminderRun,
    Snooze,
    StatusUpdate,
    Task,
    TaskContributor,
    User,
)
from tracker.models.tasks import UNSETTLED
from tracker.services import reminder_rules, sessions
from tracker.services.tasks import visible_to

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]

Item = TypeVar("Item")

CHUNK: Final = 2000
"""Tasks read at a time, so that memory stays small."""
NEWS_DAYS: Final = dt.timedelta(days=DEFAULT.news + 1)
"""So far back, at least, lies what is still told."""
REACHABLE: Final = and_(User.active, User.email_failed_at.is_(None))
"""True of a person whom mail can reach."""

_TASK_COLUMNS: Final = (
    Task.id,
    Task.kind,
    Task.series,
    Task.status,
    Task.created_at,
    Task.owner_id,
    Task.responsible_id,
    Task.deadline,
    Task.deadline_precision,
    Task.deadline_none_on,
    Task.last_update_at,
    Task.look_again_on,
    UNSETTLED.label("is_unsettled"),
    Task.assignment,
    Task.assigned_at,
    Task.assigned_by_id,
)
KEY_COLUMNS: Final = (
    Reminder.task_id,
    Reminder.series,
    Reminder.audience,
    Reminder.step,
    Reminder.occurrence,
    Reminder.addressee,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Some tasks, and the people who may have to be told of them."""

    tasks: dict[int, TaskFacts]
    people: People
    rules: RuleBook


def of_tasks(
    session: Session, *, task_ids: Collection[int], now: dt.datetime, timezone: str
) -> Facts:
    """Return the facts of the tasks with these ids, by id, in few queries."""
    rules = reminder_rules.book(session)
    tasks = {
        task.id: task
        for some in portions(sorted(task_ids))
        for task in _read(session, some, rules=rules, now=now, timezone=timezone)
    }
    return Facts(tasks, people_of(session, tasks.values()), rules)


def people_of(session: Session, tasks: Collection[TaskFacts]) -> People:
    """Return those of them whom mail can reach and who may have to be told of these tasks."""
    user_ids = {task.responsible_id for task in tasks if task.responsible_id is not None}
    user_ids |= {
        notice.author_id
        for task in tasks
        for notice in task.notices
        if notice.author_id is not None
    }
    actor_ids = {task.owner_id for task in tasks if task.owner_id is not None}
    actor_ids |= {actor_id for task in tasks for actor_id in task.contributor_ids}
    return _people(
        session,
        users=User.id.in_(user_ids),
        actors=Actor.id.in_(actor_ids),
        leads=Membership.actor_id.in_(actor_ids),
    )


def people(session: Session) -> People:
    """Return everybody whom mail can reach."""
    return _people(session)


def chunks(
    session: Session,
    *,
    task_ids: Sequence[int],
    rules: RuleBook,
    now: dt.datetime,
    timezone: str,
    size: int = CHUNK,
) -> Iterator[list[TaskFacts]]:
    """Give the facts of the tasks with these ids, in that order, `size` at a time."""
    for some in portions(task_ids, size):
        tasks = _read(session, some, rules=rules, now=now, timezone=timezone)
        found = {task.id: task for task in tasks}
        yield [found[task_id] for task_id in some]


def portions(items: Sequence[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """Give `size` items at a time: one query takes only so many ids."""
    return (items[start : start + size] for start in range(0, len(items), size))


def receivers_of(session: Session, *, day: dt.date, timezone: str) -> set[str]:
    """Return the addressees who have had the digest of the local date `day`."""
    midnight = dt.datetime.combine(day, dt.time(), ZoneInfo(timezone))
    runs = select(ReminderRun.id).where(
        ReminderRun.at >= midnight, ReminderRun.at < midnight + dt.timedelta(days=1)
    )
    return set(
        session.scalars(
            select(OutgoingEmail.addressee).where(
                OutgoingEmail.run_id.in_(runs),
                OutgoingEmail.kind == "digest",
                OutgoingEmail.local_date == day,
            )
        )
    )


def planned_keys(session: Session, *, tasks: Sequence[TaskFacts]) -> dict[int, set[Key]]:
    """Return by task the keys that are taken. A cancelled reminder may come again."""
    keys: defaultdict[int, set[Key]] = defaultdict(set)
    rows = session.execute(
        select(*KEY_COLUMNS).where(
            Reminder.task_id.in_([task.id for task in tasks]), Reminder.state != "cancelled"
        )
    )
    for row in rows:
        keys[row.task_id].add(Key(*row))
    return keys


def _read(
    session: Session,
    task_ids: Collection[int],
    *,
    rules: RuleBook,
    now: dt.datetime,
    timezone: str,
) -> list[TaskFacts]:
    tasks = visible_to(None).with_only_columns(*_TASK_COLUMNS).where(Task.id.in_(task_ids))
    rows = session.connection().execute(tasks).all()
    ids = sorted(row.id for row in rows)
    news = _News(timezone, now - NEWS_DAYS)
    news.read_updates(session, ids)
    news.read_deadline_changes(session, ids)
    snoozes = _snoozes(session, ids)
    contributors = _contributors(session, ids, rules)
    return [
        _task_facts(row, news, snoozes.get(row.id, {}), tuple(contributors.get(row.id, ())))
        for row in rows
    ]


def _snoozes(session: Session, ids: Sequence[int]) -> dict[int, dict[int, dt.date]]:
    found: defaultdict[int, dict[int, dt.date]] = defaultdict(dict)
    rows = session.connection().execute(
        select(Snooze.task_id, Snooze.user_id, Snooze.until).where(
            Snooze.task_id.in_(ids), Snooze.ended_at.is_(None)
        )
    )
    for task_id, user_id, until in rows:
        found[task_id][user_id] = until
    return found


def _contributors(session: Session, ids: Sequence[int], rules: RuleBook) -> dict[int, list[int]]:
    """Return by task the contributing actors, where any rules ask for them."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    if any(RuleAudience.CONTRIBUTORS in of_some.audience for of_some in rules.in_use()):
        rows = session.execute(
            select(TaskContributor.task_id, TaskContributor.actor_id)
            .where(TaskContributor.task_id.in_(ids))
            .order_by(TaskContributor.actor_id)
        )
        for task_id, actor_id in rows:
            found[task_id].append(actor_id)
    return found


def _task_facts(
    row: AnyRow, news: _News, snoozes: dict[int, dt.date], contributor_ids: tuple[int, ...]
) -> TaskFacts:
    # Unpacked at once: looking columns up by name takes longer than all the rules do.
    (
        task_id,
        kind,
        series,
        status_code,
        created_at,
        owner_id,
        responsible_id,
        due,
        precision,
        no_deadline_since,
        last_update_at,
        look_again_on,
        is_unsettled,
        assignment,
        assigned_at,
        assigned_by_id,
    ) = row
    status = None if status_code is None else Status(status_code)
    created_on = news.day(created_at)
    notices = list(news.of(task_id, owner_id))
    if assigned_at is not None and assigned_at >= news.since:
        on = news.day(assigned_at)
        notices.append(Notice(StepKind.ASSIGNED, assignment, on, assigned_by_id))
    reported = None
    if status is Status.REPORTED_DONE:
        # A report that no update tells of waits for its confirmation all the same.
        reported = news.reports.get(task_id) or Asked(0, created_on, None)
    return TaskFacts(
        id=task_id,
        kind=kind,
        series=series,
        status=status,
        created_on=created_on,
        owner_id=owner_id,
        responsible_id=responsible_id,
        assigned_on=None if assigned_at is None else news.day(assigned_at),
        due=due,
        precision=Precision(precision or Precision.DAY),
        no_deadline_since=no_deadline_since,
        last_update_on=None if last_update_at is None else news.day(last_update_at),
        look_again_on=look_again_on,
        is_unsettled=bool(is_unsettled),
        reported=reported,
        deadline_request=news.requests.get(task_id),
        notices=tuple(notices),
        contributor_ids=contributor_ids,
        snoozes=snoozes,
    )


class _News:
    """What has happened to some tasks, sorted by who has to be told."""

    def __init__(self, timezone: str, since: dt.datetime) -> None:
        self._zone = ZoneInfo(timezone)
        self.since = since
        self.reports: dict[int, Asked] = {}
        self.requests: dict[int, Asked] = {}
        self._notices: defaultdict[int, list[Notice]] = defaultdict(list)
        self._ended: defaultdict[int, list[AnyRow]] = defaultdict(list)

    def day(self, moment: dt.datetime) -> dt.date:
        """Return the local date of a moment."""
        return moment.astimezone(self._zone).date()

    def read_updates(self, session: Session, ids: Sequence[int]) -> None:
        """Read the reports that something is done, and what became of them lately."""
        done = Status.REPORTED_DONE
        rows = session.execute(
            select(
                StatusUpdate.id,
                StatusUpdate.task_id,
                StatusUpdate.user_id,
                StatusUpdate.actor_id,
                StatusUpdate.created_at,
                StatusUpdate.status_before,
                StatusUpdate.status_after,
                StatusUpdate.not_mine,
            )
            .where(StatusUpdate.task_id.in_(ids))
            .where(
                or_(
                    and_(
                        StatusUpdate.as_contributor.is_(False),
                        StatusUpdate.status_after == done,
                        StatusUpdate.status_before.is_distinct_from(done),
                    ),
                    and_(
                        StatusUpdate.as_contributor.is_(False),
                        StatusUpdate.status_before == done,
                        StatusUpdate.created_at >= self.since,
                    ),
                    and_(StatusUpdate.not_mine, StatusUpdate.created_at >= self.since),
                )
            )
            .order_by(StatusUpdate.id)
        )
        for row in rows:
            if row.not_mine:
                notice = Notice(StepKind.NOT_MINE, row.id, self.day(row.created_at), row.user_id)
                self._notices[row.task_id].append(notice)
            elif row.status_after == done:
                self.reports[row.task_id] = Asked(row.id, self.day(row.created_at), row.user_id)
            else:
                self._ended[row.task_id].append(row)

    def read_deadline_changes(self, session: Session, ids: Sequence[int]) -> None:
        """Read the requests that wait and the decisions taken lately."""
        rows = session.execute(
            select(
                DeadlineChange.id,
                DeadlineChange.task_id,
                DeadlineChange.requested_by_id,
                DeadlineChange.requested_at,
                DeadlineChange.outcome,
                DeadlineChange.decided_by_id,
                DeadlineChange.decided_at,
            )
            .where(DeadlineChange.task_id.in_(ids))
            .where(or_(DeadlineChange.outcome.is_(None), DeadlineChange.decided_at >= self.since))
            .order_by(DeadlineChange.id)
        )
        for row in rows:
            if row.outcome is None:
                on = self.day(row.requested_at)
                self.requests[row.task_id] = Asked(row.id, on, row.requested_by_id)
            elif row.outcome in {"approved", "rejected"}:
                notice = Notice(
                    StepKind.DEADLINE_DECIDED,
                    row.id,
                    self.day(row.decided_at),
                    row.decided_by_id,
                    author_id=row.requested_by_id,
                )
                self._notices[row.task_id].append(notice)

    def of(self, task_id: int, owner_id: int | None) -> Iterator[Notice]:
        """Give what others are to be told of a task."""
        for row in self._ended.get(task_id, ()):
            kind = _ending(row, owner_id)
            if kind is not None:
                yield Notice(kind, row.id, self.day(row.created_at), row.user_id)
        yield from self._notices.get(task_id, ())


def _ending(update: AnyRow, owner_id: int | None) -> StepKind | None:
    """Return how a report that something is done ended; taking it back oneself is no news."""
    if update.status_after == Status.CLOSED:
        return StepKind.CONFIRMED
    taken_back = update.actor_id is not None and update.actor_id == owner_id
    if update.status_after == Status.IN_PROGRESS and not taken_back:
        return StepKind.SENT_BACK
    return None


def _people(session: Session, **only: ColumnElement[bool]) -> People:
    """Return the reachable; `only` narrows `users`, `actors` and `leads` (memberships) down."""

    def narrowed(query: AnySelect, name: str) -> AnySelect:
        return query.where(only[name]) if name in only else query

    leads: defaultdict[int, list[int]] = defaultdict(list)
    memberships = (
        select(Membership.actor_id, Membership.user_id)
        .join(User)
        .where(Membership.role == Role.LEAD, Membership.actor_id.is_not(None), REACHABLE)
        .order_by(Membership.actor_id, Membership.user_id)
    )
    for actor_id, user_id in session.execute(narrowed(memberships, "leads")):
        leads[actor_id].append(user_id)
    mailboxes = select(Actor.id).where(Actor.email.is_not(None), Actor.email_failed_at.is_(None))
    is_coordinator = User.memberships.any(Membership.role == Role.COORDINATOR)
    coordinators = session.scalars(
        select(User)
        .where(REACHABLE, is_coordinator)
        .options(selectinload(User.memberships))
        .order_by(User.id)
    )
    users = session.scalars(narrowed(select(User.id).where(REACHABLE), "users"))
    return People(
        user_ids=frozenset(users),
        leads=leads,
        mailboxes=frozenset(session.scalars(narrowed(mailboxes, "actors"))),
        coordinators=[sessions.person_of(user) for user in coordinators],
        declined=_declined(session),
    )


def _declined(session: Session) -> dict[int, set[OptionalKind]]:
    found: defaultdict[int, set[OptionalKind]] = defaultdict(set)
    for user_id, kind in session.execute(select(DeclinedMail.user_id, DeclinedMail.kind)):
        found[user_id].add(OptionalKind(kind))
    return found
