"""What other rules would send, before they are in force: from the code that the runs use."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from config import Settings
from tracker.domain.calendar import DAY
from tracker.domain.reminder_rules import DEFAULT, RuleBook, Rules
from tracker.domain.reminders import Find
from tracker.services import reminder_candidates, reminder_preview, reminder_rules
from tracker.services.reminder_preview import Coming, Foresight

DAYS: Final = 30
SHOWN: Final = 20


class Volume(NamedTuple):
    """How much is sent about the tasks in question."""

    lines: int
    mails: int
    receivers: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What is sent in the coming days as the rules are and as they would be."""

    now: Volume
    then: Volume
    first: dt.date
    """The date of the next run."""
    at_once: int
    """Lines that the next run would send because of the change."""
    new: list[Coming]
    """The first of the lines that come because of the change."""
    new_total: int
    gone: list[Coming]
    """The first of the lines that do not come any more."""
    gone_total: int


_Key = tuple[dt.date, str, int]
"""Day, addressee and task: one line."""


def foresee(
    session: Session,
    *,
    scope: str,
    rules: Rules | None,
    settings: Settings,
    now: dt.datetime,
    first: dt.date,
) -> Effect:
    """Compare the rules in force with the same and `rules` for `scope` (None: none of its own).

    `first` is the date of the next run; the 30 days from then on are compared. Tasks that narrower
    rules count for are left out.
    """
    book = reminder_rules.book(session)
    changed = book.with_rules(scope, rules or DEFAULT)
    last = first + (DAYS - 1) * DAY

    def lines(of_book: RuleBook) -> dict[_Key, tuple[dt.date, Find]]:
        foresight = Foresight(session, settings=settings, now=now, first=first, rules=of_book)
        found: dict[_Key, tuple[dt.date, Find]] = {}
        for tasks in foresight.tasks(_task_ids(session, foresight, scope, first, last)):
            of_scope = [
                task
                for task in tasks
                if changed.scope_of(task.id, task.kind, task.owner_id) == scope
            ]
            for day, find in foresight.finds(of_scope, first, last):
                found.setdefault((day, find.key.addressee, find.key.task_id), (day, find))
        return found

    before, after = lines(book), lines(book.with_rules(scope, rules))

    def shown(found: dict[_Key, tuple[dt.date, Find]], keys: list[_Key]) -> list[Coming]:
        # Only the secretariat may change rules, so nothing is kept from the reader.
        some = [found[key] for key in keys[:SHOWN]]
        return list(reminder_preview.lines(session, some, by=None))

    new, gone = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    return Effect(
        now=_volume(before),
        then=_volume(after),
        first=first,
        at_once=sum(day == first for day, _, _ in new),
        new=shown(after, new),
        new_total=len(new),
        gone=shown(before, gone),
        gone_total=len(gone),
    )


def _task_ids(
    session: Session, foresight: Foresight, scope: str, first: dt.date, last: dt.date
) -> list[int]:
    name, _, value = scope.partition(":")
    if name == "task":
        return [int(value)]
    owners = {"owner_ids": {int(value)}} if name == "actor" else {}
    return reminder_candidates.ids(session, foresight.sought(first, last, **owners))


def _volume(lines: dict[_Key, tuple[dt.date, Find]]) -> Volume:
    mails = {(day, addressee) for day, addressee, _ in lines}
    return Volume(len(lines), len(mails), len({addressee for _, addressee, _ in lines}))
