"""Four workers and two web processes on one PostgreSQL that crashes, all schedulers on."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import mails
from tests.client import Clock
from tests.databases import SERVER_URL, migrate
from tests.extent import SOAK
from tests.faults import installations
from tests.faults.mail_server import MailServer, mail_server
from tests.faults.orders import Fault, Signal, Stage, Trouble
from tests.faults.own_postgresql import OwnPostgreSQL, own_postgresql
from tests.faults.processes import SharedClock
from tests.faults.schedulers import schedulers
from tests.faults.waiting import wait_until
from tracker.db import Database
from tracker.jobs import deliver, plan
from tracker.models import Reminder
from tracker.services import audit, reminders

WORKERS: Final = 4
WEBS: Final = 2
PEOPLE: Final = 260
"""More than five batches, so that at least five processes send at the same time."""
DAYS: Final = (make.TODAY, make.TODAY + dt.timedelta(days=1))
DEADLINES: Final = tuple(day + dt.timedelta(days=7) for day in DAYS)
SLOTS: Final = (dt.time(7), dt.time(12))

Digest: TypeAlias = tuple[str | None, dt.date | None]
"""To whom and of which day."""


@pytest.fixture
def postgresql_of_its_own() -> Iterator[OwnPostgreSQL]:
    if SERVER_URL in os.environ:
        pytest.skip(f"{SERVER_URL} names a server that is not ours to crash")
    with own_postgresql() as server:
        yield server


@pytest.fixture
def six_ports(tmp_path: Path) -> Iterator[MailServer]:
    """A mail server with a port for each process, so that it knows who sends."""
    with mail_server(tmp_path, ports=WORKERS + WEBS) as server:
        yield server


@pytest.fixture
def open_database() -> Iterator[Callable[[str], Database]]:
    with ExitStack() as opened:

        def open_it(url: str) -> Database:
            database = Database(url, before_commit=audit.write_pending)
            opened.callback(database.dispose)
            return database

        yield open_it


def digests(database: Database) -> Counter[Digest]:
    """Return how many digests each address was sent on each day."""
    emails = installations.emails(database)
    return Counter(
        (email.to_address, email.local_date) for email in emails if email.state == "sent"
    )


def lines(database: Database) -> list[tuple[object, ...]]:
    """Return every reminder with what became of it."""
    with database.session(write=False) as session:
        return sorted(
            (row.task_id, row.series, row.audience, row.step, row.addressee, row.state, row.send_on)
            for row in session.scalars(select(Reminder))
        )


def sent_by_one_process(
    database: Database, settings: Settings
) -> tuple[Counter[Digest], list[tuple[object, ...]]]:
    """Return what comes of the same days where nothing happens."""
    installations.make_people(database, PEOPLE, deadlines=DEADLINES)
    for slot in slots(settings):
        now = Clock(slot)
        plan.tick(database, settings=settings, now=now)
        deliver.send_due(database, settings=settings, now=now, stopping=lambda: False)
    return digests(database), lines(database)


def slots(settings: Settings) -> list[dt.datetime]:
    return [slot for day in DAYS for slot in reminders.slots_of(day, settings=settings)]


def wait_for_the_run_of(database: Database, slot: dt.datetime) -> None:
    wait_until(lambda: slot in installations.slots_taken(database), f"{slot} is taken")
    wait_until(lambda: not installations.waiting(database), "the outbox is empty")


def settle(database: Database) -> None:
    """Wait until nothing has left the outbox for a while, or nothing is left in it.

    Then the clock may jump, and only what nobody is sending any more runs out of its lease.
    """
    seen, since = installations.waiting(database), time.monotonic()

    def is_quiet() -> bool:
        nonlocal seen, since
        left = installations.waiting(database)
        if left != seen:
            seen, since = left, time.monotonic()
        return not left or time.monotonic() - since > 1.5

    wait_until(is_quiet, "the outbox comes to rest")


@pytest.mark.parametrize("frozen_at", (1, 10, 20, 30, 40) if SOAK else (10,))
def test_six_schedulers_a_crash_and_a_frozen_worker_take_each_slot_and_send_each_digest_once(
    postgresql_of_its_own: OwnPostgreSQL, six_ports: MailServer, clock: SharedClock,
    sqlite_template: Path, tmp_path: Path, record_property: Callable[[str, object], None],
    open_database: Callable[[str], Database], frozen_at: int,
) -> None:  # fmt: skip
    server = six_ports
    alone = Settings(
        database_url=f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'alone.db')}",
        secret_key="a key for tests only, never elsewhere",
        mail_from=mails.MAIL_FROM,
        slots=SLOTS,
    )
    expected, expected_lines = sent_by_one_process(open_database(alone.database_url), alone)
    assert expected == {
        (installations.address(place), day): 1 for place in range(PEOPLE) for day in DAYS
    }

    shared = replace(
        alone, database_url=postgresql_of_its_own.url.render_as_string(hide_password=False)
    )
    migrate(shared.database_url)
    database = open_database(shared.database_url)
    installations.make_people(database, PEOPLE, deadlines=DEADLINES)
    settings = [replace(shared, smtp=server.settings(place)) for place in range(WORKERS + WEBS)]
    monday_seven, monday_noon, tuesday_seven, tuesday_noon = slots(shared)
    clock.set(monday_seven - dt.timedelta(seconds=1))
    with schedulers(settings[:WORKERS], settings[WORKERS:], clock, tmp_path) as (workers, webs):
        for web in webs:
            wait_until(web.answers, "the web answers")
        # As slow as a real one, so that the work is shared.
        server.break_down(Fault(Stage.CONNECT, Trouble.IS_SLOW, seconds=0.01))
        senders = {server.ports[place]: worker.pid for place, worker in enumerate(workers)}
        server.order(Signal(signal.SIGSTOP, senders, Stage.RCPT, mail=frozen_at))
        clock.set(monday_seven)
        wait_until(server.signalled, "a worker is frozen within a mail")
        frozen = server.signalled()
        assert frozen
        assert frozen in senders.values()
        wait_until(lambda: len(server.arrivals()) > PEOPLE / 5, "the morning is well under way")
        postgresql_of_its_own.crash_and_start_again()
        assert len(server.arrivals()) < PEOPLE, "the crash came in the middle"
        for web in webs:
            wait_until(web.answers, "the web finds its database again")
        settle(database)
        # The claims of who lost the database run out, then the leases.
        clock.advance(minutes=2)
        settle(database)
        assert installations.waiting(database) >= 1, "the frozen worker still holds its mail"
        clock.advance(minutes=9)
        wait_until(lambda: not installations.waiting(database), "others take over")
        os.kill(frozen, signal.SIGCONT)
        for slot in (monday_noon, tuesday_seven, tuesday_noon):
            clock.set(slot)
            wait_for_the_run_of(database, slot)
        for process in (*workers, *webs):
            process.end()
        said = [process.said() for process in (*workers, *webs)]

    assert installations.slots_taken(database) == slots(shared)
    planned = re.findall(r"the run of the slot (\S+ \S+) planned", "\n".join(said))
    assert sorted(planned) == [str(slot) for slot in slots(shared)], "by one process each"
    assert digests(database) == expected
    assert lines(database) == expected_lines
    everybody = Counter(installations.address(place) for place in range(PEOPLE) for _day in DAYS)
    repeated = installations.assert_none_lost_none_twice(database, server, everybody)
    counted = installations.possibly_duplicate(database)
    # The frozen worker went on with its mail, and each process may have lost its record of one.
    assert repeated <= counted <= WORKERS + WEBS
    assert counted >= 1
    assert len({arrival.port for arrival in server.arrivals()}) >= 3, "they shared the work"
    record_property("mails that came again around a crash", repeated)
    record_property("mails counted as possibly duplicate around a crash", counted)
