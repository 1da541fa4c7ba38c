"""Fixtures of the tests that hand mails to a real SMTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from config import Settings
from tests import mails
from tests.client import Clock
from tests.smtp_server import SmtpServer, running_smtp_server
from tracker.db import Database
from tracker.mail.smtp import SmtpSender
from tracker.services import delivery
from tracker.services.delivery import Counts


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with running_smtp_server() as running:
        yield running


@pytest.fixture
def smtp_settings(settings: Settings, server: SmtpServer) -> Settings:
    return replace(settings, smtp=server.settings, mail_from=mails.MAIL_FROM)


@pytest.fixture
def deliver(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock
) -> Iterator[Callable[[], Counts]]:
    sender = SmtpSender(server.settings, timeout=5)
    yield lambda: delivery.deliver_due(database, sender, settings=smtp_settings, now=now)
    sender.close()
