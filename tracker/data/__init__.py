"""The starting set: what five public documents say, each fact with its verbatim quote.

Two layers that are never mixed: ``starting_set`` holds what the documents themselves say, and
``public_layer`` what public registers and records add (organisation numbers, successions, the
number of the white paper). Both are read from TOML files beside this module into frozen
dataclasses, and refused as a whole with ``DataError`` where they do not hold together.
"""

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

Fact = TypeVar("Fact")

NOTE_KINDS = frozenset(
    {"definition", "mandate", "obstacle", "proposal", "remark", "theme", "weakness"}
)
SORTABLE = frozenset({"day", "month"})
PRECISIONS = SORTABLE | {"season", "year", "years"}
TASK_KINDS = frozenset({"recommendation", "goal"})


class DataError(ValueError):
    """One of the two files names something that it does not hold, or lacks what it needs."""


@dataclass(frozen=True, kw_only=True)
class ActorFact:
    """A body, named as it is written in the source with this reference."""

    name: str
    aliases: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class ForumFact:
    """The coordinating forum: each seat lists the one or more bodies that share it."""

    source: str
    seats: tuple[tuple[str, ...], ...]
    quote: str
    purpose: str


@dataclass(frozen=True, kw_only=True)
class Words:
    """A text of this product's in its three languages."""

    nb: str
    nn: str
    en: str


@dataclass(frozen=True, kw_only=True)
class NoteFact:
    """A piece of context on a source: a verbatim quote, where needed with this product's remark."""

    kind: str
    quote: str
    text_nb: str = ""
    text_nn: str = ""


@dataclass(frozen=True, kw_only=True)
class TimelineFact:
    """A dated entry of a source. ``date_text`` is verbatim; ``sort_date`` only where it is known.

    ``body`` is who did it, as written. The text explains a date that the document only implies.
    """

    date_text: str
    precision: str
    quote: str
    sort_date: date | None = None
    body: str | None = None
    text_nb: str = ""
    text_nn: str = ""


@dataclass(frozen=True, kw_only=True)
class TaskFact:
    """A recommendation or goal. Owner, responsible, deadline and status are in no document."""

    ref: str
    kind: str
    title_nb: str
    title_nn: str
    quote: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class SourceFact:
    """A document. ``seed`` is the number of its copy; ``sort_date`` is None when it is undated."""

    ref: str
    seed: str
    title: str
    language: str
    publisher: str | None = None
    author: str | None = None
    date_text: str | None = None
    sort_date: date | None = None
    notes: tuple[NoteFact, ...] = ()
    timeline: tuple[TimelineFact, ...] = ()
    tasks: tuple[TaskFact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StartingSet:
    """Everything that the documents say."""

    actors: tuple[ActorFact, ...]
    forum: ForumFact
    purpose: Words
    forum_name: Words
    sources: tuple[SourceFact, ...]

    @property
    def tasks(self) -> tuple[TaskFact, ...]:
        """All recommendations and goals, in the order of their sources."""
        return tuple(task for source in self.sources for task in source.tasks)


@dataclass(frozen=True, kw_only=True)
class PublicAlias:
    """Another way in which a body is written."""

    actor: str
    alias: str


@dataclass(frozen=True, kw_only=True)
class PublicNumber:
    """The organisation number of a body."""

    actor: str
    number: str


@dataclass(frozen=True, kw_only=True)
class PublicSuccession:
    """A body that became another or gave a part of itself to it, which the note then says."""

    predecessor: str
    successor: str
    date: date
    note_nb: str = ""
    note_nn: str = ""


@dataclass(frozen=True, kw_only=True)
class PublicNote:
    """A remark on a source."""

    source: str
    text_nb: str
    text_nn: str


@dataclass(frozen=True, kw_only=True)
class PublicTimeline:
    """A dated public event that belongs to a source's process."""

    source: str
    date_text: str
    precision: str
    sort_date: date
    text_nb: str
    text_nn: str


@dataclass(frozen=True, kw_only=True)
class PublicLayer:
    """Everything that public material adds."""

    actors: tuple[ActorFact, ...]
    aliases: tuple[PublicAlias, ...]
    organisation_numbers: tuple[PublicNumber, ...]
    successions: tuple[PublicSuccession, ...]
    notes: tuple[PublicNote, ...]
    timeline: tuple[PublicTimeline, ...]


@cache
def starting_set() -> StartingSet:
    """The documents' own layer. Raises DataError when the file does not hold together."""
    return parse_starting_set(_read("starting_set.toml"))


@cache
def public_layer() -> PublicLayer:
    """The public layer. Raises DataError when it speaks of what neither layer holds."""
    return parse_public_layer(_read("public_layer.toml"), starting_set())


def parse_starting_set(text: str) -> StartingSet:
    """Reads and checks the starting set from TOML. Raises DataError."""
    raw = tomllib.loads(text)
    found = StartingSet(
        actors=_rows(ActorFact, raw, "actors"),
        forum=_row(ForumFact, raw["forum"]),
        purpose=_row(Words, raw["purpose"]),
        forum_name=_row(Words, raw["forum_name"]),
        sources=tuple(_source(row) for row in raw["sources"]),
    )
    names = [actor.name for actor in found.actors]
    refs = [source.ref for source in found.sources]
    _unique("actor", names)
    _unique("source", refs)
    _unique("task", (task.ref for task in found.tasks))
    _known("actor", (name for seat in found.forum.seats for name in seat), names)
    _known("source", [found.forum.source], refs)
    _known("source", (actor.source for actor in found.actors), refs)
    _known("kind of task", (task.kind for task in found.tasks), TASK_KINDS)
    for source in found.sources:
        _known("kind of note", (note.kind for note in source.notes), NOTE_KINDS)
        _known("precision", (entry.precision for entry in source.timeline), PRECISIONS)
        for entry in source.timeline:
            if (entry.sort_date is not None) != (entry.precision in SORTABLE):
                raise DataError(f"{entry.date_text}: only a day or a month has a date to sort by")
        for task in source.tasks:
            if not task.ref.startswith(f"{source.ref}-"):
                raise DataError(f"{task.ref} does not begin with its source's {source.ref}-")
    return found


def parse_public_layer(text: str, base: StartingSet) -> PublicLayer:
    """Reads and checks the public layer that is laid over ``base``. Raises DataError."""
    raw = tomllib.loads(text)
    found = PublicLayer(
        actors=_rows(ActorFact, raw, "actors"),
        aliases=_rows(PublicAlias, raw, "aliases"),
        organisation_numbers=_rows(PublicNumber, raw, "organisation_numbers"),
        successions=_rows(PublicSuccession, raw, "successions"),
        notes=_rows(PublicNote, raw, "notes"),
        timeline=_rows(PublicTimeline, raw, "timeline"),
    )
    names = [actor.name for actor in (*base.actors, *found.actors)]
    refs = [source.ref for source in base.sources]
    _unique("actor", names)
    _unique("organisation number", (row.number for row in found.organisation_numbers))
    _known("actor", (row.actor for row in found.aliases), names)
    _known("actor", (row.actor for row in found.organisation_numbers), names)
    _known("actor", (row.predecessor for row in found.successions), names)
    _known("actor", (row.successor for row in found.successions), names)
    _known("source", (row.source for row in found.notes), refs)
    _known("source", (row.source for row in found.timeline), refs)
    _known("precision", (row.precision for row in found.timeline), PRECISIONS)
    return found


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")


def _source(raw: dict[str, Any]) -> SourceFact:
    nested = {
        "notes": _rows(NoteFact, raw, "notes"),
        "timeline": _rows(TimelineFact, raw, "timeline"),
        "tasks": _rows(TaskFact, raw, "tasks"),
    }
    return _row(SourceFact, {**raw, **nested})


def _rows(kind: type[Fact], raw: dict[str, Any], key: str) -> tuple[Fact, ...]:
    return tuple(_row(kind, row) for row in raw.get(key, ()))


def _row(kind: type[Fact], raw: dict[str, Any]) -> Fact:
    """One dataclass from one TOML table; a key too many or too few is a mistake in the file."""
    try:
        return kind(**{key: _frozen(value) for key, value in raw.items()})
    except TypeError as error:
        raise DataError(f"{kind.__name__}: {error} in {raw}") from error


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _unique(what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise DataError(f"the {what} {value} stands twice")
        seen.add(value)


def _known(what: str, values: Iterable[str | None], known: Collection[str]) -> None:
    for value in values:
        if value is not None and value not in known:
            raise DataError(f"unknown {what}: {value}")
