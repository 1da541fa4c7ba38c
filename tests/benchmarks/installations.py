"""Installations to measure, made by the product's own commands on both databases."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, make_url

from config import Settings
from tests.databases import PostgreSQL, postgresql
from tracker.db import Database
from tracker.services import audit

ROOT: Final = Path(__file__).parents[2]
SECRET_KEY: Final = "a key for benchmarks only, never elsewhere"
TASKS_PER_PERSON: Final = 50


@dataclass(frozen=True)
class Installation:
    """A database with its settings."""

    url: str

    @classmethod
    def here(cls) -> Installation:
        """Return the one that the environment names."""
        return cls(os.environ["TRACKER_DATABASE_URL"])

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if "TRACKER_" not in name}
        return inherited | {
            "TRACKER_DATABASE_URL": self.url,
            "TRACKER_SECRET_KEY": SECRET_KEY,
        }

    @property
    def settings(self) -> Settings:
        return Settings.from_env(self.environment)

    def command(self, *arguments: str) -> None:
        """Run `flask --app tracker …`, which must succeed."""
        subprocess.run(
            [sys.executable, "-m", "flask", "--app", "tracker", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def settle(self) -> None:
        """Do at once what the databases do by themselves a while after a large change."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        is_sqlite = engine.dialect.name == "sqlite"
        statements = (
            ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"] if is_sqlite else ["VACUUM ANALYZE"]
        )
        with closing(engine.raw_connection()) as connection:
            for statement in statements:
                connection.cursor().execute(statement)
        engine.dispose()

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(self.url, before_commit=audit.write_pending)
        try:
            yield database
        finally:
            database.dispose()


@dataclass
class Installations:
    """Makes installations of one kind of database. Each size is made once, then copied."""

    kind: str
    folder: Path
    server: PostgreSQL | None
    made: dict[int, Installation] = field(default_factory=dict)
    copies: int = 0

    def of(self, tasks: int) -> Installation:
        """Give the demonstration enlarged by so many tasks; to be read, or written a little."""
        if tasks not in self.made:
            installation = Installation(self._address())
            installation.command("db", "upgrade")
            installation.command("seed")
            people = tasks // TASKS_PER_PERSON
            installation.command("demo", "--tasks", str(tasks), "--people", str(people))
            installation.settle()
            self.made[tasks] = installation
        return self.made[tasks]

    @contextmanager
    def copy(self, tasks: int) -> Iterator[Installation]:
        """Give a copy to change, gone afterwards."""
        with self.copy_of(self.of(tasks)) as copy:
            yield copy

    @contextmanager
    def copy_of(self, original: Installation) -> Iterator[Installation]:
        """Give a copy of an installation that nobody uses meanwhile."""
        if self.server:
            copy = Installation(self.server.create(make_url(original.url).database or ""))
        else:
            copy = Installation(self._address())
            shutil.copy(_path(original), _path(copy))
        yield copy
        if self.server:
            self.server.drop(copy.url)
        else:
            _path(copy).unlink()

    def _address(self) -> str:
        if self.server:
            return self.server.create()
        self.copies += 1
        return f"sqlite:///{self.folder / f'{self.copies}.db'}"


@contextmanager
def installations(kind: str, folder: Path) -> Iterator[Installations]:
    """Give installations on `sqlite` or `postgresql`; the latter on a server of their own."""
    if kind == "sqlite":
        yield Installations(kind, folder, None)
        return
    with postgresql() as server:
        yield Installations(kind, folder, server)


def _path(installation: Installation) -> Path:
    return Path(make_url(installation.url).database or "")
