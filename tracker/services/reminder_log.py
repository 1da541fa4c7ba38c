"""What was planned and sent, to whom, and what the mail server said: proof beside each task.

Addresses, what the server said (which may hold one) and who got it for somebody away are told to
those alone who may know them (`privacy`); others read whose the reminder was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.db import prepared
from tracker.domain.reminder_steps import days_or_kind
from tracker.domain.roles import Person
from tracker.models import Actor, OutgoingEmail, Reminder, ReminderRun, Task, User
from tracker.services import outbox, paging, privacy
from tracker.services.tasks import visible_to

PAGE_SIZE: Final = 50
COUNTED: Final = 1000
"""So many are counted; that there are more is said without counting them."""
OF_TASK: Final = 20


class Outcome(StrEnum):
    """What became of a reminder, as people see it."""

    SENT = "sent"
    WAITING = "waiting"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which reminders to show. Empty: all but the superseded."""

    outcome: Outcome | None = None
    receiver: str = ""
    """A part of the name, or of an address that the reader may know."""
    ref: str = ""
    person_id: int | None = None
    first: dt.date | None = None
    """The run days from here on."""
    last: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reminder with what became of it."""

    id: int
    task: Task
    receiver: str
    absent: str
    """Whose it was, where a substitute got it; empty: the receiver's own."""
    person_id: int | None
    audience: str
    step: str
    why: int | str
    """The days from the deadline to the day it was sent or is to be, or the kind of the step."""
    send_on: dt.date
    deadline: dt.date | None
    outcome: Outcome
    reason: str | None
    """Why it was cancelled or superseded."""
    at: dt.datetime
    """When that became of it; for what waits, when it was planned."""
    to_address: str | None
    answer: str | None
    """The mail server's last words."""
    possibly_duplicate: bool
    next_attempt_at: dt.datetime | None
    """When it is tried again, where it failed for now."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the ids to page on from (None: no such page)."""

    entries: Sequence[Entry]
    total: int
    more_than_total: bool
    newer_than: int | None
    older_than: int | None


_Substitute = aliased(User)
_OUTCOME: Final = case(
    (Reminder.state == "planned", "waiting"),
    ((Reminder.state == "cancelled") & (OutgoingEmail.state == "failed"), "failed"),
    else_=Reminder.state,
)
_NEXT_ATTEMPT: Final = case(
    (
        (OutgoingEmail.state == "queued") & OutgoingEmail.last_error.is_not(None),
        OutgoingEmail.next_attempt_at,
    ),
)


def page(
    session: Session,
    *,
    by: Person,
    filters: Filters,
    older_than: int | None = None,
    newer_than: int | None = None,
) -> Page:
    """Return a page of the log; the ids are those of the reminders on the page before or after."""
    known = _known(**privacy.values(by))
    wanted = _entries(visible_to(by), known).where(*_conditions(filters, known))
    counted = wanted.with_only_columns(Reminder.id).limit(COUNTED + 1).subquery()
    total = session.scalars(select(func.count()).select_from(counted)).one()
    wanted = paging.newest_first(wanted, Reminder.id, older_than=older_than, newer_than=newer_than)
    piece = paging.piece(
        map(_entry, session.execute(wanted.limit(PAGE_SIZE + 1))),
        size=PAGE_SIZE,
        first=older_than is None,
        backwards=newer_than is not None,
    )
    return Page(
        entries=piece.rows,
        total=min(total, COUNTED),
        more_than_total=total > COUNTED,
        newer_than=piece.before.id if piece.before else None,
        older_than=piece.after.id if piece.after else None,
    )


def of_task(session: Session, *, by: Person, task_id: int) -> list[Entry]:
    """Return the last reminders about a task, newest first, without those never sent."""
    newest = _newest_of_task(visible_to(by), task_id=task_id, **privacy.values(by))
    return [_entry(row) for row in session.execute(*newest)]


@prepared
def _newest_of_task(visible: Select[Task], *, task_id: int, **who: Any) -> Select[*tuple[Any, ...]]:
    return (
        _entries(visible, _known(**who))
        .where(Reminder.task_id == task_id, Reminder.state != "superseded")
        .order_by(Reminder.id.desc())
        .limit(OF_TASK)
    )


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What became of the mails of a run."""

    run: ReminderRun
    sent: int
    waiting: int
    failed: int


def last_runs(session: Session, *, limit: int) -> list[RunCounts]:
    """Return the last runs, newest first."""
    mails = aliased(OutgoingEmail)

    def number(state: str) -> ColumnElement[int]:
        return func.count(mails.id).filter(mails.state == state)

    newest = select(ReminderRun.id).order_by(ReminderRun.id.desc()).limit(limit)
    rows = session.execute(
        select(ReminderRun, number("sent"), number("queued"), number("failed"))
        .outerjoin(mails, mails.run_id == ReminderRun.id)
        .where(ReminderRun.id.in_(newest))
        .group_by(ReminderRun.id)
        .order_by(ReminderRun.id.desc())
    )
    return [RunCounts(run, sent, waiting, failed) for run, sent, waiting, failed in rows]


def _known(**who: Any) -> ColumnElement[bool]:
    """Return the condition under which the reader may know the receiver, or is the substitute."""
    return or_(
        privacy.knows(person=Reminder.user_id, mailbox_of=Reminder.actor_id, **who),
        _Substitute.id == who["by_id"],
    )


def _entries(visible: Select[Task], known: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        visible.join(Reminder, Reminder.task_id == Task.id)
        .outerjoin(OutgoingEmail, OutgoingEmail.id == Reminder.email_id)
        .outerjoin(User, User.id == Reminder.user_id)
        .outerjoin(Actor, Actor.id == Reminder.actor_id)
        .outerjoin(_Substitute, _Substitute.id == outbox.person_in(OutgoingEmail.sent_to))
        .with_only_columns(
            Reminder,
            Task,
            func.coalesce(User.name, Actor.name).label("receiver"),
            _Substitute.name.label("substitute"),
            OutgoingEmail.local_date,
            OutgoingEmail.to_address,
            # A mail that came back had been taken first; what it came back with is the answer.
            case(
                (OutgoingEmail.state == "sent", OutgoingEmail.server_answer),
                else_=func.coalesce(OutgoingEmail.last_error, OutgoingEmail.server_answer),
            ).label("answer"),
            OutgoingEmail.possibly_duplicate,
            _NEXT_ATTEMPT.label("next_attempt_at"),
            _OUTCOME.label("outcome"),
            known.label("is_known"),
        )
    )


def _conditions(filters: Filters, known: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.outcome is None:
        found.append(Reminder.state != "superseded")
    else:
        found.append(_OUTCOME.in_([filters.outcome]))
    if filters.receiver:
        part = filters.receiver.strip().lower()

        def one_holds(*columns: Any) -> ColumnElement[bool]:
            return or_(*(func.lower(one).contains(part, autoescape=True) for one in columns))

        # A search finds no more than the reader is told.
        told = and_(known, one_holds(User.email, Actor.email, _Substitute.name))
        found.append(or_(one_holds(User.name, Actor.name), told))
    if filters.person_id is not None:
        found.append(Reminder.user_id == filters.person_id)
    if filters.first is not None:
        found.append(Reminder.send_on >= filters.first)
    if filters.last is not None:
        found.append(Reminder.send_on <= filters.last)
    if filters.ref:
        found.append(func.lower(Task.ref) == filters.ref.strip().lower())
    return found


def _entry(row: Any) -> Entry:
    reminder: Reminder = row.Reminder
    on = row.local_date or reminder.send_on
    substitute = row.substitute if row.is_known else None
    return Entry(
        id=reminder.id,
        task=row.Task,
        receiver=substitute or row.receiver,
        absent=row.receiver if substitute else "",
        person_id=reminder.user_id,
        audience=reminder.audience,
        step=reminder.step,
        why=days_or_kind(reminder.step, reminder.deadline, on),
        send_on=reminder.send_on,
        deadline=reminder.deadline,
        outcome=Outcome(row.outcome),
        reason=reminder.reason,
        at=reminder.settled_at or reminder.created_at,
        to_address=row.to_address if row.is_known else None,
        answer=row.answer if row.is_known else None,
        possibly_duplicate=bool(row.possibly_duplicate),
        next_attempt_at=row.next_attempt_at,
    )
