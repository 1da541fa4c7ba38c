"""Fixtures. Whoever asks for `database` or `app` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, Page
from sqlalchemy import make_url

from config import Settings
from tests.browser import chromium, complaints, listening_socket, served
from tests.client import Client, Clock, session_token
from tests.databases import PostgreSQL, in_memory, migrate, postgresql
from tests.factories import NOW
from tracker import create_app
from tracker.db import Database
from tracker.domain.roles import Person
from tracker.models import User
from tracker.services import audit
from tracker.web.context import EXTENSION, TOKEN, Tracker

if folder := in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server, started the first time a test asks for it."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgreSQL) -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy."""
    url = postgresql_server.create()
    migrate(url)
    yield make_url(url).database or ""
    postgresql_server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each test that uses a database runs once on each kind.

    A test for which the kind does not matter (how a page looks) may choose one:
    `@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)`.
    """
    name: str = request.param
    return name


@pytest.fixture
def empty_database_url(
    engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The address of a database without tables."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'tracker.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def database_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database that holds nothing else."""
    if engine_name == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "tracker.db")
        yield f"sqlite:///{path}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    url = server.create(template=request.getfixturevalue("postgresql_template"))
    yield url
    server.drop(url)


@pytest.fixture
def settings(database_url: str) -> Settings:
    """The settings of a test's installation; change them with `dataclasses.replace`."""
    return Settings(database_url=database_url, secret_key="a key for tests only, never elsewhere")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The test's database without the web around it, for services and jobs."""
    database = Database(settings.database_url, before_commit=audit.write_pending)
    yield database
    database.dispose()


@pytest.fixture
def now() -> Clock:
    """The application's clock; stands still at `factories.NOW` until it is moved."""
    return Clock(NOW)


@pytest.fixture
def app(settings: Settings, database: Database, now: Clock) -> Flask:
    """The whole application on the test's database."""
    return make_app(settings, database, now)


def make_app(settings: Settings, database: Database, now: Clock) -> Flask:
    """An application that others use after this one: half a second goes into its templates."""
    # What an application is made of depends on no more than this of its settings.
    base_url = "https://tracker.example" if settings.is_secure else Settings.base_url
    app = _shared_app(replace(settings, database_url="sqlite://", base_url=base_url))
    app.extensions[EXTENSION] = Tracker(settings, database, now)
    return app


def make_own_app(settings: Settings, database: Database, now: Clock) -> Flask:
    """An application that a test may add to."""
    app = create_app(settings)
    # One pool for the test and the application, so that queries of both are counted.
    app.extensions[EXTENSION] = Tracker(settings, database, now)
    app.testing = True
    app.test_client_class = Client
    return app


@cache
def _shared_app(settings: Settings) -> Flask:
    return make_own_app(settings, Database(settings.database_url), Clock(NOW))


@pytest.fixture
def client(app: Flask) -> Client:
    """Somebody who is not signed in."""
    return cast("Client", app.test_client())


@pytest.fixture
def as_user(app: Flask) -> Callable[[User | Person], Client]:
    """`as_user(kari)` is a browser in which Kari is signed in."""
    return lambda who: cast("Client", app.test_client()).sign_in(who)


@pytest.fixture(scope="session")
def chromium_browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@dataclass(frozen=True)
class Live:
    """The application behind a real address, and browsers that visit it."""

    app: Flask
    url: str
    browser: Browser
    pages: list[tuple[Page, list[str]]]

    def open(self, path: str = "/", *, who: User | Person | None = None, **options: Any) -> Page:
        """Open `path` in a browser of its own, signed in as `who`.

        `options` are Playwright's for a new context: `locale`, `viewport`, `color_scheme`, ….
        """
        context = self.browser.new_context(**({"locale": "nb-NO"} | options))
        if who is not None:
            serializer = SecureCookieSessionInterface().get_signing_serializer(self.app)
            assert serializer is not None
            cookie = serializer.dumps({TOKEN: session_token(self.app, who)})
            name = self.app.config["SESSION_COOKIE_NAME"]
            context.add_cookies([{"name": name, "value": str(cookie), "url": self.url}])
        page = context.new_page()
        self.pages.append((page, complaints(page)))
        page.goto(self.url + path)
        return page


@pytest.fixture
def live(
    settings: Settings, database: Database, now: Clock, chromium_browser: Browser
) -> Iterator[Live]:
    """The application in a real Chromium; script errors and breaches of its policy fail."""
    listener = listening_socket()
    host, port = listener.getsockname()
    app = make_app(replace(settings, base_url=f"http://{host}:{port}"), database, now)
    found: list[str] = []
    with served(app, listener) as url:
        live = Live(app, url, chromium_browser, [])
        yield live
        for page, complaints_of_page in live.pages:
            found += complaints_of_page
            page.context.close()
    assert not found, "\n".join(found)
