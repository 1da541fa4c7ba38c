"""Clean, migrated databases for tests: copies of one template on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypedDict

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, make_url, text

from tracker.db import Database
from tracker.services import migrations

SERVER_URL: Final = "TRACKER_TEST_DATABASE_URL"
# Tests lose nothing that a crash could take.
START_SECONDS: Final = 60
ROOM: Final = 2 * 1024**3
# The server goes when the tests are killed, where the system offers that.
WITH_US: Final = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def migrate(url: str) -> None:
    """Bring the empty database at `url` to the newest version."""
    database = Database(url)
    migrations.upgrade(database)
    # Without this, a copy of the SQLite file could lack what still lies in its log.
    if database.dialect == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()


@contextmanager
def count_queries(database: Database) -> Iterator[list[str]]:
    """Give a list that fills with the statements sent to `database` inside the block."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


@dataclass
class PostgreSQL:
    """A server on which databases may be made. Names are this process's own."""

    server: URL
    admin: Engine
    prefix: str
    count: int = 0

    def create(self, template: str = "template0") -> str:
        """Make a copy of `template` and return its address."""
        self.count += 1
        name = f"{self.prefix}_{self.count}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.address(name)

    def drop(self, url: str) -> None:
        self._run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def address(self, name: str) -> str:
        return self.server.set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        with self.admin.connect() as connection:
            connection.execute(text(statement))


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Give the server named in the environment, else one of our own, gone afterwards."""
    with _server() as url:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            yield PostgreSQL(url, engine, f"test_{secrets.token_hex(4)}")
        finally:
            engine.dispose()


def in_memory() -> Path | None:
    """Return a folder in memory with room for the tests' databases, where there is one.

    A thousand databases are made and dropped, and on a disk that is most of what a test takes.
    """
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM:
        return memory
    return None


@contextmanager
def _server() -> Iterator[URL]:
    if named := os.environ.get(SERVER_URL):
        yield make_url(named).set(drivername="postgresql+psycopg")
        return
    # A socket's path must be short, so this is not under pytest's folder.
    folder = Path(tempfile.mkdtemp(prefix="tracker-pg-", dir=in_memory()))
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    owner = "postgres" if os.geteuid() == 0 else None
    if owner:
        shutil.chown(folder, owner, owner)
    data = str(folder / "data")
    settings = [*FAST, "listen_addresses=", f"unix_socket_directories={folder}"]
    try:
        with (folder / "log").open("wb") as log:
            started: _Started = {"user": owner, "group": owner, "cwd": "/", "stderr": log}
            initialise = [_binary("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-N"]
            subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, **started)
            command = [*WITH_US, _binary("postgres"), "-D", data]
            command += [word for setting in settings for word in ("-c", setting)]
            # In a session of its own, so that Ctrl-C reaches the tests first.
            with subprocess.Popen(command, start_new_session=True, **started) as server:
                try:
                    yield _reachable(folder, server)
                finally:
                    server.send_signal(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder)


class _Started(TypedDict):
    """How both programs are started; `user` and `group` None: as whoever runs the tests."""

    user: str | None
    group: str | None
    cwd: str
    stderr: BinaryIO


def _reachable(folder: Path, server: subprocess.Popen[bytes]) -> URL:
    """Return the server's address once it answers."""
    url = URL.create(
        "postgresql+psycopg",
        username="postgres",
        database="postgres",
        query={"host": str(folder)},
    )
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            log = (folder / "log").read_text()
            assert server.poll() is None, f"PostgreSQL ended: {log}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer: {log}"
            time.sleep(0.02)
        else:
            return url


def _binary(program: str) -> str:
    """Return the program of the newest PostgreSQL; Debian keeps them outside the path."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    found = shutil.which(program, path=folders[-1] if folders else None)
    if found is None:
        message = f"PostgreSQL's {program} is missing; run tests/setup.sh or set {SERVER_URL}"
        raise FileNotFoundError(message)
    return found
