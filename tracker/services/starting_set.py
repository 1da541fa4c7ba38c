"""Loads the starting set and its public layer: adds what is missing and changes nothing else."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.data import ActorFact, PublicLayer, SourceFact, StartingSet, TaskFact
from tracker.data import public_layer as read_public_layer
from tracker.data import starting_set as read_starting_set
from tracker.domain import references
from tracker.models import (
    Actor,
    ActorAlias,
    ActorSuccession,
    ContextNote,
    ForumSeat,
    ForumSeatActor,
    Source,
    Task,
    TimelineEntry,
)
from tracker.models.columns import Origin
from tracker.services import audit, installation


def load(session: Session, *, now: dt.datetime) -> dict[str, int]:
    """Add what the starting set holds and the database lacks; return how many of what.

    `now` (aware UTC) becomes the tasks' time of creation. Sources, notes, timeline and tasks are
    known by their keys, so whatever people have changed stays as it is. Actors, whose names
    people may change, and what the installation is for are added only together with the first
    source. No address is stored.
    """
    base, public = read_starting_set(), read_public_layer()
    loader = _Loader(session, now)
    if not loader.sources:
        loader.add_actors(base, public)
        loader.describe_installation(base)
    for source in base.sources:
        loader.add_source(source)
    loader.add_public_context(public)
    return dict(loader.added)


@dataclass
class _Loader:
    session: Session
    now: dt.datetime
    added: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        rows = self.session.execute(select(Source.key, Source.id).order_by(Source.id))
        keys = {source.ref for source in read_starting_set().sources}
        self.sources = {key: source_id for key, source_id in rows if key in keys}
        self.notes = set(self.session.scalars(select(ContextNote.key)))
        self.entries = set(self.session.scalars(select(TimelineEntry.key)))
        refs = [task.ref for task in read_starting_set().tasks]
        self.refs = set(self.session.scalars(select(Task.ref).where(Task.ref.in_(refs))))
        self.actors: dict[str, Actor] = {}

    def add_actors(self, base: StartingSet, public: PublicLayer) -> None:
        """Add the bodies, the forum's seats, and what public registers say of them."""
        for origin, facts in ((Origin.SEED, base.actors), (Origin.PUBLIC, public.actors)):
            for fact in facts:
                self._add_actor(fact, origin)
        for alias in public.aliases:
            self._add_alias(self.actors[alias.actor], alias.alias, Origin.PUBLIC)
        for row in public.organisation_numbers:
            self._set_number(self.actors[row.actor], row.number)
        self.session.flush()
        for number, bodies in enumerate(base.forum.seats, start=1):
            self._add_seat(number, bodies)
        for succession in public.successions:
            self.session.add(
                ActorSuccession(
                    predecessor_id=self.actors[succession.predecessor].id,
                    successor_id=self.actors[succession.successor].id,
                    on_date=succession.date,
                    note_nb=succession.note_nb,
                    note_nn=succession.note_nn,
                    origin=Origin.PUBLIC,
                )
            )
            self.added["successions"] += 1

    def describe_installation(self, base: StartingSet) -> None:
        """Say what the installation is for, where nobody has said it."""
        known = asdict(installation.about(self.session).identity)
        words = {"purpose": asdict(base.purpose), "forum": asdict(base.forum_name)}
        for what, texts in words.items():
            values = {f"{what}_{locale}": text for locale, text in texts.items()}
            if not any(known[name] for name in values):
                installation.describe(self.session, by=None, values=values)

    def add_source(self, fact: SourceFact) -> None:
        """Add a document with its context, timeline and tasks."""
        if fact.ref not in self.sources:
            publisher = ", ".join(name for name in (fact.publisher, fact.author) if name)
            source = Source(
                key=fact.ref,
                title=fact.title,
                publisher=publisher or None,
                date_text=fact.date_text,
                sort_date=fact.sort_date,
                language=fact.language,
                origin=Origin.SEED,
            )
            self._add(source, "sources", "source", key=fact.ref, title=fact.title)
            self.sources[fact.ref] = source.id
        kinds: Counter[str] = Counter()
        for position, note in enumerate(fact.notes, start=1):
            kinds[note.kind] += 1
            self._add_note(
                f"{fact.ref}-{note.kind}-{kinds[note.kind]}",
                source_id=self.sources[fact.ref],
                kind=note.kind,
                position=position,
                quote=note.quote,
                text_nb=note.text_nb,
                text_nn=note.text_nn,
                origin=Origin.SEED,
            )
        for position, entry in enumerate(fact.timeline, start=1):
            self._add_entry(
                f"{fact.ref}-{position}",
                source_id=self.sources[fact.ref],
                position=position,
                date_text=entry.date_text,
                sort_date=entry.sort_date,
                body=entry.body,
                quote=entry.quote,
                text_nb=entry.text_nb,
                text_nn=entry.text_nn,
                origin=Origin.SEED,
            )
        for task in fact.tasks:
            if task.ref not in self.refs:
                self._add_task(fact, task)

    def add_public_context(self, public: PublicLayer) -> None:
        """Add the public remarks and events, after what the documents say themselves."""
        counts: Counter[str] = Counter()
        for note in public.notes:
            counts[note.source] += 1
            self._add_note(
                f"{note.source}-public-{counts[note.source]}",
                source_id=self.sources[note.source],
                kind="remark",
                position=100 + counts[note.source],
                text_nb=note.text_nb,
                text_nn=note.text_nn,
                origin=Origin.PUBLIC,
            )
        counts.clear()
        for entry in public.timeline:
            counts[entry.source] += 1
            self._add_entry(
                f"{entry.source}-public-{counts[entry.source]}",
                source_id=self.sources[entry.source],
                position=100 + counts[entry.source],
                date_text=entry.date_text,
                sort_date=entry.sort_date,
                text_nb=entry.text_nb,
                text_nn=entry.text_nn,
                origin=Origin.PUBLIC,
            )

    def _add_actor(self, fact: ActorFact, origin: Origin) -> None:
        actor = self.session.scalar(select(Actor).where(Actor.name == fact.name))
        if actor is None:
            actor = Actor(name=fact.name, origin=origin)
            self._add(actor, "actors", "actor", name=fact.name)
        self.actors[fact.name] = actor
        for alias in fact.aliases:
            self._add_alias(actor, alias, origin)

    def _add_alias(self, actor: Actor, name: str, origin: Origin) -> None:
        if name not in {alias.name for alias in actor.aliases}:
            actor.aliases.append(ActorAlias(name=name, origin=origin))

    def _set_number(self, actor: Actor, number: str) -> None:
        taken = self.session.scalar(select(Actor.id).where(Actor.organisation_number == number))
        if actor.organisation_number is None and taken is None:
            actor.organisation_number = number
            actor.organisation_number_origin = Origin.PUBLIC

    def _add_seat(self, number: int, bodies: tuple[str, ...]) -> None:
        if self.session.scalar(select(ForumSeat.id).where(ForumSeat.number == number)):
            return
        # The source separates the two bodies of a shared seat like this.
        seat = ForumSeat(number=number, as_written="/ ".join(bodies))
        self._add(seat, "seats", "forum_seat", number=number, bodies=list(bodies))
        for name in bodies:
            self.session.add(ForumSeatActor(seat_id=seat.id, actor_id=self.actors[name].id))
            self.added["bodies"] += 1

    def _add_note(self, key: str, **values: Any) -> None:
        if key not in self.notes:
            self.session.add(ContextNote(key=key, **values))
            self.added["notes"] += 1

    def _add_entry(self, key: str, **values: Any) -> None:
        if key not in self.entries:
            self.session.add(TimelineEntry(key=key, **values))
            self.added["timeline entries"] += 1

    def _add_task(self, source: SourceFact, fact: TaskFact) -> None:
        task = Task(
            ref=fact.ref,
            ref_key=references.sort_key(fact.ref),
            kind=fact.kind,
            source_id=self.sources[source.ref],
            title_nb=fact.title_nb,
            title_nn=fact.title_nn,
            quote=fact.quote,
            quote_language=source.language,
            description=fact.description,
            search_text=references.search_text(fact.ref, fact.title_nb, fact.title_nn, fact.quote),
            origin=Origin.SEED,
            created_at=self.now,
            changed_at=self.now,
        )
        self._add(task, f"{fact.kind}s", "task", ref=fact.ref, title_nb=fact.title_nb)

    def _add(self, row: Any, counted_as: str, entity: str, **after: Any) -> None:
        """Store a row, count it and note who did it: the system."""
        self.session.add(row)
        self.session.flush()
        self.added[counted_as] += 1
        audit.record(
            self.session,
            by=None,
            action=f"{entity}.created",
            entity=entity,
            entity_id=row.id,
            after=after,
        )
