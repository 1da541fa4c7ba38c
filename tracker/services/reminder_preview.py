"""What the coming runs will send if nothing changes, from the code that the runs use."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from config import Settings
from tracker.domain import reminders as rules
from tracker.domain.reminder_steps import Section
from tracker.domain.reminders import Find, Line
from tracker.models import Actor, OutgoingEmail, Task, User
from tracker.services import reminder_facts
from tracker.services.closed_days import calendar
from tracker.services.reminder_facts import RULES
from tracker.services.tasks import visible_to

ID_LIMIT = 500
"""Ids named in one query; the databases take only so many parameters."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who will get a mail: a person or an actor's shared mailbox."""

    addressee: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Coming:
    """One line of a coming digest."""

    send_on: dt.date
    receiver: Receiver
    task: Task
    audience: str
    step: str
    label: int | str
    """The days from the deadline to the step's own day, or the kind of the step."""
    section: Section


def preview(
    session: Session,
    *,
    settings: Settings,
    now: dt.datetime,
    first: dt.date,
    days: int,
    wanted: str = "",
) -> list[Coming]:
    """Return the lines of the digests of `days` local dates from `first`; writes nothing.

    `now` (aware UTC) is the time that the facts are seen at. `wanted` is a part of the receiver's
    name or address, or a task's reference. The order is that of sending, then by receiver and as
    in the digest.
    """
    busy = set(
        session.scalars(
            select(OutgoingEmail.addressee).where(
                OutgoingEmail.kind == "digest", OutgoingEmail.local_date == first
            )
        )
    )
    people = reminder_facts.people(session)
    by_day: defaultdict[dt.date, list[Find]] = defaultdict(list)
    for tasks in reminder_facts.chunks(session, now=now, timezone=settings.timezone):
        coming = rules.forecast(
            tasks,
            people=people,
            rules=RULES,
            planned=reminder_facts.planned_keys(session, tasks=tasks),
            first=first,
            last=first + dt.timedelta(days=days - 1),
            calendar=calendar(settings.closed_days),
            busy=busy,
        )
        for day, find in coming:
            by_day[day].append(find)
    finds = [find for found in by_day.values() for find in found]
    tasks_by_id = _tasks(session, {find.key.task_id for find in finds})
    receivers = _receivers(session, {find.key.addressee for find in finds})
    lines = (
        _coming(day, receivers[addressee], tasks_by_id[line.task_id], line)
        for day in sorted(by_day)
        for addressee, of_addressee in sorted(
            rules.digests(by_day[day]).items(), key=lambda item: receivers[item[0]].name
        )
        for line in of_addressee
    )
    return [line for line in lines if _is_wanted(line, wanted.strip().lower())]


def _is_wanted(line: Coming, wanted: str) -> bool:
    receiver = line.receiver
    return wanted in f"{receiver.name}\n{receiver.email}".lower() or wanted == line.task.ref.lower()


def _coming(day: dt.date, receiver: Receiver, task: Task, line: Line) -> Coming:
    main = line.main
    return Coming(
        send_on=day,
        receiver=receiver,
        task=task,
        audience=main.key.audience,
        step=main.key.step,
        label=main.label,
        section=line.section,
    )


def _tasks(session: Session, ids: Iterable[int]) -> dict[int, Task]:
    columns = load_only(
        Task.ref, Task.ref_key, Task.title_nb, Task.title_nn, Task.deadline, Task.deadline_precision
    )
    return {
        task.id: task
        for some in _portions(sorted(ids))
        for task in session.scalars(visible_to(None).where(Task.id.in_(some)).options(columns))
    }


def _receivers(session: Session, addressees: Iterable[str]) -> dict[str, Receiver]:
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for addressee in sorted(addressees):
        prefix, _, number = addressee.partition(":")
        ids[prefix].append(int(number))
    found = {}
    for prefix, model in (("user", User), ("actor", Actor)):
        for some in _portions(ids[prefix]):
            rows = session.execute(
                select(model.id, model.name, model.email).where(model.id.in_(some))
            )
            for row_id, name, email in rows:
                addressee = f"{prefix}:{row_id}"
                found[addressee] = Receiver(addressee, name, email or "")
    return found


def _portions(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + ID_LIMIT] for start in range(0, len(ids), ID_LIMIT))
