from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests import factories as make
from tests import html
from tests.client import Client
from tests.databases import count_queries
from tests.integration.updating import everything
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.domain.status import Kind
from tracker.models import AuditEvent, ContextNote, Source, TimelineEntry, User
from tracker.models.columns import Origin
from tracker.services import starting_set

Browse = Callable[[User], Client]


@pytest.fixture
def siri(database: Database) -> User:
    """The secretariat, on an installation with the starting set."""
    with database.session(write=True) as session:
        starting_set.load(session, now=make.NOW)
        return make.user(session, "Siri", role=Role.COORDINATOR, locale="en")


@pytest.fixture
def reader(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, locale="en")


def source_id(database: Database, key: str) -> int:
    with database.session(write=False) as session:
        return session.scalars(select(Source.id).where(Source.key == key)).one()


def test_the_list_names_every_source_as_it_names_itself(siri: User, as_user: Browse) -> None:
    page = as_user(siri).page("/sources")
    rows = [html.text(row) for row in page.iter("tr")][1:]
    assert len(rows) == 5
    (difi,) = [row for row in rows if row.startswith("DIFI ")]
    assert "28. feb 2017" in difi
    assert difi.endswith("6")
    (page_of_government,) = [row for row in rows if row.startswith("MELDST ")]
    assert "not named in the text" in page_of_government
    assert "undated" in page_of_government


def test_a_source_is_quoted_word_for_word_in_its_own_language(
    database: Database, siri: User, as_user: Browse
) -> None:
    page = as_user(siri).page(f"/sources/{source_id(database, 'DIFI')}")
    quotes = {html.text(quote): quote.get("lang") for quote in page.iter("blockquote")}
    assert quotes["innsatsen må styrkes for å realisere de politiske ambisjonene"] == "nb"
    shown = html.text(page)
    assert "Difi kaller de seks «konkrete tiltak»" in shown
    for number in range(1, 7):
        assert f"DIFI-{number} " in shown


def test_what_the_source_tells_and_what_public_records_add_stand_apart(
    database: Database, siri: User, as_user: Browse
) -> None:
    with database.session(write=False) as session:
        entries = session.scalars(select(TimelineEntry).order_by(TimelineEntry.id)).all()
        public = {entry.source_id for entry in entries if entry.origin == Origin.PUBLIC}
        told = {entry.source_id for entry in entries if entry.origin == Origin.SEED}
    for source in public:
        shown = html.text(as_user(siri).page(f"/sources/{source}"))
        _, _, added = shown.partition("What happened")
        assert "From public registers and records" in added
        assert ("As it stands in the source" in added) is (source in told)


def test_the_secretariat_adds_a_source_with_a_note_and_a_recommendation(
    database: Database, siri: User, as_user: Browse
) -> None:
    client = as_user(siri)
    response = client.submit(
        "/sources/new",
        key="nou",
        title="Omstilling",
        publisher="Et utvalg",
        date_text="våren 2024",
        address="https://www.regjeringen.no/",
    )
    assert response.status_code == 303
    number = source_id(database, "NOU")
    response = client.submit(
        f"/sources/{number}/notes/new", kind="obstacle", quote="Ingen har ansvaret."
    )
    assert response.status_code == 303
    response = client.submit(
        f"/tasks/new?source={number}&kind=recommendation", title_nb="Gi noen ansvaret"
    )
    assert response.status_code == 303
    shown = html.text(client.page(f"/sources/{number}"))
    for words in ("våren 2024", "Ingen har ansvaret.", "NOU-1", "Added by the secretariat"):
        assert words in shown
    with database.session(write=False) as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
        note = session.scalars(select(ContextNote).where(ContextNote.source_id == number)).one()
    assert actions[-3:] == ["source.created", "source.note_added", "task.created"]
    assert (note.position, note.origin) == (1, Origin.PEOPLE)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"title": " "}, "title"),
        ({"key": "DIFI"}, "key"),
        ({"key": "4x"}, "key"),
        ({"key": "med mellomrom"}, "key"),
        ({"address": "javascript:alert(1)"}, "address"),
        ({"sort_date": "våren 2024"}, "sort_date"),
        ({"language": "de"}, "language"),
    ],
)
def test_a_source_that_does_not_hold_together_is_refused_at_its_field(
    database: Database, siri: User, as_user: Browse, typed: dict[str, str], field: str
) -> None:
    client = as_user(siri)
    client.page("/sources/new")
    before = everything(database)
    values = {"title": "Ny", "key": "NY", "language": "nb", "sort_date": ""} | typed
    response = client.send("/sources/new", **values)
    assert response.status_code == 400
    (shown,) = [e for e in html.parse(response.text).iter() if e.get("id") == field]
    assert shown.get("aria-invalid") == "true"
    assert everything(database) == before


def test_an_empty_note_is_refused(database: Database, siri: User, as_user: Browse) -> None:
    response = as_user(siri).submit(
        f"/sources/{source_id(database, 'DIFI')}/notes/new", kind="remark", text_nn="Berre nynorsk"
    )
    assert response.status_code == 400


def test_who_saves_a_source_second_sees_both_and_loses_nothing(
    database: Database, siri: User, as_user: Browse
) -> None:
    path = f"/sources/{source_id(database, 'DIFI')}/edit"
    client = as_user(siri)
    (form,) = [f for f in html.forms(client.page(path), path) if "title" in f.fields]
    assert "key" not in form.fields
    client.submit(path, publisher="Digdir")
    response = client.post(path, data=form.filled(publisher="Difi (nedlagt)"))
    assert response.status_code == 409
    assert "Digdir" in html.text(next(html.parse(response.text).iter("table")))
    (again,) = [f for f in html.forms(html.parse(response.text), path) if "title" in f.fields]
    assert client.post(path, data=again.filled()).status_code == 303
    with database.session(write=False) as session:
        row = session.scalars(select(Source).where(Source.key == "DIFI")).one()
    assert row.publisher == "Difi (nedlagt)"
    assert row.date_text == "28. feb 2017"


def test_others_read_but_do_not_write(
    database: Database, siri: User, reader: User, as_user: Browse
) -> None:
    client, number = as_user(reader), source_id(database, "DIFI")
    page = client.page(f"/sources/{number}")
    assert not [a for a in page.iter("a") if "/edit" in (a.get("href") or "")]
    for path in ("/sources/new", f"/sources/{number}/edit", f"/sources/{number}/notes/new"):
        assert client.get(path).status_code == 403
        assert client.send(path, title="Hei").status_code == 403
    assert client.get("/sources/99999").status_code == 404


def test_the_page_takes_the_same_queries_for_any_length(
    database: Database, siri: User, as_user: Browse
) -> None:
    client, number = as_user(siri), source_id(database, "DIFI")
    for path in ("/sources", f"/sources/{number}"):
        client.page(path)
        with count_queries(database) as few:
            client.page(path)
        with database.session(write=True) as session:
            source = session.get_one(Source, number)
            for _ in range(10):
                make.note(session, source)
                make.note(session, make.source(session))
                make.task(session, source=source, kind=Kind.RECOMMENDATION)
        with count_queries(database) as lots:
            client.page(path)
        assert len(few) == len(lots) <= 10, "\n".join(lots)
