"""A person's calendar address: what stands in it, who can read it, and how it ends."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar, Component
from sqlalchemy import select

from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.databases import count_queries
from tests.factories import TODAY
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.domain.status import Precision, Status
from tracker.models import CalendarFeed, Task, User

DAY = dt.timedelta(days=1)
Sign = Callable[[User | Person], Client]


@dataclass
class Case:
    kari: User
    lead: User
    siri: Person
    admin: Person
    task: Task


@pytest.fixture
def case(database: Database) -> Case:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, "Kari Nordmann", at=ks, locale="nn")
        lead = make.user(session, "Steinar Lie", at=ks, role=Role.LEAD)
        make.membership(session, lead, Role.FORUM_MEMBER)
        task = make.task(
            session,
            "Felles avtale, del 1; utkast",
            ref="DIFI-4.2",
            title_nn="Felles avtale",
            owner=ks,
            responsible=kari,
            deadline=TODAY + 30 * DAY,
        )
        make.task(session, "Ingens", ref="DIFI-4.3", owner=ks, deadline=TODAY + 40 * DAY)
        make.task(session, "Uten frist", ref="DIFI-4.4", owner=ks, responsible=kari)
        make.meeting(session, TODAY + 20 * DAY, "Møte 2", place="Oslo")
        admin = make.person(session, role=Role.ADMIN)
        return Case(kari, lead, make.coordinator(session), admin, task)


def address_of(browser: Client) -> str:
    """Make an address, and return its path as the page shows it."""
    assert browser.send("/account/calendar").status_code == 303
    text = browser.get("/account/calendar").text
    found = re.search(r'value="https?://[^/]+(/calendar/[^"]+\.ics)"', text)
    assert found, text
    return found.group(1)


def events(client: Client, path: str) -> dict[str, Any]:
    """Return the events of a calendar by the beginning of their UID."""
    response = client.get(path)
    assert response.status_code == 200
    assert response.mimetype == "text/calendar"
    calendar = Calendar.from_ical(response.data)
    assert isinstance(calendar, Component)
    return {str(event["uid"]).partition("@")[0]: event for event in calendar.walk("VEVENT")}


def test_a_calendar_program_reads_the_deadlines_without_signing_in(
    as_user: Sign, client: Client, case: Case
) -> None:
    found = events(client, address_of(as_user(case.kari)))
    assert list(found) == [f"task-{case.task.id}"]
    (event,) = found.values()
    assert event.decoded("dtstart") == case.task.deadline
    assert event.decoded("dtend") == TODAY + 31 * DAY
    assert str(event["summary"]) == "Frist: DIFI-4.2 Felles avtale"
    assert f"/tasks/{case.task.id}" in str(event["url"])


def test_programs_are_told_how_often_to_look_and_get_nothing_where_nothing_changed(
    as_user: Sign, client: Client, case: Case
) -> None:
    path = address_of(as_user(case.kari))
    first = client.get(path)
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT4H" in first.data
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_a_moved_deadline_keeps_its_uid_and_raises_its_sequence(
    as_user: Sign, client: Client, case: Case
) -> None:
    path = address_of(as_user(case.kari))
    name = f"task-{case.task.id}"
    before = events(client, path)[name]
    later = TODAY + 60 * DAY
    siri = as_user(case.siri)
    typed = {"deadline": str(later), "reason": "Vedtatt i møtet."}
    assert siri.submit(f"/tasks/{case.task.id}/set-deadline", **typed).status_code == 303
    after = events(client, path)[name]
    assert after["uid"] == before["uid"]
    assert after["sequence"] > before["sequence"]
    assert after.decoded("dtstart") == later


def test_a_deadline_of_a_year_says_so_on_its_last_day(
    as_user: Sign, client: Client, case: Case, database: Database
) -> None:
    end = dt.date(TODAY.year + 1, 12, 31)
    with database.session(write=True) as session:
        task = session.get_one(Task, case.task.id)
        task.deadline, task.deadline_precision = end, Precision.YEAR
    (event,) = events(client, address_of(as_user(case.kari))).values()
    assert event.decoded("dtstart") == end
    assert str(event["summary"]).startswith(f"Frist i løpet av {end.year}: ")


def test_a_lead_has_what_they_stand_in_for_and_a_member_of_the_forum_its_meetings(
    as_user: Sign, client: Client, case: Case
) -> None:
    found = events(client, address_of(as_user(case.lead)))
    assert [str(event["summary"]) for event in found.values()] == [
        "Frist: DIFI-4.3 Ingens",
        "Møte 2",
    ]
    assert str(found["meeting-1"]["location"]) == "Oslo"


def test_a_meeting_called_off_stays_as_called_off_with_a_higher_sequence(
    as_user: Sign, client: Client, case: Case
) -> None:
    path = address_of(as_user(case.lead))
    before = events(client, path)["meeting-1"]
    as_user(case.siri).send("/meetings/1/call-off")
    after = events(client, path)["meeting-1"]
    assert str(after["status"]) == "CANCELLED"
    assert str(after["summary"]) == "Avlyst: Møte 2"
    assert after["sequence"] > before["sequence"]


@pytest.mark.parametrize("status", [Status.CLOSED, Status.DROPPED])
def test_a_task_that_ended_leaves_the_calendar(
    as_user: Sign, client: Client, case: Case, database: Database, status: Status
) -> None:
    path = address_of(as_user(case.kari))
    with database.session(write=True) as session:
        session.get_one(Task, case.task.id).status = status
    assert events(client, path) == {}


def test_a_new_address_ends_the_old_one_and_it_can_be_taken_away(
    as_user: Sign, client: Client, case: Case
) -> None:
    kari = as_user(case.kari)
    old = address_of(kari)
    new = address_of(kari)
    assert new != old
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200
    assert kari.send("/account/calendar/stop").status_code == 303
    assert client.get(new).status_code == 404
    assert "Lag adressa" in html.text(kari.page("/account/calendar"))


def test_who_is_deactivated_has_no_calendar_any_more_not_even_after_coming_back(
    as_user: Sign, client: Client, case: Case
) -> None:
    path = address_of(as_user(case.kari))
    admin = as_user(case.admin)
    admin.send(f"/people/{case.kari.id}/deactivate")
    assert client.get(path).status_code == 404
    admin.send(f"/people/{case.kari.id}/reactivate")
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("token", ["1", "MQ", "none", "MQ.c2lnbmF0dXJl"])
def test_a_forged_address_is_none(client: Client, token: str) -> None:
    assert client.get(f"/calendar/{token}.ics").status_code == 404


def test_the_database_holds_no_secret_of_it(
    as_user: Sign, case: Case, app: Flask, database: Database
) -> None:
    path = address_of(as_user(case.kari))
    with database.session(write=False) as session:
        feed = session.scalars(select(CalendarFeed)).one()
        stored = [str(value) for value in vars(feed).values()]
    token = path.removeprefix("/calendar/").removesuffix(".ics")
    assert not any(token in value for value in stored)


def test_reading_it_writes_nothing_and_takes_as_many_queries_for_many_tasks_as_for_few(
    as_user: Sign, client: Client, case: Case, database: Database, now: Clock
) -> None:
    path = address_of(as_user(case.lead))
    client.get(path)
    with count_queries(database) as few:
        client.get(path)
    with database.session(write=True) as session:
        owner = session.get_one(Task, case.task.id).owner
        for number in range(30):
            make.task(session, owner=owner, deadline=TODAY + number * DAY)
    now.advance(days=1)
    with count_queries(database) as many:
        client.get(path)
    assert len(many) == len(few)
    assert all(query.startswith("SELECT") for query in many)


def test_a_name_with_signs_that_separate_is_escaped_wherever_it_stands(
    as_user: Sign, client: Client, case: Case, database: Database
) -> None:
    name = 'Berg, Kari; "x" \\ y\nSUMMARY:z'
    with database.session(write=True) as session:
        session.get_one(User, case.kari.id).name = name
        task = session.get_one(Task, case.task.id)
        task.title_nb = task.title_nn = name
    path = address_of(as_user(case.kari))
    answer = client.get(path)
    assert answer.status_code == 200
    escaped = 'Berg\\, Kari\\; "x" \\\\ y\\nSUMMARY:z'
    lines = answer.text.replace("\r\n ", "").split("\r\n")
    assert f"NAME:Oppfølging: {escaped}" in lines
    assert f"X-WR-CALNAME:Oppfølging: {escaped}" in lines
    assert f"SUMMARY:Frist: DIFI-4.2 {escaped}" in lines
    assert len([line for line in lines if line.startswith("SUMMARY:")]) == 1
