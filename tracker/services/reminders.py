"""Runs the reminders: plans what is due and puts one digest per receiver into the outbox.

Delivery is another matter (`tracker.services.delivery`): a run is committed before the first mail
leaves, so that nothing is lost and nothing planned twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from config import Settings
from tracker import clock
from tracker.db import objects, prepared
from tracker.domain import reminders as rules
from tracker.domain.reminder_facts import Key
from tracker.domain.reminders import Find
from tracker.models import Reminder, ReminderRun
from tracker.services import (
    installation,
    outbox,
    reminder_candidates,
    reminder_facts,
    reminder_rules,
)
from tracker.services.closed_days import calendar
from tracker.services.reminder_candidates import Sought

_KEY: Final = list(Key._fields)
_INSERT: Final[dict[str, Callable[[Any], Any]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


@dataclass
class Counts:
    """What a run planned: reminders to send, reminders superseded, mails queued."""

    planned: int = 0
    superseded: int = 0
    queued: int = 0


@dataclass(frozen=True)
class Run:
    """A run that has been planned."""

    id: int
    counts: Counts = field(default_factory=Counts)


def plan_run(
    session: Session, *, settings: Settings, now: dt.datetime, slot: dt.datetime | None = None
) -> Run | None:
    """Plan what is due at `now` (aware UTC), which governs every comparison.

    With a `slot` the run takes it, in the same transaction; None is returned where it was taken
    already. Planning is serialised, so that two runs never see the same reminder as new.
    """
    installation.lock(session)
    run = _begin(session, at=now, slot=slot)
    if run is None:
        return None
    today = clock.local_date(now, settings.timezone)
    busy = reminder_facts.receivers_of(session, day=today, timezone=settings.timezone)
    people = reminder_facts.people(session)
    book = reminder_rules.book(session)
    writer = _Writer(session, run, settings, now, today)
    sought = Sought(settings=settings, rules=book, now=now, run_from=today, first=today, last=today)
    task_ids = reminder_candidates.ids(session, sought)
    for tasks in reminder_facts.chunks(
        session, task_ids=task_ids, rules=book, now=now, timezone=settings.timezone
    ):
        planned = reminder_facts.planned_keys(session, tasks=tasks)
        finds = rules.plan(
            tasks,
            people=people,
            rules=book,
            planned=planned,
            today=today,
            calendar=calendar(settings.closed_days),
            busy=busy,
        )
        writer.write(finds)
    finish(session, run_id=run.id, counts=asdict(run.counts))
    return run


def finish(session: Session, *, run_id: int, counts: dict[str, int]) -> None:
    """Note what a run did."""
    run = session.get_one(ReminderRun, run_id)
    run.counts = {**(run.counts or {}), **counts}
    run.finished_at = clock.now()
    session.flush()


def record_failure(session: Session, *, at: dt.datetime, error: str) -> None:
    """Note that a run failed; while it keeps failing the same way, one row tells of it."""
    last = session.scalar(select(ReminderRun).order_by(ReminderRun.id.desc()).limit(1))
    if last is not None and last.error == error:
        last.at = at
    else:
        session.add(ReminderRun(started_at=clock.now(), counts={}, error=error, at=at))
    session.flush()


def passed_slot(now: dt.datetime, *, settings: Settings) -> dt.datetime | None:
    """Return the latest slot of the local date that has passed, or None before the first.

    Slots of earlier dates are not made up for: the next run plans whatever they would have.
    """
    today = clock.local_date(now, settings.timezone)
    passed = [slot for slot in slots_of(today, settings=settings) if slot <= now]
    return passed[-1] if passed else None


def next_slot(now: dt.datetime, *, settings: Settings) -> dt.datetime:
    """Return the first slot after `now` that lies on an open day."""
    day = clock.local_date(now, settings.timezone)
    while True:
        open_day = calendar(settings.closed_days).working_day_on_or_after(day)
        for slot in slots_of(open_day, settings=settings):
            if slot > now:
                return slot
        day = open_day + dt.timedelta(days=1)


def next_run_day(session: Session, *, settings: Settings, now: dt.datetime) -> dt.date:
    """Return the local date of the next run by slot: today while a passed slot waits to be run."""
    passed = passed_slot(now, settings=settings)
    if passed is not None and not is_taken(session, slot=passed):
        return clock.local_date(now, settings.timezone)
    return clock.local_date(next_slot(now, settings=settings), settings.timezone)


def slots_of(day: dt.date, *, settings: Settings) -> list[dt.datetime]:
    """Return the slots of a local date as aware UTC datetimes."""
    zone = ZoneInfo(settings.timezone)
    return [dt.datetime.combine(day, slot, zone).astimezone(dt.UTC) for slot in settings.slots]


def is_taken(session: Session, *, slot: dt.datetime) -> bool:
    """Return whether a run has taken `slot`."""
    return session.scalar(select(ReminderRun.id).where(ReminderRun.slot == slot)) is not None


def cancel_stale(session: Session, *, task_id: int, now: dt.datetime, timezone: str) -> int:
    """Cancel the task's waiting reminders that no longer hold; return how many.

    Sending looks again, so this only makes the change visible at once.
    """
    waiting = objects(session, *_waiting(task_id=task_id))
    if not waiting:
        return 0
    facts = reminder_facts.of_tasks(session, task_ids=[task_id], now=now, timezone=timezone)
    stale = [
        reminder.id
        for reminder in waiting
        if not rules.still_holds(
            Key(*(getattr(reminder, name) for name in _KEY)),
            facts.tasks[task_id],
            people=facts.people,
            rules=facts.rules,
            today=clock.local_date(now, timezone),
        )
    ]
    session.execute(
        update(Reminder)
        .where(Reminder.id.in_(stale))
        .values(state="cancelled", reason="changed", settled_at=now)
    )
    return len(stale)


@prepared
def _waiting(*, task_id: int) -> Select[Reminder]:
    return (
        select(Reminder)
        .where(Reminder.task_id == task_id, Reminder.state == "planned")
        .order_by(Reminder.id)
    )


def _begin(session: Session, *, at: dt.datetime, slot: dt.datetime | None) -> Run | None:
    statement = (
        _insert(session, ReminderRun)
        .values(slot=slot, at=at, started_at=clock.now(), counts={})
        .on_conflict_do_nothing(index_elements=["slot"])
        .returning(ReminderRun.id)
    )
    run_id = session.scalar(statement)
    return None if run_id is None else Run(run_id)


def _insert(session: Session, model: type[Any]) -> Any:
    """Return the database's own INSERT, which knows what to do on a conflict."""
    return _INSERT[session.get_bind().dialect.name](inspect(model).local_table)


class _Writer:
    """Writes what was found, and queues a digest for each receiver of something to send."""

    def __init__(
        self, session: Session, run: Run, settings: Settings, now: dt.datetime, today: dt.date
    ) -> None:
        self._session = session
        self._run = run
        self._settings = settings
        self._now = now
        self._today = today
        self._emails: dict[str, int] = {}

    def write(self, finds: Iterable[Find]) -> None:
        """Write some finds; those of one receiver share a mail, however they are spread."""
        found = list(finds)
        if not found:
            return
        self._queue(find.key.addressee for find in found if find.superseded is None)
        rows = [self._row(find) for find in found]
        statement = _insert(self._session, Reminder)
        # What was cancelled and is due again takes the old row's place.
        changed = {name: statement.excluded[name] for name in rows[0] if name not in _KEY}
        self._session.connection().execute(
            statement.on_conflict_do_update(
                index_elements=_KEY,
                set_=changed,
                where=Reminder.state == "cancelled",
            ),
            rows,
        )

    def _queue(self, addressees: Iterable[str]) -> None:
        queued = outbox.queue_digests(
            self._session,
            addressees=dict.fromkeys(each for each in addressees if each not in self._emails),
            mail_from=self._settings.mail_from,
            now=self._now,
            local_date=self._today,
            run_id=self._run.id,
        )
        self._emails |= queued
        self._run.counts.queued += len(queued)

    def _row(self, find: Find) -> dict[str, Any]:
        is_sent = find.superseded is None
        counts = self._run.counts
        counts.planned += is_sent
        counts.superseded += not is_sent
        return {
            **dict(zip(_KEY, find.key, strict=True)),
            **outbox.receiver_of(find.key.addressee),
            "state": "planned" if is_sent else "superseded",
            "reason": find.superseded,
            "nominal_on": find.nominal_on,
            "send_on": find.send_on,
            "deadline": find.due,
            "run_id": self._run.id,
            "email_id": self._emails[find.key.addressee] if is_sent else None,
            "created_at": self._now,
            "settled_at": None if is_sent else self._now,
        }
