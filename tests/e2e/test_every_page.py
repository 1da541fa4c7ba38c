"""Every page, as everybody who may read it, in every language: no obstacles, nothing cut off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import select

from tests.browser import violations
from tests.client import Clock, tracker_of
from tests.conftest import Live
from tracker.db import Database
from tracker.models import AnswerLink, OutgoingEmail, StatusUpdate, Task, User
from tracker.services import answer_links, demonstration, starting_set

pytestmark = [
    pytest.mark.browser,
    # How a page looks does not depend on the database.
    pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True),
]

FRIDAY = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
# What stands in the frame of another page.
NO_PAGES = {"static", "mailbox.html"}
PEOPLE = {
    "adviser": "kari.nordmann@ks.example",
    "secretariat": "ingrid.solvang@sekretariatet.example",
    "director": "astrid.myhre@helsedir.example",
    "administrator": "jonas.berge@drift.example",
}


@pytest.fixture
def demonstrated(live: Live, database: Database, now: Clock) -> Live:
    now.now = FRIDAY
    tracker = tracker_of(live.app)
    with database.session(write=True) as session:
        starting_set.load(session, now=FRIDAY)
    demonstration.make(database, settings=tracker.settings, now=FRIDAY)
    return live


def _addresses(app: Flask, database: Database) -> list[str]:
    """One address for every page of the product, with things that exist put in."""
    with database.session(write=False) as session:
        task_id = session.scalars(select(Task.id).where(Task.ref == "DIFI-4.2")).one()
        email_id = session.scalars(select(OutgoingEmail.id).limit(1)).one()
        link = session.scalars(select(AnswerLink).limit(1)).one()
        key = tracker_of(app).settings.secret_key
        token = answer_links.address(link, base_url="", secret_key=key).rpartition("/")[2]
        update_id = session.scalars(select(StatusUpdate.id).limit(1)).one()
    things = {
        "task_id": task_id,
        "actor_id": 3,
        "source_id": 1,
        "user_id": 4,
        "email_id": email_id,
        "update_id": update_id,
        "token": token,
    }
    found = []
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("127.0.0.1")
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and rule.endpoint not in NO_PAGES:
                values = {name: things[name] for name in rule.arguments}
                found.append(adapter.build(rule.endpoint, values))
    return sorted(found)


def _user(database: Database, email: str) -> User:
    with database.session(write=False) as session:
        return session.scalars(select(User).where(User.email == email)).one()


def _visit(page: Page, live: Live, addresses: list[str]) -> Iterator[tuple[str, int]]:
    for address in addresses:
        answer = page.goto(live.url + address)
        assert answer is not None
        if answer.headers["content-type"].startswith("text/html"):
            yield address, answer.status


@pytest.mark.parametrize(
    ("who", "locale"),
    [
        ("secretariat", "nb"),
        ("secretariat", "nn"),
        ("secretariat", "en"),
        ("adviser", "nn"),
        ("director", "nb"),
        ("administrator", "en"),
    ],
)
def test_no_page_has_obstacles(
    demonstrated: Live, database: Database, who: str, locale: str
) -> None:
    with database.session(write=True) as session:
        user = session.scalars(select(User).where(User.email == PEOPLE[who])).one()
        user.locale = locale
    page = demonstrated.open("/account", who=user)
    found: list[str] = []
    crashed: list[str] = []
    for address, status in _visit(page, demonstrated, _addresses(demonstrated.app, database)):
        if status >= 500:
            crashed.append(f"{address}: {status}")
        if page.locator("html").get_attribute("lang") != locale and "/answer/" not in address:
            crashed.append(f"{address}: not in {locale}")
        # A page that this person may not read is an error page, tested like any other.
        found += violations(page)

    assert crashed == []
    assert found == []


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_no_page_is_cut_off_on_a_narrow_screen(
    demonstrated: Live, database: Database, color_scheme: str
) -> None:
    page = demonstrated.open(
        "/account",
        who=_user(database, PEOPLE["secretariat"]),
        viewport={"width": 320, "height": 640},
        color_scheme=color_scheme,
    )
    wide: list[str] = []
    faint: list[str] = []
    for address, _status in _visit(page, demonstrated, _addresses(demonstrated.app, database)):
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            wide.append(address)
        faint += violations(page)

    assert wide == []
    assert faint == []
