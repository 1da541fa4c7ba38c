"""The list of tasks: filters, search, order and keyset pages."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, select, tuple_
from sqlalchemy.orm import Session

from tracker.db import columns, prepared
from tracker.domain import references
from tracker.domain.errors import InvalidError
from tracker.domain.flags import Flag, flag_of
from tracker.domain.roles import Person
from tracker.domain.status import FINISHED
from tracker.models import Actor, Task, User
from tracker.models.tasks import OPEN, UNSETTLED
from tracker.services import paging, tasks

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


class TaskRow(NamedTuple):
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
    visible = tasks.visible_to(by)
    asked = _asked(filters, by=by, today=today)
    [[total]] = columns(session, *_counted(visible, COUNTED + 1, **asked))
    backwards = place is not None and place.backwards
    query, values = _ordered(visible, sort, backwards, **asked)
    if place is not None:
        query = query.where(_beyond(place))
    piece = paging.piece(
        rows(session, query, values, by=by, today=today),
        size=PAGE_SIZE,
        first=place is None,
        backwards=backwards,
    )
    return Page(
        rows=piece.rows,
        previous=_at(piece.before, sort, backwards=True) if piece.before else None,
        next=_at(piece.after, sort, backwards=False) if piece.after else None,
        total=min(total, COUNTED),
        more_than_total=total > COUNTED,
    )


def row_columns(query: Select[Task]) -> Select[*tuple[Any, ...]]:
    """Return `query` (one that started from `visible_to`) as one for what `rows` needs."""
    return (
        query.with_only_columns(*_COLUMNS, maintain_column_froms=True)
        .outerjoin(Actor, Actor.id == Task.owner_id)
        .outerjoin(User, User.id == Task.responsible_id)
    )


def rows(
    session: Session,
    query: Select[*tuple[Any, ...]],
    values: dict[str, Any] | None = None,
    *,
    by: Person,
    today: dt.date,
) -> list[TaskRow]:
    """Return what `query` finds (made with `row_columns`), with its values if it was prepared."""
    return [_row(row, by=by, today=today) for row in columns(session, query, values or {})]


# The first ones are those of TaskRow, in its order; the others make its flag.
_COLUMNS: Final = (
    Task.id,
    Task.ref,
    Task.kind,
    Task.title_nb,
    Task.title_nn,
    Task.owner_id,
    Task.owner_none_on,
    Actor.name.label("owner"),
    Task.responsible_id,
    Task.responsible_none_on,
    User.name.label("responsible"),
    Task.status,
    Task.status_none_on,
    Task.deadline,
    Task.deadline_precision,
    Task.deadline_none_on,
    Task.last_update_at,
    Task.changed_at,
    Task.assessment,
    Task.created_at,
)


def _row(row: Any, *, by: Person, today: dt.date) -> TaskRow:
    *shown, assessment, created_at = row
    flag = flag_of(
        status=row.status,
        deadline=row.deadline,
        assessment=assessment,
        last_word_on=(row.last_update_at or created_at).date(),
        today=today,
    )
    may_update = row.owner_id in by.member_of and row.status not in FINISHED
    return TaskRow._make((*shown, flag, may_update))


def themes(session: Session, *, by: Person) -> list[str]:
    """Return the themes in use, in alphabetical order."""
    return [theme for (theme,) in columns(session, *_themes(tasks.visible_to(by)))]


@prepared
def _themes(visible: Select[Task]) -> Select[str]:
    # From each theme to the next one in the index: DISTINCT would read all of its entries.
    first = visible.with_only_columns(func.min(Task.theme).label("theme"))
    found = first.where(Task.theme != "").cte("found", recursive=True)
    following = first.where(Task.theme > found.c.theme).scalar_subquery()
    found = found.union_all(select(following).where(found.c.theme.is_not(None)))
    return select(found.c.theme).where(found.c.theme.is_not(None)).order_by(found.c.theme)


_CONDITIONS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "owner_id": lambda owner_id: Task.owner_id == owner_id,
    "kind": lambda kind: Task.kind == kind,
    "theme": lambda theme: Task.theme == theme,
    "under_id": lambda task_id: Task.parent_id == task_id,
    "mine": lambda user_id: Task.responsible_id == user_id,
    "status": lambda status: Task.status == status,
    "open": lambda _: OPEN,
    "without_status": lambda _: and_(Task.status.is_(None), Task.status_none_on.is_(None)),
    "due_from": lambda day: and_(Task.deadline_key >= day, Task.deadline.is_not(None)),
    "due_to": lambda day: Task.deadline_key <= day,
    "overdue": tasks.is_overdue,
    "unsettled": lambda _: UNSETTLED,
    "goal_id": lambda goal_id: Task.id.in_(tasks.serving(goal_id)),
    "word": lambda word: Task.search_text.contains(word, escape="/"),
}


def _asked(filters: Filters, *, by: Person, today: dt.date) -> dict[str, Any]:
    """Return the conditions that `filters` ask for, by name, and their values."""
    status = filters.status
    is_one = status not in {"", NOT_SETTLED, EVERY_STATUS}
    asked = {
        "owner_id": filters.owner_id,
        "kind": filters.kind,
        "theme": filters.theme,
        "under_id": filters.under_id,
        "mine": filters.mine and by.user_id,
        "status": is_one and status,
        "open": not status,
        "without_status": status == NOT_SETTLED,
        "due_from": filters.due_from,
        "due_to": filters.due_to,
        "overdue": filters.overdue and today,
        "unsettled": filters.unsettled,
        "goal_id": filters.goal_id,
    }
    words = {
        f"word {number}": word.replace("/", "//").replace("%", "/%").replace("_", "/_")
        for number, word in enumerate(filters.text.lower().split())
    }
    return {name: value for name, value in asked.items() if value} | words


@prepared
def _counted(visible: Select[Task], most: int, **asked: Any) -> Select[int]:
    matching = _matching(visible, asked)
    return select(func.count()).select_from(
        matching.with_only_columns(Task.id).limit(most).subquery()
    )


@prepared
def _ordered(
    visible: Select[Task],
    sort: Sort,
    backwards: bool,  # noqa: FBT001 - the shape is told by place
    **asked: Any,
) -> Select[*tuple[Any, ...]]:
    matching = _matching(visible, asked)
    order = _order(sort, backwards=backwards)
    return row_columns(matching.order_by(*order).limit(PAGE_SIZE + 1))


def _matching(visible: Select[Task], asked: Mapping[str, Any]) -> Select[Task]:
    return visible.where(
        *(_CONDITIONS[name.partition(" ")[0]](value) for name, value in asked.items())
    )


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
    keys = _sorted_by(sort)
    return tuple(c.desc() for c in keys) if _descends(sort, backwards=backwards) else keys


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
