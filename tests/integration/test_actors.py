from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests import factories as make
from tests import html
from tests.client import Client
from tests.databases import count_queries
from tests.integration.updating import everything
from tracker.db import Database
from tracker.domain.errors import InvalidError
from tracker.domain.roles import Person, Role
from tracker.domain.status import Status
from tracker.mail.message import Mailbox
from tracker.models import (
    Actor,
    ActorAlias,
    ActorSuccession,
    AuditDetails,
    ForumSeat,
    ForumSeatActor,
    User,
)
from tracker.models.columns import Origin
from tracker.services import actors

Browse = Callable[[User], Client]
DAY = dt.timedelta(days=1)


@pytest.fixture
def ks(database: Database) -> Actor:
    with database.session(write=True) as session:
        ks = make.actor(
            session, "KS", organisation_number="971032146", organisation_number_origin="public"
        )
        session.add(ActorAlias(actor_id=ks.id, name="Kommunesektoren", origin=Origin.SEED))
        session.add(ActorAlias(actor_id=ks.id, name="KSs", origin=Origin.PUBLIC))
        seat = ForumSeat(number=3, as_written="KS")
        session.add(seat)
        session.flush()
        session.add(ForumSeatActor(seat_id=seat.id, actor_id=ks.id))
        new = make.actor(session, "Nye KS")
        session.add(
            ActorSuccession(
                predecessor_id=ks.id,
                successor_id=new.id,
                on_date=dt.date(2024, 1, 1),
                note_nb="Deler av KS gikk hit.",
            )
        )
        make.user(session, "Kari Nordmann", at=ks)
        make.user(session, "Lars Leder", at=ks, role=Role.LEAD)
        make.user(session, "Borte", at=ks, active=False)
        make.task(session, "Sen", owner=ks, deadline=make.TODAY - DAY)
        make.task(session, "Uavklart", owner=ks, status=None, deadline=make.TODAY - DAY)
        make.task(session, "Ferdig", owner=ks, status=Status.CLOSED)
        return ks


@pytest.fixture
def siri(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Siri", role=Role.COORDINATOR, locale="en")


def test_the_list_counts_tasks_and_compares_no_people(
    ks: Actor, siri: User, as_user: Browse
) -> None:
    page = as_user(siri).page("/actors")
    row = next(row for row in page.iter("tr") if html.text(row).startswith("KS "))
    cells = [html.text(cell) for cell in row.iter("td")]
    assert cells == ["3", "2 open tasks of KS", "1 overdue at KS"]
    assert "Kari Nordmann" not in html.text(page)


def test_the_page_tells_who_it_is_and_what_became_of_it(
    ks: Actor, siri: User, as_user: Browse
) -> None:
    page = as_user(siri).page(f"/actors/{ks.id}")
    shown = html.text(page)
    for words in (
        "Kommunesektoren, KSs", "971 032 146", "From public registers and records", "3: KS",
        "Taken over by Nye KS , 1 Jan 2024", "Deler av KS gikk hit.", "Kari Nordmann Staff",
        "Lars Leder Lead", "Sen", "Uavklart",
    ):  # fmt: skip
        assert words in shown
    assert "Borte" not in shown
    assert "Ferdig" not in shown


def test_an_edit_keeps_who_said_what_stays(
    database: Database, ks: Actor, siri: User, as_user: Browse
) -> None:
    response = as_user(siri).submit(
        f"/actors/{ks.id}/edit",
        aliases="Kommunesektoren\n\nKommunenes organisasjon\nKommunesektoren",
        email="Post@KS.example.no",
        organisation_number="971 032 146",
    )
    assert response.status_code == 303
    with database.session(write=False) as session:
        actor = session.get_one(Actor, ks.id)
        assert {(alias.name, alias.origin) for alias in actor.aliases} == {
            ("Kommunesektoren", Origin.SEED),
            ("Kommunenes organisasjon", Origin.PEOPLE),
        }
        assert actor.email == "Post@ks.example.no"
        assert actor.organisation_number_origin == Origin.PUBLIC
        (details,) = session.scalars(select(AuditDetails.details))
    assert details is not None
    assert set(details["after"]) == {"aliases", "email"}


@pytest.mark.parametrize(
    "number", ["971032146", "971 032 146", "986399445", "983544622", "915933149", "970141669"]
)
def test_numbers_of_the_register_pass(number: str) -> None:
    assert actors.organisation_number(number) == number.replace(" ", "")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("971032147", "organisation_number_check"),
        ("791032146", "organisation_number_check"),
        ("97103214", "organisation_number_form"),
        ("9710321466", "organisation_number_form"),
        ("97103214X", "organisation_number_form"),
    ],
)
def test_a_number_with_a_typing_error_is_refused(number: str, code: str) -> None:
    with pytest.raises(InvalidError) as refused:
        actors.organisation_number(number)
    assert (refused.value.field, refused.value.code) == ("organisation_number", code)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"organisation_number": "971032147"}, "organisation_number"),
        ({"organisation_number": "971032146"}, "organisation_number"),
        ({"name": "KS"}, "name"),
        ({"name": " "}, "name"),
        ({"email": "ikke en adresse"}, "email"),
        ({"email": "søren@ks.no"}, "email"),
        ({"aliases": "x" * 501}, "aliases"),
        ({"locale": "de"}, "locale"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_written(
    database: Database, ks: Actor, siri: User, as_user: Browse, typed: dict[str, str], field: str
) -> None:
    client = as_user(siri)
    client.page("/actors/new")
    before = everything(database)
    response = client.send("/actors/new", **({"name": "DOGA", "locale": "nb"} | typed))
    assert response.status_code == 400
    (shown,) = [e for e in html.parse(response.text).iter() if e.get("id") == field]
    assert shown.get("aria-invalid") == "true"
    assert shown.get("value", typed[field].strip()) == typed[field].strip()
    assert everything(database) == before


def test_the_name_of_an_actor_has_one_line_so_that_mail_to_it_can_be_made(
    database: Database, as_user: Callable[[User | Person], Client]
) -> None:
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
    as_user(coordinator).submit("/actors/new", name="KS\r\nBcc: all", email="post@ks.example")
    with database.session(write=False) as session:
        actor = session.scalars(select(Actor)).one()
    assert actor.name == "KS Bcc: all"
    mailbox = Mailbox(address="post@ks.example", name=actor.name)
    assert "\n" not in mailbox.header("To")


def test_who_saves_an_actor_second_sees_both_and_loses_nothing(
    database: Database, ks: Actor, siri: User, as_user: Browse
) -> None:
    path = f"/actors/{ks.id}/edit"
    client = as_user(siri)
    (form,) = [f for f in html.forms(client.page(path), path) if "aliases" in f.fields]
    client.submit(path, aliases="Bare denne")
    response = client.post(path, data=form.filled(aliases="En annen"))
    assert response.status_code == 409
    assert "Bare denne" in html.text(next(html.parse(response.text).iter("table")))
    (again,) = [f for f in html.forms(html.parse(response.text), path) if "aliases" in f.fields]
    assert client.post(path, data=again.filled()).status_code == 303
    with database.session(write=False) as session:
        assert [a.name for a in session.get_one(Actor, ks.id).aliases] == ["En annen"]


def test_the_administrator_adds_actors_and_others_only_read(
    database: Database, ks: Actor, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        admin = make.user(session, role=Role.ADMIN)
        lead = make.user(session, at=ks, role=Role.LEAD)
    assert as_user(admin).submit("/actors/new", name="DOGA").status_code == 303
    client = as_user(lead)
    client.page(f"/actors/{ks.id}")
    for path in ("/actors/new", f"/actors/{ks.id}/edit"):
        assert client.get(path).status_code == 403
        assert client.send(path, name="Hei").status_code == 403
    assert client.get("/actors/99999").status_code == 404


def test_the_pages_take_the_same_queries_for_any_number(
    database: Database, ks: Actor, siri: User, as_user: Browse
) -> None:
    client = as_user(siri)
    for path in ("/actors", f"/actors/{ks.id}"):
        client.page(path)
        with count_queries(database) as few:
            client.page(path)
        with database.session(write=True) as session:
            for _ in range(10):
                other = make.actor(session)
                session.add(ActorAlias(actor_id=other.id, name="Kort"))
                make.task(session, owner=other)
                make.task(session, owner=ks, responsible=make.user(session, at=ks))
        with count_queries(database) as lots:
            client.page(path)
        assert len(few) == len(lots) <= 12, "\n".join(lots)
