"""The documents that tasks come from: what they say, word for word, and what led on from them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from tracker.domain.errors import ConflictError, InvalidError, NotFoundError
from tracker.domain.roles import Person
from tracker.domain.updates import check_evidence
from tracker.domain.versions import version_of
from tracker.models import ContextNote, Source, Task
from tracker.models.columns import Origin
from tracker.services import audit, task_list, tasks
from tracker.services.task_list import TaskRow
from tracker.services.unique import unique

KEY: Final = re.compile(r"[A-ZÆØÅ][A-ZÆØÅ0-9]{0,19}")
"""What references of its tasks begin with: `DIFI`."""
RELATED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is written about a source."""

    title: str
    publisher: str = ""
    date_text: str = ""
    """The date as the source writes it."""
    sort_date: dt.date | None = None
    address: str = ""
    language: str = "nb"
    summary_nb: str = ""
    summary_nn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that a source says and that is no task."""

    kind: str
    quote: str = ""
    text_nb: str = ""
    text_nn: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A source in the list, and how many tasks come from it."""

    source: Source
    task_count: int


@dataclass(frozen=True, slots=True)
class Detail:
    """A source with its notes and timeline, and the first of its tasks."""

    source: Source
    tasks: Sequence[TaskRow]
    task_count: int


def all_of(session: Session) -> list[Source]:
    """Return all sources, the newest document first, undated ones last."""
    undated = Source.sort_date.is_(None)
    return list(
        session.scalars(select(Source).order_by(undated, Source.sort_date.desc(), Source.id))
    )


def listed(session: Session, *, by: Person) -> list[Listed]:
    """Return all sources with the number of recommendations and goals in each."""
    counts = session.execute(
        tasks.visible_to(by)
        .with_only_columns(Task.source_id, func.count())
        .where(Task.source_id.is_not(None), Task.parent_id.is_(None))
        .group_by(Task.source_id)
    )
    of = dict(counts.all())
    return [Listed(source, of.get(source.id, 0)) for source in all_of(session)]


def get(session: Session, *, source_id: int) -> Source:
    """Return a source with its notes and timeline; raises NotFoundError."""
    source = session.scalar(
        select(Source)
        .where(Source.id == source_id)
        .options(selectinload(Source.notes), selectinload(Source.timeline))
    )
    if source is None:
        raise NotFoundError("no_such_source")
    return source


def read(session: Session, *, by: Person, source_id: int, today: dt.date) -> Detail:
    """Return a source's page; raises NotFoundError. `today` is local."""
    source = get(session, source_id=source_id)
    from_it = tasks.visible_to(by).where(Task.source_id == source_id, Task.parent_id.is_(None))
    count = session.scalar(from_it.with_only_columns(func.count(), maintain_column_froms=True))
    shown = task_list.row_columns(from_it.order_by(Task.ref_key).limit(RELATED))
    return Detail(source, task_list.rows(session, shown, by=by, today=today), count or 0)


def create(session: Session, *, by: Person, key: str, facts: Facts) -> Source:
    """Add a source; raises InvalidError at a field, ForbiddenError for other than secretariat."""
    tasks.require_coordinator(by)
    key = key.upper()
    if not KEY.fullmatch(key):
        raise InvalidError("key", "source_key_malformed")
    if session.scalar(select(Source.id).where(Source.key == key)) is not None:
        raise InvalidError("key", "source_key_taken", key=key)
    _check(facts)
    source = Source(key=key, origin=Origin.PEOPLE, **_columns(facts))
    with unique(session, field="key", code="source_key_taken", key=key):
        session.add(source)
    audit.record(
        session,
        by=by,
        action="source.created",
        entity="source",
        entity_id=source.id,
        after={"key": key} | asdict(facts),
    )
    return source


def facts_of(source: Source) -> Facts:
    """Return what is written about `source` now."""
    values = {name: getattr(source, name) for name in Facts.__dataclass_fields__}
    return Facts(**{name: value for name, value in values.items() if value is not None})


def edit(session: Session, *, by: Person, source_id: int, facts: Facts, seen: str) -> Source:
    """Write `facts` over the version of the source that the person has `seen`.

    Raises ConflictError where somebody else has edited it since, InvalidError at a field.
    """
    tasks.require_coordinator(by)
    source = get(session, source_id=source_id)
    if version_of(facts_of(source)) != seen:
        raise ConflictError("changed_meanwhile")
    _check(facts)
    before, after = asdict(facts_of(source)), asdict(facts)
    changed = [name for name in after if after[name] != before[name]]
    if not changed:
        return source
    for name, value in _columns(facts).items():
        setattr(source, name, value)
    session.flush()
    audit.record(
        session,
        by=by,
        action="source.edited",
        entity="source",
        entity_id=source.id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return source


def add_note(session: Session, *, by: Person, source_id: int, note: Note) -> ContextNote:
    """Add a definition, an obstacle, a proposal or the like to a source.

    Raises InvalidError where it has neither quote nor text.
    """
    tasks.require_coordinator(by)
    source = get(session, source_id=source_id)
    if not (note.quote or note.text_nb):
        raise InvalidError("quote", "note_is_empty")
    position = max((other.position for other in source.notes), default=0) + 1
    row = ContextNote(
        key=f"{source.key}-people-{position}",
        source_id=source.id,
        kind=note.kind,
        position=position,
        quote=note.quote or None,
        text_nb=note.text_nb,
        text_nn=note.text_nn,
        origin=Origin.PEOPLE,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        by=by,
        action="source.note_added",
        entity="source",
        entity_id=source.id,
        after={"key": row.key} | asdict(note),
    )
    return row


def _check(facts: Facts) -> None:
    if facts.address:
        try:
            check_evidence((facts.address,))
        except InvalidError as error:
            raise InvalidError("address", error.code, **error.details) from error


def _columns(facts: Facts) -> dict[str, object]:
    # What a source does not say is null, never an empty text.
    nullable = {"publisher", "date_text", "address"}
    return {
        name: (value or None) if name in nullable else value
        for name, value in asdict(facts).items()
    }
