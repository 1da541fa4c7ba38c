"""The list of tasks: filters, search, order and keyset pages."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select, tuple_
from sqlalchemy.orm import Session

from tracker.domain import references
from tracker.domain.errors import InvalidError
from tracker.domain.flags import Flag, flag_of
from tracker.domain.roles import Person
from tracker.domain.status import FINISHED
from tracker.models import Actor, Task, User
from tracker.models.tasks import OPEN, UNSETTLED
from tracker.services import tasks

PAGE_SIZE: Final = 50
COUNTED: Final = 1000
"""Matches are counted up to here; beyond it "more than" is precise enough and cheap."""
NOT_SETTLED: Final = "unsettled"
"""Stands among the statuses for: nobody has settled one."""
EVERY_STATUS: Final = "all"
"""Stands among the statuses for: whatever it is, closed and dropped too."""
LONGEST_CURSOR: Final = 200


class Sort(StrEnum):
    """What the list is ordered by."""

    DEADLINE = "deadline"
    REFERENCE = "reference"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list shows; the defaults show every open task."""

    text: str = ""
    owner_id: int | None = None
    kind: str = ""
    status: str = ""
    """A status, `unsettled` or `all`; empty: whatever is open."""
    theme: str = ""
    due_from: dt.date | None = None
    due_to: dt.date | None = None
    overdue: bool = False
    unsettled: bool = False
    """Owner, responsible, deadline or status is not settled."""
    mine: bool = False
    under_id: int | None = None
    """The recommendation or goal that the tasks stand under."""
    goal_id: int | None = None
    """The goal that the tasks serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """What a list shows of a task."""

    id: int
    ref: str
    kind: str
    title_nb: str
    title_nn: str
    owner_id: int | None
    owner_none_on: dt.date | None
    owner: str | None
    responsible_id: int | None
    responsible_none_on: dt.date | None
    responsible: str | None
    status: str | None
    status_none_on: dt.date | None
    deadline: dt.date | None
    deadline_precision: str | None
    deadline_none_on: dt.date | None
    last_update_at: dt.datetime | None
    changed_at: dt.datetime
    flag: Flag | None
    unsettled: tuple[str, ...]
    may_update: bool
    """It is open and belongs to an actor that the reader writes for."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list and how to go on from them."""

    rows: list[TaskRow]
    previous: str | None
    """The cursor of the page before; None where there is none."""
    next: str | None
    total: int
    """How many match, counted up to `COUNTED`."""
    more_than_total: bool


@dataclass(frozen=True, slots=True)
class _Cursor:
    """A place between two rows: the key of the nearest row and which way to read."""

    sort: Sort
    backwards: bool
    key: tuple[Any, ...]

    def encode(self) -> str:
        values = [v.isoformat() if isinstance(v, dt.date) else v for v in self.key]
        text = json.dumps([self.sort, int(self.backwards), *values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, sort: Sort) -> _Cursor:
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            of, backwards, *values = json.loads(raw[:LONGEST_CURSOR])
            return cls(sort, bool(backwards), _key(sort, of, *values))
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidError("page", "bad_page") from error


def _key(sort: Sort, of: Any, value: Any, number: Any = 1) -> tuple[Any, ...]:
    # A number that no database column holds must not reach one.
    if of != sort or type(number) is not int or not 0 < number < 2**31:
        raise ValueError(of, number)
    match sort, value:
        case Sort.DEADLINE, str():
            return dt.date.fromisoformat(value), number
        case Sort.REFERENCE, str() if value.isprintable():
            return (value,)
        case Sort.NEWEST, str():
            return dt.datetime.fromisoformat(value).astimezone(dt.UTC), number
        case _:
            raise ValueError(value)


def page(
    session: Session,
    *,
    by: Person,
    today: dt.date,
    filters: Filters,
    sort: Sort = Sort.DEADLINE,
    cursor: str | None = None,
) -> Page:
    """Return one page of the tasks that `by` may read and `filters` admit.

    `today` is the local date that decides what is overdue. `cursor` comes from the page before
    or after; raises InvalidError (field `page`) for one that cannot be read.
    """
    place = _Cursor.decode(cursor, sort) if cursor else None
    matching = tasks.visible_to(by).where(*_conditions(filters, by=by, today=today))
    counted = session.scalar(
        select(func.count()).select_from(
            matching.with_only_columns(Task.id).limit(COUNTED + 1).subquery()
        )
    )
    total = counted or 0
    backwards = place is not None and place.backwards
    query = matching.order_by(*_order(sort, backwards=backwards)).limit(PAGE_SIZE + 1)
    if place is not None:
        query = query.where(_beyond(place))
    found = rows(session, query, by=by, today=today)
    more = len(found) > PAGE_SIZE
    shown = found[:PAGE_SIZE]
    if backwards:
        shown.reverse()
    before, after = (more, True) if backwards else (place is not None, more)
    return Page(
        rows=shown,
        previous=_at(shown[0], sort, backwards=True) if before and shown else None,
        next=_at(shown[-1], sort, backwards=False) if after and shown else None,
        total=min(total, COUNTED),
        more_than_total=total > COUNTED,
    )


def rows(session: Session, query: Select[Task], *, by: Person, today: dt.date) -> list[TaskRow]:
    """Return the tasks of `query` (one that started from `visible_to`) as rows of a list."""
    found = session.execute(
        query.with_only_columns(
            *_COLUMNS,
            Task.assessment,
            Task.created_at,
            Actor.name.label("owner"),
            User.name.label("responsible"),
            maintain_column_froms=True,
        )
        .outerjoin(Actor, Actor.id == Task.owner_id)
        .outerjoin(User, User.id == Task.responsible_id)
    )
    return [_row(row, by=by, today=today) for row in found]


_COLUMNS: Final = (
    Task.id,
    Task.ref,
    Task.kind,
    Task.title_nb,
    Task.title_nn,
    Task.owner_id,
    Task.owner_none_on,
    Task.responsible_id,
    Task.responsible_none_on,
    Task.status,
    Task.status_none_on,
    Task.deadline,
    Task.deadline_precision,
    Task.deadline_none_on,
    Task.last_update_at,
    Task.changed_at,
)


def _row(row: Any, *, by: Person, today: dt.date) -> TaskRow:
    values = dict(row._mapping)  # noqa: SLF001 - the documented way to a row's names
    assessment, created_at = values.pop("assessment"), values.pop("created_at")
    flag = flag_of(
        status=row.status,
        deadline=row.deadline,
        assessment=assessment,
        last_word_on=(row.last_update_at or created_at).date(),
        today=today,
    )
    return TaskRow(
        **values,
        flag=flag,
        unsettled=tasks.unsettled_parts(row),
        may_update=row.owner_id in by.member_of and row.status not in FINISHED,
    )


def themes(session: Session, *, by: Person) -> list[str]:
    """Return the themes in use, in alphabetical order."""
    # From each theme to the next one in the index: DISTINCT would read all of its entries.
    first = tasks.visible_to(by).with_only_columns(func.min(Task.theme).label("theme"))
    found = first.where(Task.theme != "").cte("found", recursive=True)
    following = first.where(Task.theme > found.c.theme).scalar_subquery()
    found = found.union_all(select(following).where(found.c.theme.is_not(None)))
    return list(
        session.scalars(
            select(found.c.theme).where(found.c.theme.is_not(None)).order_by(found.c.theme)
        )
    )


def _conditions(filters: Filters, *, by: Person, today: dt.date) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        Task.search_text.contains(word, autoescape=True) for word in filters.text.lower().split()
    ]
    for column, value in (
        (Task.owner_id, filters.owner_id),
        (Task.kind, filters.kind),
        (Task.theme, filters.theme),
        (Task.parent_id, filters.under_id),
        (Task.responsible_id, by.user_id if filters.mine else None),
    ):
        if value:
            found.append(column == value)
    if not filters.status:
        found.append(OPEN)
    elif filters.status == NOT_SETTLED:
        found.append(and_(Task.status.is_(None), Task.status_none_on.is_(None)))
    elif filters.status != EVERY_STATUS:
        found.append(Task.status == filters.status)
    if filters.due_from:
        found += [Task.deadline_key >= filters.due_from, Task.deadline.is_not(None)]
    if filters.due_to:
        found.append(Task.deadline_key <= filters.due_to)
    if filters.overdue:
        found.append(tasks.is_overdue(today))
    if filters.unsettled:
        found.append(UNSETTLED)
    if filters.goal_id:
        found.append(Task.id.in_(tasks.serving(filters.goal_id)))
    return found


def _sorted_by(sort: Sort) -> tuple[Any, ...]:
    match sort:
        case Sort.DEADLINE:
            return Task.deadline_key, Task.id
        case Sort.REFERENCE:
            return (Task.ref_key,)
        case Sort.NEWEST:
            return Task.changed_at, Task.id


def _descends(sort: Sort, *, backwards: bool) -> bool:
    return (sort is Sort.NEWEST) != backwards


def _order(sort: Sort, *, backwards: bool) -> tuple[Any, ...]:
    columns = _sorted_by(sort)
    return tuple(c.desc() for c in columns) if _descends(sort, backwards=backwards) else columns


def _beyond(place: _Cursor) -> ColumnElement[bool]:
    """Return the condition for the rows past `place` in the direction that it reads."""
    key = tuple_(*_sorted_by(place.sort))
    descends = _descends(place.sort, backwards=place.backwards)
    return key < place.key if descends else key > place.key


def _at(row: TaskRow, sort: Sort, *, backwards: bool) -> str:
    key: tuple[Any, ...]
    match sort:
        case Sort.DEADLINE:
            key = (row.deadline or dt.date(9999, 12, 31), row.id)
        case Sort.REFERENCE:
            key = (references.sort_key(row.ref),)
        case Sort.NEWEST:
            key = (row.changed_at, row.id)
    return _Cursor(sort, backwards, key).encode()
