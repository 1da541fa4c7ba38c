"""A PostgreSQL server that may be crashed and started again while others use it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tests import databases

# What was committed must outlive a crash of the server; a crash of the machine is not tried.
SETTINGS: Final = ("fsync=off", "full_page_writes=off", "listen_addresses=")


class OwnPostgreSQL:
    """The server and its only database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owner = "postgres" if os.geteuid() == 0 else None
        if self._owner:
            shutil.chown(folder, self._owner, self._owner)
        self._run(
            "initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-N"
        ).wait()
        self._server, self.url = self._start()

    def crash_and_start_again(self) -> None:
        """End every connection at once, as a power cut would, and come back."""
        self._end()
        self._server, self.url = self._start()

    def end(self) -> None:
        self._end()

    def _start(self) -> tuple[subprocess.Popen[bytes], URL]:
        settings = [*SETTINGS, f"unix_socket_directories={self._folder}"]
        words = [word for setting in settings for word in ("-c", setting)]
        server = self._run("postgres", "-D", str(self._folder / "data"), *words)
        return server, databases._reachable(self._folder, server)

    def _end(self) -> None:
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(databases.START_SECONDS)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*databases.WITH_US, databases._binary(program), *arguments], cwd="/",
                user=self._owner, group=self._owner, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip


@contextmanager
def own_postgresql() -> Iterator[OwnPostgreSQL]:
    """Give a server of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="tracker-pg-", dir=databases.in_memory()))
    try:
        server = OwnPostgreSQL(folder)
        try:
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder)
