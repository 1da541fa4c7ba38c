"""The first page in the browser's eyes: each role its own beginning, the whole below it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from tests import factories as make
from tests import html
from tests.client import Client
from tests.factories import NOW, TODAY
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.domain.status import Assessment, Kind, Status
from tracker.models import Actor, User

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
SVG = "{http://www.w3.org/2000/svg}"
DAY = dt.timedelta(days=1)
AsUser = Callable[[User | Person], Client]


@pytest.fixture
def ks(database: Database) -> Actor:
    with database.session(write=True) as session:
        return make.actor(session, "KS")


@pytest.fixture
def kari(database: Database, ks: Actor) -> User:
    """An adviser at KS with one task that is late and one that is due soon."""
    with database.session(write=True) as session:
        owner = session.get_one(Actor, ks.id)
        kari = make.user(session, "Kari Nordmann", at=owner)
        goal = make.goal(session, "Konkrete verktøy", ref="M-1")
        make.goal(session, "Tydelig retning", ref="M-2")
        top = make.task(session, "Hospitering", ref="D-1", kind=Kind.RECOMMENDATION, owner=owner)
        make.task(
            session,
            "Felles avtale",
            ref="D-1.1",
            parent=top,
            owner=owner,
            responsible=kari,
            deadline=TODAY - DAY,
            assessment=Assessment.ON_TRACK,
            goals=(goal,),
        )
        soon = make.task(
            session,
            "Program for ledere",
            ref="D-1.2",
            parent=top,
            owner=owner,
            responsible=kari,
            deadline=TODAY + DAY,
            assessment=Assessment.ON_TRACK,
            status=Status.NOT_STARTED,
        )
        make.update(session, soon, kari, assessment=Assessment.ON_TRACK, created_at=NOW - 9 * DAY)
    return kari


def _headings(page: ET.Element) -> list[str]:
    return [html.text(element) for element in page.iter("h2")]


def _rows_of(page: ET.Element, caption: str) -> list[list[str]]:
    table = next(
        table
        for table in page.iter("table")
        if (name := table.find("caption")) is not None and html.text(name) == caption
    )
    return [[html.text(cell) for cell in row] for row in table.iter("tr")]


def test_an_adviser_first_sees_what_waits_and_may_repeat_what_is_not_late(
    as_user: AsUser, kari: User
) -> None:
    client = as_user(kari)
    page = client.page("/")
    assert _headings(page)[0] == "Venter på deg (2)"
    actions = [form.action for form in html.forms(page, "/") if "no-change" in form.action]
    assert len(actions) == 1
    answer = client.submit("/", action=actions[0])
    assert answer.status_code == 303
    assert _headings(client.page("/"))[0] == "Venter på deg (1)", "the answer counts at once"


def test_buttons_say_which_task_they_are_for(as_user: AsUser, kari: User) -> None:
    page = as_user(kari).page("/")
    links = [html.text(link) for link in page.iter("a")]
    assert "Oppdater Felles avtale" in links
    assert "Oppdater Program for ledere" in links


def test_the_secretariat_first_sees_what_it_must_decide(
    as_user: AsUser, database: Database, kari: User
) -> None:
    with database.session(write=True) as session:
        by = make.coordinator(session)
    headings = _headings(as_user(by).page("/"))
    assert headings[0].startswith("Venter på sekretariatet")
    assert not any(heading.startswith("Venter på deg") for heading in headings)


def test_a_director_first_sees_the_own_actor_and_has_no_buttons_to_answer(
    as_user: AsUser, database: Database, ks: Actor, kari: User
) -> None:
    with database.session(write=True) as session:
        director = make.person(session, at=ks, role=Role.READER)
    page = as_user(director).page("/")
    assert _headings(page)[0] == "Våre oppgaver"
    assert not [form for form in html.forms(page, "/") if "/tasks" in form.action]


def test_whoever_belongs_to_no_actor_sees_how_the_whole_stands(
    as_user: AsUser, database: Database, kari: User
) -> None:
    with database.session(write=True) as session:
        reader = make.person(session)
    page = as_user(reader).page("/")
    assert _headings(page)[0] == "Anbefalinger og mål (3)"
    assert [row[0] for row in _rows_of(page, "Anbefalinger og mål")[1:]] == [
        "D-1 Hospitering",
        "M-1 Konkrete verktøy",
        "M-2 Tydelig retning",
    ]


def test_empty_cells_of_the_coverage_say_so_in_words(as_user: AsUser, kari: User) -> None:
    page = as_user(kari).page("/")
    caption = "Antall oppgaver under hver anbefaling som bidrar til hvert mål"
    assert _rows_of(page, caption)[1] == ["D-1 Hospitering", "1 oppgave", "ingen"]
    assert "Ingen oppgave bidrar til dette målet: M-2 Tydelig retning" in html.text(page)


def test_charts_have_title_description_and_a_table_of_the_same_numbers(
    as_user: AsUser, kari: User
) -> None:
    page = as_user(kari).page("/")
    charts = [svg for svg in page.iter(f"{SVG}svg") if svg.get("role") == "img"]
    assert len(charts) == 2
    ids = {element.get("id") for element in page.iter()}
    for chart in charts:
        assert set((chart.get("aria-labelledby") or "").split()) <= ids
        assert html.text(next(chart.iter(f"{SVG}desc")))
    assert _rows_of(page, "Etter virksomhet") == [
        ["Virksomhet", "Pågår", "Ikke startet", "I alt"],
        ["KS", "1", "1", "2"],
    ]


@pytest.mark.parametrize(("locale", "title"), [("nb", None), ("nn", "nb"), ("en", "nb")])
def test_titles_in_another_language_than_the_page_say_which(
    as_user: AsUser, database: Database, ks: Actor, kari: User, locale: str, title: str | None
) -> None:
    with database.session(write=True) as session:
        by = make.person(session, at=ks, locale=locale)
    page = as_user(by).page("/")
    assert page.get("lang") == locale
    assert {e.get("lang") for e in page.iter("span") if html.text(e) == "Hospitering"} == {title}


def test_an_empty_installation_has_a_first_page(as_user: AsUser, database: Database) -> None:
    with database.session(write=True) as session:
        by = make.coordinator(session)
    text = html.text(as_user(by).page("/"))
    assert "Ingenting venter på sekretariatet" in text
    assert "Ingen anbefalinger eller mål ennå" in text
