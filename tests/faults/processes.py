"""Workers that are processes of their own, so that they can be killed and stopped for real.

They do what the scheduler does, with a clock that the test moves: leases and waits of minutes are
over as soon as the test says so.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import event

from config import Settings
from tests.faults.forked import FORKED
from tests.faults.waiting import DEADLINE
from tracker.db import Database
from tracker.jobs import deliver, plan
from tracker.services import audit


@dataclass(frozen=True)
class SharedClock:
    """The present as all processes of a test see it; moves only when told."""

    path: Path

    def __call__(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.path.read_text())

    def set(self, moment: dt.datetime) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(moment.isoformat())
        draft.replace(self.path)

    def advance(self, **by: float) -> None:
        """Move on by `timedelta(**by)`."""
        self.set(self() + dt.timedelta(**by))


class Worker:
    """One round of a worker: it plans if a slot has passed, sends what is due, and ends."""

    def __init__(
        self, settings: Settings, clock: SharedClock, *, dies_at: int | None = None
    ) -> None:
        self._go, theirs = FORKED.Pipe()
        self._process = FORKED.Process(
            target=_work_once, args=(settings, clock, theirs, dies_at), daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def go(self) -> None:
        """Let it begin; so that there is time to tell others of it before."""
        self._go.send(None)

    def end(self) -> bool:
        """Wait for its end; return whether it was killed."""
        self._process.join(DEADLINE)
        assert self._process.exitcode in {0, -signal.SIGKILL}, f"ended: {self._process.exitcode}"
        return self._process.exitcode != 0

    def continue_and_end(self) -> None:
        """Continue it after it was stopped, and wait for its end."""
        os.kill(self.pid, signal.SIGCONT)
        assert not self.end()

    def discard(self) -> None:
        """Let nothing of it be left."""
        self._go.close()
        self._process.kill()
        self._process.join(DEADLINE)


@contextmanager
def worker(
    settings: Settings, clock: SharedClock, *, dies_at: int | None = None
) -> Iterator[Worker]:
    """Give a worker that waits for its `go`; with `dies_at` it kills itself at that statement."""
    found = Worker(settings, clock, dies_at=dies_at)
    try:
        yield found
    finally:
        found.discard()


def work(settings: Settings, clock: SharedClock, *, dies_at: int | None = None) -> bool:
    """Let a worker do one round; return whether it was killed."""
    with worker(settings, clock, dies_at=dies_at) as found:
        found.go()
        return found.end()


def _work_once(settings: Settings, clock: SharedClock, go: Connection, dies_at: int | None) -> None:
    try:
        go.recv()
    except EOFError:
        return  # The test has ended.
    database = Database(settings.database_url, before_commit=audit.write_pending)
    if dies_at is not None:
        _die_at(database, dies_at)
    plan.tick(database, settings=settings, now=clock)
    deliver.send_due(database, settings=settings, now=clock, stopping=lambda: False)
    database.dispose()


def _die_at(database: Database, statement: int) -> None:
    """Kill this process just before it sends its so-manieth statement or commit."""
    left = statement

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", count)
    event.listen(database.engine, "commit", count)
