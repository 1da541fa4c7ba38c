"""The forum's meetings: entering them, changing them, and who is away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from tests import factories as make
from tests import html
from tests.client import Client
from tests.databases import count_queries
from tests.factories import TODAY
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import AuditEvent, Meeting, User

DAY = dt.timedelta(days=1)
Sign = Callable[[User | Person], Client]


@dataclass
class Forum:
    siri: Person
    member: User
    kari: User
    meeting: Meeting


@pytest.fixture
def forum(database: Database) -> Forum:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        member = make.user(session, "Steinar Lie", at=ks, role=Role.FORUM_MEMBER)
        meeting = make.meeting(session, TODAY + 20 * DAY, "Møte 2", place="Oslo")
        kari = make.user(session, "Kari Nordmann", at=ks)
        return Forum(make.coordinator(session), member, kari, meeting)


def test_the_secretariat_enters_a_meeting_and_everybody_sees_it(
    as_user: Sign, forum: Forum, database: Database
) -> None:
    day = TODAY + 40 * DAY
    typed = {"held_on": day.strftime("%d.%m.%Y"), "title": "Møte 3", "place": "DogA"}
    response = as_user(forum.siri).submit("/meetings/new", **typed)
    assert response.status_code == 303
    page = html.text(as_user(forum.kari).page("/meetings"))
    assert "Møte 3" in page
    assert "DogA" in page
    with database.session(write=False) as session:
        actions = session.scalars(select(AuditEvent.action)).all()
    assert "meeting.added" in actions


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"held_on": ""}, "Skriv datoen."),
        ({"held_on": "31.02.2026"}, "Skriv en dato som finnes"),
        ({"held_on": str(TODAY - DAY)}, "Datoen er passert"),
        ({"held_on": str(TODAY + 5 * 366 * DAY)}, "Velg en dato før utgangen av"),
        ({"title": ""}, "Skriv hva det heter."),
        ({"title": "x" * 201}, "201 tegn"),
    ],
)
def test_a_meeting_that_cannot_be_is_refused_at_its_field_with_what_was_typed_kept(
    as_user: Sign, forum: Forum, database: Database, typed: dict[str, str], said: str
) -> None:
    fields = {"held_on": str(TODAY + DAY), "title": "Møte 3", "place": "Bergen"} | typed
    response = as_user(forum.siri).submit("/meetings/new", **fields)
    assert response.status_code == 400
    page = html.text(html.parse(response.text))
    assert said in page
    assert 'value="Bergen"' in response.text
    with database.session(write=False) as session:
        assert len(session.scalars(select(Meeting)).all()) == 1


def test_a_change_made_from_an_old_page_is_refused(
    as_user: Sign, forum: Forum, database: Database
) -> None:
    siri, path = as_user(forum.siri), f"/meetings/{forum.meeting.id}/edit"
    old = next(form for form in html.forms(siri.page(path), path) if "title" in form.fields)
    assert siri.submit(path, place="Bodø").status_code == 303
    response = siri.post(path, data=old.filled(place="Voss"))
    assert response.status_code == 409
    with database.session(write=False) as session:
        assert session.get_one(Meeting, forum.meeting.id).place == "Bodø"


def test_a_meeting_called_off_says_so_and_can_no_longer_be_changed(
    as_user: Sign, forum: Forum
) -> None:
    siri, path = as_user(forum.siri), f"/meetings/{forum.meeting.id}"
    assert siri.send(f"{path}/call-off").status_code == 303
    assert "avlyst" in html.text(siri.page("/meetings"))
    siri.page(f"{path}/edit", status=404)
    assert siri.send(f"{path}/call-off").status_code == 404


@pytest.mark.parametrize("path", ["/meetings/new", "/meetings/{id}/edit"])
def test_only_the_secretariat_enters_and_changes_meetings(
    as_user: Sign, forum: Forum, path: str
) -> None:
    as_user(forum.member).page(path.format(id=forum.meeting.id), status=403)


def test_the_meeting_warns_of_who_is_away_but_tells_only_those_invited(
    as_user: Sign, forum: Forum, database: Database
) -> None:
    with database.session(write=True) as session:
        make.absence(session, forum.member, forum.meeting.held_on, substitute=forum.kari)
    words = "Steinar Lie (Kari Nordmann er stedfortreder)"
    assert words in html.text(as_user(forum.siri).page("/meetings"))
    assert words not in html.text(as_user(forum.kari).page("/meetings"))


def test_an_absence_warns_of_the_meeting_that_falls_in_it(as_user: Sign, forum: Forum) -> None:
    first, last = str(TODAY + 15 * DAY), str(TODAY + 25 * DAY)
    for who in (forum.member, forum.kari):
        response = as_user(who).submit("/account/absences", first_on=first, last_on=last)
        assert response.status_code == 303
    assert "Møte 2" in html.text(as_user(forum.member).page("/account/absences"))
    assert "Møte 2" not in html.text(as_user(forum.kari).page("/account/absences"))


def test_meetings_held_are_read_page_by_page_in_both_directions(
    as_user: Sign, forum: Forum, database: Database
) -> None:
    with database.session(write=True) as session:
        for number in range(2, 47):
            make.meeting(session, TODAY - number // 2 * DAY, f"Nr. {number}")
    client = as_user(forum.kari)
    seen: list[list[str]] = []
    path: str | None = "/meetings"
    while path:
        seen.append(_held(client, path))
        path = _link(client, path, "next")
        if path:
            back = _link(client, path, "prev")
            assert back is not None
            assert _held(client, back) == seen[-1]
    assert [len(page) for page in seen] == [20, 20, 5]
    assert len({row for page in seen for row in page}) == 45


def test_the_page_takes_as_many_queries_for_many_meetings_as_for_one(
    as_user: Sign, forum: Forum, database: Database
) -> None:
    client = as_user(forum.siri)
    client.page("/meetings")
    with count_queries(database) as few:
        client.page("/meetings")
    with database.session(write=True) as session:
        for number in range(-30, 30):
            make.meeting(session, TODAY + number * DAY)
    with count_queries(database) as many:
        client.page("/meetings")
    assert len(many) == len(few)


def _held(client: Client, path: str) -> list[str]:
    items = [html.text(item) for item in client.page(path).iter() if item.tag.endswith("li")]
    return [text for text in items if "Nr. " in text]


def _link(client: Client, path: str, rel: str) -> str | None:
    return next((a.get("href") for a in client.page(path).iter() if a.get("rel") == rel), None)
