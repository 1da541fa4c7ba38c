"""A form that is sent twice, as on a slow line, is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import Client as Browser

from tests import factories as make
from tests import html, mails
from tests.client import Client, Clock, tracker_of
from tests.html import Form
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import (
    Absence,
    Actor,
    ContextNote,
    DeadlineChange,
    Meeting,
    Snooze,
    Source,
    StatusUpdate,
    Submission,
    Task,
    User,
    UserSession,
)
from tracker.services import answer_links, passwords, submissions

Sign = Callable[[User | Person], Client]
MADE = {
    "/meetings/new": (Meeting, {"title": "Spring meeting", "held_on": "2026-04-01"}),
    "/actors/new": (Actor, {"name": "Digdir"}),
    "/sources/new": (Source, {"key": "NY", "title": "New report"}),
    "/tasks/new": (Task, {"kind": "measure", "title_nb": "Something new", "ref": "NY-1"}),
    "/people/new": (User, {"name": "Ola", "email": "ola@ks.example", "role": "reader"}),
    "/account/absences": (Absence, {"first_on": "2026-03-10", "last_on": "2026-03-12"}),
    "/tasks/{task}/snooze": (Snooze, {"until": "2026-03-20", "reason": "Holiday"}),
    "/tasks/{task}/update": (StatusUpdate, {"progress": "on_track", "comment": "All is well"}),
    "/tasks/{task}/deadline": (
        DeadlineChange,
        {"new_deadline": "2026-12-01", "precision": "day", "reason": "Late procurement"},
    ),
    "/sources/{source}/notes/new": (
        ContextNote,
        {"kind": "obstacle", "quote": "Manglende tillit."},
    ),
}


@pytest.fixture
def everybody(database: Database) -> tuple[Person, dict[str, int]]:
    """Somebody who may do everything here, and what it can be done to."""
    with database.session(write=True) as session:
        owner = make.actor(session, "KS")
        user = make.user(session, "Kari", at=owner, role=Role.LEAD, locale="en")
        for role in (Role.COORDINATOR, Role.ADMIN):
            make.membership(session, user, role)
        task = make.task(session, owner=owner, responsible=user, deadline=mails.DUE_IN_A_WEEK)
        places = {"task": task.id, "source": make.source(session).id}
        return make.person_of(session, user), places


def count(database: Database, model: Any) -> int:
    with database.session(write=False) as session:
        return session.scalars(select(func.count()).select_from(model)).one()


def form_at(browser: Client, path: str, typed: dict[str, str]) -> Form:
    return next(
        form
        for form in html.forms(browser.page(path), path)
        if form.method == "post" and set(typed) <= set(form.fields)
    )


@pytest.mark.parametrize("path", MADE)
def test_two_clicks_make_one_row_and_lead_to_the_same_page(
    database: Database,
    as_user: Sign,
    everybody: tuple[Person, dict[str, int]],
    path: str,
) -> None:
    person, places = everybody
    model, typed = MADE[path]
    browser = as_user(person)
    here = path.format(**places)
    form = form_at(browser, here, typed)
    fields = form.filled(**typed)
    fields |= {name: [values[0]] for name, values in fields.items() if len(values) > 1}
    before = count(database, model)
    first = browser.post(form.action, data=fields)
    assert first.status_code == 303, html.text(html.parse(first.text))
    second = browser.post(form.action, data=fields)
    assert (second.status_code, second.location) == (303, first.location)
    assert count(database, model) == before + 1


def test_a_form_that_was_changed_in_between_is_another_one(
    database: Database, as_user: Sign, everybody: tuple[Person, dict[str, int]]
) -> None:
    browser = as_user(everybody[0])
    typed = {"title": "Spring meeting", "held_on": "2026-04-01"}
    fields = form_at(browser, "/meetings/new", typed).filled(**typed)
    browser.post("/meetings/new", data=fields)
    browser.post("/meetings/new", data=fields | {"title": ["Autumn meeting"]})
    assert count(database, Meeting) == 2


def test_a_form_that_was_refused_may_be_sent_again(
    database: Database, as_user: Sign, everybody: tuple[Person, dict[str, int]]
) -> None:
    browser = as_user(everybody[0])
    fields = form_at(browser, "/meetings/new", {"title": ""}).filled(title="", held_on="2026-04-01")
    for _ in range(2):
        assert browser.post("/meetings/new", data=fields).status_code == 400
    assert count(database, Submission) == 0


def test_the_second_click_is_told_that_it_was_done_once(
    database: Database, as_user: Sign, everybody: tuple[Person, dict[str, int]]
) -> None:
    browser = as_user(everybody[0])
    typed = {"title": "Spring meeting", "held_on": "2026-04-01"}
    fields = form_at(browser, "/meetings/new", typed).filled(**typed)
    for _ in range(2):
        response = browser.post("/meetings/new", data=fields)
    assert "was done once" in html.text(browser.page(response.location))


def test_an_answer_by_link_counts_once_and_the_links_secret_is_not_kept(
    app: Flask, database: Database, now: Clock, client: Client
) -> None:
    with database.session(write=True) as session:
        owner = make.actor(session)
        kari = make.user(session, at=owner, locale="en")
        task = make.task(session, owner=owner, responsible=kari, deadline=mails.DUE_IN_A_WEEK)
        email = mails.queue_digest(session, kari, [mails.line(task)])
        link = make.answer_link(session, task, kari, email)
        key = tracker_of(app).settings.secret_key
        here = answer_links.address(link, base_url="", secret_key=key)
    fields = form_at(client, here, {"comment": ""}).filled(progress="on_track", comment="Fine")
    first, second = (client.post(here, data=fields) for _ in range(2))
    assert first.location == second.location == f"{here}/thanks"
    assert count(database, StatusUpdate) == 1
    with database.session(write=False) as session:
        assert session.scalars(select(Submission.place)).one() == "/answer/<token>/thanks"


def test_of_two_clicks_at_once_one_is_done_and_both_lead_to_the_same_page(
    app: Flask, database: Database, as_user: Sign, everybody: tuple[Person, dict[str, int]]
) -> None:
    browser = as_user(everybody[0])
    typed = {"name": "Digdir"}
    fields = form_at(browser, "/actors/new", typed).filled(**typed)
    cookie = browser.get_cookie("tracker")
    assert cookie is not None
    together = threading.Barrier(2)
    places: list[tuple[int, str | None]] = []

    def click() -> None:
        together.wait()
        response = Browser(app, use_cookies=False).post(
            "/actors/new",
            data=fields,
            headers={"Cookie": f"tracker={cookie.value}", "Host": "localhost"},
        )
        places.append((response.status_code, response.headers.get("Location")))

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    with database.session(write=False) as session:
        made = session.scalars(select(Actor.id).where(Actor.name == "Digdir")).one()
    assert places == [(303, f"/actors/{made}")] * 2


def test_two_clicks_to_sign_in_are_both_answered_with_a_session(
    app: Flask, database: Database, client: Client
) -> None:
    with database.session(write=True) as session:
        password_hash = passwords._HASHES.hash("fire ord på rad")
        email = make.user(session, password_hash=password_hash).email
    fields = form_at(client, "/sign-in", {"email": ""}).filled(
        email=email, password="fire ord på rad"
    )
    cookie = client.get_cookie("tracker")
    assert cookie is not None
    for _ in range(2):
        answer = Browser(app, use_cookies=False).post(
            "/sign-in", data=fields, headers={"Cookie": f"tracker={cookie.value}"}
        )
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        cookies = answer.headers.getlist("Set-Cookie")
        assert any(text.startswith("tracker=") for text in cookies)
    with database.session(write=False) as session:
        assert len(session.scalars(select(UserSession)).all()) == 2


def test_what_is_too_old_to_arrive_again_is_forgotten(database: Database, now: Clock) -> None:
    with database.session(write=True) as session:
        submissions.note(session, key="k", place="/", now=now())
    now.advance(days=1)
    with database.session(write=True) as session:
        submissions.forget(session, now=now())
        assert submissions.earlier(session, key="k") == "/"
    now.advance(days=2)
    with database.session(write=True) as session:
        submissions.forget(session, now=now())
        assert submissions.earlier(session, key="k") is None
