"""Fixtures. Whoever asks for `database` or `app` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from config import Settings
from tests.databases import PostgreSQL, migrate, postgresql
from tracker.db import Database


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
    database = Database(settings.database_url)
    yield database
    database.dispose()
