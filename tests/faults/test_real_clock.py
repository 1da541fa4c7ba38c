"""APScheduler's own firing in a real worker on PostgreSQL: no clock of the tests in between."""

from __future__ import annotations

import os

import pytest

from tests import mails
from tests.e2e.test_serve import started
from tests.faults import installations
from tests.faults.mail_server import MailServer
from tracker import clock
from tracker.db import Database
from tracker.services import outbox


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_real_worker_takes_the_slot_of_today_at_once_and_looks_at_the_outbox_again_and_again(
    database: Database, database_url: str, server: MailServer
) -> None:
    inherited = {name: value for name, value in os.environ.items() if "TRACKER_" not in name}
    environment = inherited | {
        "PYTHONUNBUFFERED": "1",
        "TRACKER_DATABASE_URL": database_url,
        "TRACKER_SECRET_KEY": "a key for tests only, never elsewhere",
        # Whatever the hour is, the first minute of the day has passed.
        "TRACKER_SLOTS": "00:00",
        "TRACKER_SMTP_URL": f"smtp://127.0.0.1:{server.ports[0]}?starttls=off",
    }

    def queue(address: str) -> None:
        with database.session(write=True) as session:
            outbox.queue_email(
                session,
                kind="test",
                addressee=outbox.to_address(address),
                mail_from=mails.MAIL_FROM,
                now=clock.now(),
            )

    with started(environment, "worker") as worker:
        worker.wait_for("the run of the slot")
        # Two in a row, so that it has to fire more often than at its start.
        for address in ("first@ks.example", "second@ks.example"):
            worker.said = ""
            queue(address)
            worker.wait_for("delivery: Counts(sent=1,")
            assert server.arrived()[address] == 1
    assert installations.slots_taken(database)
