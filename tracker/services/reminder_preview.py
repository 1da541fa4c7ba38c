"""What the coming runs will send if nothing changes, from the code that the runs use."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Settings
from tracker.domain import reminders as rules
from tracker.domain.absences import stand_in
from tracker.domain.calendar import DAY
from tracker.domain.reminder_facts import TaskFacts
from tracker.domain.reminder_rules import RuleBook
from tracker.domain.reminder_steps import Section, days_or_kind
from tracker.domain.reminders import Find, Line
from tracker.domain.roles import Person
from tracker.models import Actor, Task, User
from tracker.services import (
    absences,
    privacy,
    reminder_candidates,
    reminder_facts,
    reminder_rules,
)
from tracker.services.closed_days import calendar
from tracker.services.reminder_candidates import Sought
from tracker.services.reminder_facts import REACHABLE, portions
from tracker.services.tasks import visible_to

TASK_DAYS: Final = 50_000
"""So many tasks times days are foreseen at a time, so that memory stays small."""


class ComingTask(NamedTuple):
    """What a coming digest says of a task."""

    id: int
    ref: str
    title_nb: str
    title_nn: str
    owner_id: int | None
    deadline: dt.date | None
    deadline_precision: str | None


class Receiver(NamedTuple):
    """Who will get a mail: a person or an actor's shared mailbox."""

    addressee: str
    name: str
    email: str
    """Empty where the reader may not know it."""
    is_known: bool
    """Whether the reader may know the address and absences."""


class StandIn(NamedTuple):
    """Who gets the mail of somebody who is away."""

    user_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Coming:
    """One line of a coming digest."""

    send_on: dt.date
    receiver: Receiver
    stand_in: StandIn | None
    """Who gets it because the receiver is away then, where the reader may know that."""
    task: ComingTask
    audience: str
    step: str
    label: int | str
    """The days from the deadline to the step's own day, or the kind of the step."""
    why: int | str
    """The days from the deadline to `send_on`, or the kind of the step."""
    section: Section


def preview(
    session: Session, *, settings: Settings, now: dt.datetime, first: dt.date, days: int
) -> Iterator[Coming]:
    """Give the lines of the digests of `days` local dates from `first`; writes nothing.

    `now` (aware UTC) is the time that the facts are seen at. The order is that of sending, then by
    receiver and as in the digest.
    """
    foresight = Foresight(session, settings=settings, now=now, first=first)
    sought = foresight.sought(first, first + (days - 1) * DAY)
    for part, task_ids in _parts(session, sought):
        finds = [
            found
            for tasks in foresight.tasks(task_ids)
            for found in foresight.finds(tasks, part.first, part.last)
        ]
        yield from lines(session, finds, by=None)


class Foresight:
    """Foresees what the runs of the date `first` and later send, as things are at `now`."""

    def __init__(
        self,
        session: Session,
        *,
        settings: Settings,
        now: dt.datetime,
        first: dt.date,
        rules: RuleBook | None = None,
    ) -> None:
        """Read who has had the digest of `first`, so that what else there is waits.

        `rules`: what it would be with these instead of those in force.
        """
        self._rules = reminder_rules.book(session) if rules is None else rules
        self._session = session
        self._settings = settings
        self._now = now
        self._first = first
        self._busy = reminder_facts.receivers_of(session, day=first, timezone=settings.timezone)

    def sought(self, first: dt.date, last: dt.date, **only: Any) -> Sought:
        """Return how to seek the tasks of the days `first` to `last`; `only` narrows that down."""
        return Sought(
            settings=self._settings,
            rules=self._rules,
            now=self._now,
            run_from=self._first,
            first=first,
            last=last,
            is_resumed=bool(self._busy),
            **only,
        )

    def tasks(
        self, task_ids: Sequence[int], size: int = reminder_facts.CHUNK
    ) -> Iterator[list[TaskFacts]]:
        """Give the facts of tasks, `size` at a time."""
        return reminder_facts.chunks(
            self._session,
            task_ids=task_ids,
            rules=self._rules,
            now=self._now,
            timezone=self._settings.timezone,
            size=size,
        )

    def finds(
        self, tasks: Sequence[TaskFacts], first: dt.date, last: dt.date
    ) -> Iterator[tuple[dt.date, Find]]:
        """Give what will be sent of these tasks on the days `first` to `last`."""
        coming = rules.forecast(
            tasks,
            people=reminder_facts.people_of(self._session, tasks),
            rules=self._rules,
            planned=reminder_facts.planned_keys(self._session, tasks=tasks),
            first=self._first,
            last=last,
            calendar=calendar(self._settings.closed_days),
            busy=self._busy,
        )
        return ((day, find) for day, find in coming if day >= first)


def lines(
    session: Session, finds: Iterable[tuple[dt.date, Find]], *, by: Person | None
) -> Iterator[Coming]:
    """Give the digests' lines by day, then by receiver and as in the digest.

    They say no more of addresses and absences than `by` may know; None is the system itself.
    """
    by_day: defaultdict[dt.date, list[Find]] = defaultdict(list)
    for day, find in finds:
        by_day[day].append(find)
    receivers = _receivers(
        session, {find.key.addressee for found in by_day.values() for find in found}, by
    )
    stand_ins = _StandIns(session, by_day, by)
    in_order = [
        (day, receivers[addressee], line)
        for day in sorted(by_day)
        for addressee, digest in sorted(
            rules.digests(by_day[day]).items(), key=lambda item: receivers[item[0]].name
        )
        for line in digest
    ]
    for some in portions(in_order):
        tasks = _tasks(session, {line.task_id for _, _, line in some})
        for day, receiver, line in some:
            yield _coming(day, receiver, stand_ins.of(receiver, day), tasks[line.task_id], line)


def _parts(session: Session, sought: Sought) -> Iterator[tuple[Sought, list[int]]]:
    """Give the days in parts with the tasks to look at, so few that memory stays small."""
    task_ids = reminder_candidates.ids(session, sought)
    days = (sought.last - sought.first).days + 1
    if days == 1 or len(task_ids) * days <= TASK_DAYS:
        yield sought, task_ids
        return
    middle = sought.first + days // 2 * DAY
    yield from _parts(session, replace(sought, last=middle - DAY))
    yield from _parts(session, replace(sought, first=middle))


class _StandIns:
    """Who gets the mail of those who are away on some days."""

    def __init__(self, session: Session, days: Collection[dt.date], by: Person | None) -> None:
        self._by_id = by.user_id if by else None
        self._away = absences.within(session, first=min(days), last=max(days)) if days else []
        substitutes = {one.substitute_id for one in self._away}
        self._names: dict[int, str] = {}
        if substitutes:
            found = select(User.id, User.name).where(User.id.in_(substitutes), REACHABLE)
            self._names = {row.id: row.name for row in session.execute(found)}

    def of(self, receiver: Receiver, day: dt.date) -> StandIn | None:
        """Return who gets it instead; None: nobody else does."""
        prefix, _, number = receiver.addressee.partition(":")
        if prefix != "user" or not self._away:
            return None
        away = {one.user_id: one for one in self._away if one.first_on <= day <= one.last_on}
        instead = stand_in(int(number), away=away, reachable=self._names)
        if instead == int(number) or not (receiver.is_known or instead == self._by_id):
            return None
        return StandIn(instead, self._names[instead])


def _coming(
    day: dt.date, receiver: Receiver, instead: StandIn | None, task: ComingTask, line: Line
) -> Coming:
    main = line.main
    return Coming(
        send_on=day,
        receiver=receiver,
        stand_in=instead,
        task=task,
        audience=main.key.audience,
        step=main.key.step,
        label=main.label,
        why=days_or_kind(main.key.step, main.due, day),
        section=line.section,
    )


def _tasks(session: Session, task_ids: Collection[int]) -> dict[int, ComingTask]:
    columns = (getattr(Task, name) for name in ComingTask._fields)
    rows = session.execute(
        visible_to(None).with_only_columns(*columns).where(Task.id.in_(task_ids))
    )
    return {row.id: ComingTask(*row) for row in rows}


def _receivers(
    session: Session, addressees: Iterable[str], by: Person | None
) -> dict[str, Receiver]:
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for addressee in sorted(addressees):
        prefix, _, number = addressee.partition(":")
        ids[prefix].append(int(number))
    found = {}
    for prefix, model in (("user", User), ("actor", Actor)):
        for some in portions(ids[prefix]):
            rows = session.execute(
                select(model.id, model.name, model.email, privacy.is_known(model, by)).where(
                    model.id.in_(some)
                )
            )
            for row_id, name, email, is_known in rows:
                addressee = f"{prefix}:{row_id}"
                known_email = email or "" if is_known else ""
                found[addressee] = Receiver(addressee, name, known_email, is_known)
    return found
