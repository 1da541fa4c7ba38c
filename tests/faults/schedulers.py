"""Processes that stay: `worker` and `serve` as they are, with the test's clock and a faster tick.

They begin where the commands do (`tracker.serve`, `tracker.jobs.start`), so APScheduler fires and
gunicorn answers; the test moves the clock instead of waiting for the morning.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

from config import Settings
from tests.faults.forked import FORKED
from tests.faults.processes import SharedClock
from tests.faults.waiting import DEADLINE
from tracker import create_app, jobs
from tracker import serve as processes
from tracker.db import Database
from tracker.jobs import scheduler
from tracker.services import audit
from tracker.web.context import EXTENSION, Tracker


class Scheduler:
    """A running process that plans and delivers whenever its scheduler fires."""

    def __init__(self, run: Any, settings: Settings, clock: SharedClock, log: Path) -> None:
        self._log = log
        log.touch()
        self._alive, theirs = FORKED.Pipe()
        self._process = FORKED.Process(target=run, args=(settings, clock, log, theirs))
        self._process.start()
        theirs.close()
        assert self._alive.poll(DEADLINE), f"it does not start: {self.said()}"
        self.port: int | None = self._alive.recv()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def said(self) -> str:
        """Return its log so far."""
        return self._log.read_text()

    def answers(self) -> bool:
        """Return whether the web answers and reaches its database."""
        assert self.port
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def end(self) -> None:
        """Ask it to end, which it must do cleanly."""
        os.kill(self.pid, signal.SIGTERM)
        self._process.join(DEADLINE)
        assert self._process.exitcode == 0, f"{self._process.exitcode}: {self.said()}"

    def discard(self) -> None:
        """Let nothing of it be left, stopped or not."""
        self._alive.close()
        self._process.kill()
        self._process.join(DEADLINE)


@contextmanager
def schedulers(
    workers: list[Settings], webs: list[Settings], clock: SharedClock, folder: Path
) -> Iterator[tuple[list[Scheduler], list[Scheduler]]]:
    """Start a worker or a web process for each of the settings."""
    with ExitStack() as stack:
        found: list[Scheduler] = []
        wanted = [(_work, each) for each in workers] + [(_serve, each) for each in webs]
        for place, (run, settings) in enumerate(wanted):
            process = Scheduler(run, settings, clock, folder / f"{place}.log")
            stack.callback(process.discard)
            found.append(process)
        yield found[: len(workers)], found[len(workers) :]


def _work(settings: Settings, clock: SharedClock, log: Path, alive: Connection) -> None:
    _begin(log)
    database = Database(settings.database_url, before_commit=audit.write_pending)
    stopped = processes.stop_requests()
    start_jobs = partial(jobs.start, database, settings=settings, now=clock)
    alive.send(None)
    _end_with_the_test(alive)
    with _fast():
        processes.work(start_jobs, stopped)


def _serve(settings: Settings, clock: SharedClock, log: Path, alive: Connection) -> None:
    _begin(log)
    app = create_app(settings, now=clock)
    tracker: Tracker = app.extensions[EXTENSION]
    listener = processes.listen("127.0.0.1", 0)
    start_jobs = partial(jobs.start, tracker.database, settings=settings, now=clock)
    alive.send(listener.getsockname()[1])
    _end_with_the_test(alive)
    with _fast():
        processes.serve(app, listener, start_jobs=start_jobs)


def _fast() -> AbstractContextManager[object]:
    """Let the scheduler fire after parts of a second instead of a minute and five seconds."""
    return patch.multiple(scheduler, PLAN_EVERY=0.5, DELIVER_EVERY=0.2)


def _begin(log: Path) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)


def _end_with_the_test(alive: Connection) -> None:
    """Leave nobody running where the test is killed: the other end of `alive` is closed then."""

    def watch() -> None:
        try:
            alive.recv()
        except EOFError:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
