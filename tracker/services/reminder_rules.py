"""The rules of reminding that are in force, their changes, and what a change would send."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from tracker.db import columns, prepared
from tracker.domain.errors import ConflictError, NotFoundError
from tracker.domain.reminder_rules import ALL, DEFAULT, RuleBook, Rules, breadth
from tracker.domain.roles import Person
from tracker.domain.status import Kind
from tracker.models import Actor, ReminderRule, Task
from tracker.services import audit, installation
from tracker.services.tasks import id_in, require_coordinator, visible_to

KIND_SCOPES: Final = tuple(f"kind:{kind}" for kind in Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The rules for some tasks, as people see them."""

    scope: str
    rules: Rules
    row: ReminderRule | None
    """Null: nobody has changed them."""
    actor: Actor | None = None
    task: Task | None = None
    """What the scope is about, where it is about one."""


def book(session: Session) -> RuleBook:
    """Return the rules in force."""
    rows = columns(session, *_book())
    return RuleBook({scope: Rules.from_values(values) for scope, values in rows})


@prepared
def _book() -> Select[str, dict[str, Any]]:
    return select(ReminderRule.scope, ReminderRule.values).order_by(ReminderRule.id)


def listed(session: Session, *, by: Person) -> list[Entry]:
    """Return the rules for all tasks, and then those for some, from the wide to the narrow."""
    rows = session.scalars(
        select(ReminderRule).options(joinedload(ReminderRule.changed_by)).order_by(ReminderRule.id)
    ).all()
    entries = _entries(session, by, rows)
    if all(entry.scope != ALL for entry in entries):
        entries.append(Entry(scope=ALL, rules=DEFAULT, row=None))
    return sorted(entries, key=lambda entry: -breadth(entry.scope))


def entry(session: Session, *, by: Person, scope: str) -> Entry:
    """Return the rules for a scope, those that apply there where it has none of its own.

    Raises NotFoundError where there is nothing of that name.
    """
    row = session.scalar(select(ReminderRule).where(ReminderRule.scope == scope))
    name, _, value = scope.partition(":")
    actor, task = None, None
    if name == "actor":
        actor = session.get(Actor, id_in(value))
    elif name == "task":
        task = session.scalar(visible_to(by).where(Task.id == id_in(value)))
    if scope not in {ALL, *KIND_SCOPES} and actor is None and task is None:
        raise NotFoundError("no_such_rules")
    rules = Rules.from_values(row.values) if row else _inherited(book(session), scope, task)
    return Entry(scope=scope, rules=rules, row=row, actor=actor, task=task)


def change(
    session: Session,
    *,
    by: Person,
    scope: str,
    rules: Rules | None,
    seen: int,
    now: dt.datetime,
) -> None:
    """Set the rules for a scope; None: it has none of its own any more.

    `seen` is the version that the change was made from, 0 for none. Raises ConflictError where
    somebody has changed them meanwhile.
    """
    require_coordinator(by)
    # After the run that plans just now, and one at a time.
    installation.lock(session)
    row = session.scalar(select(ReminderRule).where(ReminderRule.scope == scope))
    if (row.version if row else 0) != seen:
        raise ConflictError("rules_changed_meanwhile")
    before = row.values if row else None
    after = rules.as_values() if rules else None
    if row is not None and after is None:
        session.delete(row)
    elif row is not None and after is not None:
        row.values, row.changed_at, row.changed_by_id = after, now, by.user_id
    elif after is not None:
        row = ReminderRule(scope=scope, values=after, changed_at=now, changed_by_id=by.user_id)
        session.add(row)
    session.flush()
    audit.record(
        session,
        by=by,
        action="reminder_rules.changed",
        entity="reminder_rules",
        entity_id=row.id if row else 0,
        before={"scope": scope, "rules": before},
        after={"scope": scope, "rules": after},
    )


def _inherited(rules: RuleBook, scope: str, task: Task | None) -> Rules:
    """Return what applies to a scope without rules of its own."""
    if task is not None:
        return rules.of(task.id, task.kind, task.owner_id)
    return rules.by_scope.get(scope, rules.by_scope.get(ALL, DEFAULT))


def _entries(session: Session, by: Person, rows: Sequence[ReminderRule]) -> list[Entry]:
    ids: dict[str, list[int]] = {"actor": [], "task": []}
    for row in rows:
        name, _, value = row.scope.partition(":")
        if name in ids:
            ids[name].append(int(value))
    found = session.scalars(select(Actor).where(Actor.id.in_(ids["actor"])))
    actors = {f"actor:{one.id}": one for one in found}
    tasks = {
        f"task:{one.id}": one
        for one in session.scalars(visible_to(by).where(Task.id.in_(ids["task"])))
    }
    return [
        Entry(
            scope=row.scope,
            rules=Rules.from_values(row.values),
            row=row,
            actor=actors.get(row.scope),
            task=tasks.get(row.scope),
        )
        for row in _readable(rows, tasks)
    ]


def _readable(rows: Iterable[ReminderRule], tasks: dict[str, Task]) -> Iterable[ReminderRule]:
    return (row for row in rows if not row.scope.startswith("task:") or row.scope in tasks)
