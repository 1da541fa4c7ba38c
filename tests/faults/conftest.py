"""The mail server, the clock, and what a run without faults brings."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from tests import mails
from tests.client import Clock
from tests.factories import NOW
from tests.faults import installations
from tests.faults.mail_server import MailServer, mail_server
from tests.faults.processes import SharedClock
from tracker.db import Database
from tracker.jobs import plan
from tracker.services import audit


@pytest.fixture(scope="session")
def running_mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail-server")) as server:
        yield server


@pytest.fixture
def server(running_mail_server: MailServer) -> MailServer:
    """The mail server in a process of its own, as new."""
    running_mail_server.start_anew()
    return running_mail_server


@pytest.fixture
def smtp_settings(settings: Settings, server: MailServer) -> Settings:
    return replace(settings, smtp=server.settings(), mail_from=mails.MAIL_FROM)


@pytest.fixture
def clock(tmp_path: Path) -> SharedClock:
    """The present of all processes of a test."""
    clock = SharedClock(tmp_path / "clock")
    clock.set(NOW)
    return clock


@pytest.fixture(scope="session")
def undisturbed(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    running_mail_server: MailServer,
) -> Callable[[int], Counter[str]]:
    """`undisturbed(5)` is who gets how many mails where nothing goes wrong."""
    known: dict[int, Counter[str]] = {}

    def find(people: int) -> Counter[str]:
        if people not in known:
            path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("undisturbed") / "a.db")
            database = Database(f"sqlite:///{path}", before_commit=audit.write_pending)
            settings = Settings(
                database_url=f"sqlite:///{path}",
                secret_key="a key for tests only, never elsewhere",
                smtp=running_mail_server.settings(),
                mail_from=mails.MAIL_FROM,
            )
            installations.make_people(database, people)
            plan.tick(database, settings=settings, now=Clock(NOW))
            installations.send_due(database, settings, Clock(NOW))
            database.dispose()
            known[people] = running_mail_server.arrived()
            running_mail_server.start_anew()
        return known[people].copy()

    return find


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the tests of one's own figures have counted, where this folder alone is run."""
    counted: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        counted.update({name: int(value) for name, value in report.user_properties})
    for name, number in sorted(counted.items()):
        terminalreporter.write_line(f"{name}: {number}")
