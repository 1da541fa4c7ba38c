"""Loading the starting set: complete, repeatable, and respectful of what people changed."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from tests.factories import NOW, actor
from tracker.data import starting_set as facts
from tracker.db import Database
from tracker.domain.status import Kind
from tracker.models import (
    Actor,
    ActorSuccession,
    AuditEvent,
    ContextNote,
    ForumSeat,
    Source,
    Task,
    TimelineEntry,
    User,
)
from tracker.models.columns import Origin
from tracker.services import starting_set

EVERYTHING = {
    "actors": 13,
    "seats": 6,
    "bodies": 7,
    "successions": 5,
    "sources": 5,
    "recommendations": 6,
    "goals": 3,
}


def load(database: Database) -> dict[str, int]:
    with database.session(write=True) as session:
        return starting_set.load(session, now=NOW)


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_first_loading_adds_everything(database: Database) -> None:
    added = load(database)
    assert EVERYTHING.items() <= added.items()
    with database.session(write=False) as session:
        assert count(session, Source) == 5
        assert count(session, ContextNote) == added["notes"]
        assert count(session, TimelineEntry) == added["timeline entries"]
        seats = session.scalars(
            select(ForumSeat).order_by(ForumSeat.number).options(selectinload(ForumSeat.bodies))
        ).all()
        bodies = [[body.name for body in seat.bodies] for seat in seats]
        assert bodies == [list(seat) for seat in facts().forum.seats]
        assert seats[-1].as_written == "Helsedirektoratet/ Direktoratet for e-helse"


def test_loading_twice_changes_nothing(database: Database) -> None:
    load(database)
    with database.session(write=False) as session:
        before = {table: count(session, table) for table in (Actor, Task, ContextNote, AuditEvent)}
    assert load(database) == {}
    with database.session(write=False) as session:
        assert {table: count(session, table) for table in before} == before


def test_what_no_document_says_is_left_unsettled(database: Database) -> None:
    load(database)
    with database.session(write=False) as session:
        for task in session.scalars(select(Task)):
            assert (task.owner_id, task.responsible_id, task.deadline) == (None, None, None)
            assert (task.owner_none_on, task.responsible_none_on) == (None, None)
            assert (task.deadline_none_on, task.status, task.status_none_on) == (None, None, None)
            assert task.quote
            assert task.theme == ""
        assert session.scalar(select(func.count()).where(Task.kind == Kind.MEASURE)) == 0


def test_no_person_and_no_address_is_stored(database: Database) -> None:
    load(database)
    with database.session(write=False) as session:
        assert count(session, User) == 0
        assert session.scalars(select(Actor.email).where(Actor.email.is_not(None))).all() == []


def test_what_people_changed_stays(database: Database) -> None:
    load(database)
    with database.session(write=True) as session:
        task = session.scalars(select(Task).where(Task.ref == "DIFI-1")).one()
        task.title_nb = "Strategi"
        body = session.scalars(select(Actor).where(Actor.name == "DogA")).one()
        body.name = "Design og arkitektur"
        source = session.scalars(select(Source).where(Source.key == "DIFI")).one()
        source.address = "https://difi.example/rapport"
    assert load(database) == {}
    with database.session(write=False) as session:
        assert session.scalar(select(Task.title_nb).where(Task.ref == "DIFI-1")) == "Strategi"
        assert session.scalar(select(func.count()).where(Actor.name == "DogA")) == 0
        assert session.scalar(select(Source.address).where(Source.key == "DIFI"))


def test_an_actor_that_people_had_entered_is_used_and_kept(database: Database) -> None:
    with database.session(write=True) as session:
        actor(session, "KS", email="post@ks.example", organisation_number="974760673")
    assert load(database)["actors"] == EVERYTHING["actors"] - 1
    with database.session(write=False) as session:
        kept = session.scalars(select(Actor).where(Actor.name == "KS")).one()
        assert (kept.email, kept.organisation_number) == ("post@ks.example", "974760673")
        assert kept.origin == Origin.PEOPLE


def test_the_public_layer_is_marked_apart_from_the_documents(database: Database) -> None:
    load(database)
    with database.session(write=False) as session:
        marked = select(TimelineEntry.date_text).where(TimelineEntry.origin == Origin.PUBLIC)
        assert session.scalars(marked.order_by(TimelineEntry.id)).all() == [
            "23. juni 2020",
            "4. feb. 2021",
        ]
        found = session.execute(select(Actor.name, Actor.organisation_number))
        numbers = {row.name: row.organisation_number for row in found}
        assert numbers["KS"] == "971032146"
        assert numbers["DogA"] is None
        assert set(session.scalars(select(ActorSuccession.origin))) == {Origin.PUBLIC}


def test_the_milestone_of_2020_is_on_the_timeline_and_no_task(database: Database) -> None:
    load(database)
    with database.session(write=False) as session:
        milestone = session.scalars(
            select(TimelineEntry).where(TimelineEntry.date_text == "2020")
        ).one()
        assert milestone.sort_date is None
        assert milestone.origin == Origin.SEED


def test_the_system_is_recorded_as_who_loaded_it(database: Database) -> None:
    load(database)
    with database.session(write=False) as session:
        events = session.scalars(select(AuditEvent)).all()
        assert {event.actor for event in events} == {"system"}
        assert sum(event.action == "task.created" for event in events) == 9
