"""The database does not go along: our own page, in time, and nothing that was typed is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, make_url, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.conftest import make_app
from tracker import db
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import Meeting, User
from tracker.services import audit, passwords

Sign = Callable[[User | Person], Client]
TITLE = "Vårmøtet, slik jeg skrev det"
MEETING = {"title": TITLE, "held_on": "2026-04-01"}
SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def coordinator(database: Database) -> Person:
    with database.session(write=True) as session:
        return make.coordinator(session, locale="nn")


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold SQLite's only write lock, as a backup or another program may."""
    other = sqlite3.connect(make_url(settings.database_url).database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 10)


class Failing(Database):
    """Whose commits fail while it is told so: a full disk, or a server that has gone."""

    fails = False

    def commit(self, session: Session) -> None:
        if self.fails:
            session.rollback()
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk is full"))
        super().commit(session)


def titles(database: Database) -> list[str]:
    with database.session(write=False) as session:
        return list(session.scalars(select(Meeting.title)))


def meeting_form(browser: Client) -> html.Form:
    [form] = html.forms(browser.page("/meetings/new"), "/meetings/new")
    return form


def test_the_longest_wait_for_a_locked_database_ends_before_half_a_minute() -> None:
    assert db.BUSY_TIMEOUT_MS < 30_000
    assert f"lock_timeout = '{db.BUSY_TIMEOUT_MS}ms'" in " ".join(db.POSTGRESQL_SETTINGS)
    assert db.POOL_TIMEOUT_SECONDS < 30


@SQLITE
def test_while_the_database_is_locked_a_post_gets_our_page_with_what_was_typed(
    database: Database, settings: Settings, as_user: Sign, coordinator: Person, impatient: None
) -> None:
    browser = as_user(coordinator)
    with browser.session_transaction() as session:
        session["locale"] = "nn"  # As signing in leaves it.
    form = meeting_form(browser)
    with locked(settings):
        refused = browser.post(form.action, data=form.filled(**MEETING))
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    page = html.parse(refused.text)
    assert page.get("lang") == "nn"
    assert TITLE in html.text(page)
    assert titles(database) == []

    [again] = [one for one in html.forms(page, form.action) if one.action == form.action]
    assert browser.post(again.action, data=again.fields).status_code == 303
    assert titles(database) == [TITLE]


@SQLITE
def test_while_the_database_is_locked_pages_are_read(
    settings: Settings, as_user: Sign, coordinator: Person, impatient: None, now: Clock
) -> None:
    browser = as_user(coordinator)
    now.advance(minutes=10)  # The time of last use would be noted now.
    with locked(settings):
        assert browser.get("/tasks").status_code == 200


def test_when_the_commit_fails_nobody_is_told_that_it_is_saved_and_the_text_is_kept(
    settings: Settings, now: Clock, coordinator: Person
) -> None:
    failing = Failing(settings.database_url, before_commit=audit.write_pending)
    browser = make_app(settings, failing, now).test_client()
    assert isinstance(browser, Client)
    browser.sign_in(coordinator)
    form = meeting_form(browser)
    failing.fails = True
    refused = browser.post(form.action, data=form.filled(**MEETING))
    failing.fails = False
    assert refused.status_code == 503
    assert "Internal Server Error" not in refused.text
    assert TITLE in refused.text
    # The name of a success would stand here.
    assert html.parse(refused.text).find(".//div[@role='status']") is None
    assert browser.page("/meetings").find(".//div[@role='status']") is None
    assert titles(failing) == []
    failing.dispose()


def test_when_the_commit_of_a_sign_in_fails_the_browser_stays_signed_out(
    settings: Settings, now: Clock, coordinator: Person
) -> None:
    failing = Failing(settings.database_url, before_commit=audit.write_pending)
    with failing.session(write=True) as session:
        user = session.get_one(User, coordinator.user_id)
        user.password_hash = passwords._HASHES.hash("fire ord på rad")
        email = user.email
    browser = make_app(settings, failing, now).test_client()
    assert isinstance(browser, Client)
    failing.fails = True
    refused = browser.send("/sign-in", email=email, password="fire ord på rad", by="password")
    assert refused.status_code == 503
    assert "fire ord" not in refused.text, "a password is never shown again"
    assert browser.get("/account").status_code == 302
    failing.dispose()


def test_a_database_that_is_gone_gets_our_page_for_everybody(
    settings: Settings, now: Clock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    address = make_url(settings.database_url)
    if address.get_backend_name() == "sqlite":
        gone = f"sqlite:///{tmp_path_factory.mktemp('gone')}"  # A folder is no database.
    else:
        gone = address.set(database="gone").render_as_string(hide_password=False)
    unreachable = Database(gone)
    browser = make_app(settings, unreachable, now).test_client()
    assert isinstance(browser, Client)
    with browser.session_transaction() as session:
        session["token"], session["csrf_token"] = "of a session", "x"
    for answer in (
        browser.get("/tasks", headers={"Accept-Language": "en"}),
        browser.send("/language", locale="nn"),
    ):
        assert answer.status_code == 503
        assert "text/html" in answer.content_type
        assert "Content-Security-Policy" in answer.headers
    assert browser.get("/healthz").status_code == 503
    unreachable.dispose()


def test_when_all_connections_are_taken_the_page_says_so_in_time(
    settings: Settings, now: Clock, coordinator: Person
) -> None:
    small = Database(settings.database_url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    browser = make_app(settings, small, now).test_client()
    assert isinstance(browser, Client)
    browser.sign_in(coordinator)
    with small.session(write=False) as session:
        session.execute(select(func.now()))
        assert browser.get("/tasks").status_code == 503
    assert browser.get("/tasks").status_code == 200
    small.dispose()


def test_a_crash_keeps_what_was_typed_too(
    app: Flask, as_user: Sign, coordinator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = as_user(coordinator)
    form = meeting_form(browser)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("tracker.services.meetings.add", lambda *_, **__: 1 / 0)
    refused = browser.post(form.action, data=form.filled(**MEETING))
    assert refused.status_code == 500
    assert TITLE in refused.text


@SQLITE
@pytest.mark.parametrize(
    "command",
    [
        ["seed"],
        ["demo"],
        ["users", "create", "a@ks.example", "--name", "A", "--role", "reader"],
        ["users", "login-link", "kari@ks.example"],
        ["reminders", "run"],
        ["mail", "test", "a@ks.example"],
        ["db", "upgrade"],
    ],
    ids=" ".join,
)
def test_a_command_ends_with_one_line_and_75_while_the_database_is_locked(
    database: Database, settings: Settings, now: Clock, impatient: None, command: list[str]
) -> None:
    with database.session(write=True) as session:
        make.user(session, email="kari@ks.example", role=Role.READER)
    app = make_app(replace(settings), database, now)
    with locked(settings):
        result = app.test_cli_runner().invoke(args=command)
    if command == ["db", "upgrade"] and result.exit_code == 0:
        return  # There is nothing to be done, so nothing is waited for.
    assert (result.exit_code, result.output.count("Traceback")) == (75, 0)
    assert result.output.strip().splitlines()[-1].startswith("Error: The database")
