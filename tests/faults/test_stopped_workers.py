"""Workers that are frozen (SIGSTOP) for longer than their lease, and go on afterwards."""

from __future__ import annotations

import itertools
import signal
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from config import Settings
from tests.extent import SOAK, on_engines
from tests.faults import installations
from tests.faults.mail_server import MailServer
from tests.faults.orders import Signal, Stage
from tests.faults.processes import SharedClock, work, worker
from tests.faults.waiting import wait_until
from tracker.db import Database

PEOPLE: Final = 6
STOPPED_AT: Final = 2
MOMENTS: Final = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT, Stage.TAKEN)


@pytest.mark.parametrize(
    ("engine_name", "stage", "minutes"),
    on_engines(list(itertools.product(MOMENTS if SOAK else MOMENTS[1::3], (2, 11)))),
    ids=str,
    indirect=["engine_name"],
)
def test_a_worker_stopped_past_its_claims_or_its_lease_sends_nothing_that_others_took_over(
    database: Database, smtp_settings: Settings, server: MailServer, clock: SharedClock,
    undisturbed: Callable[[int], Counter[str]], stage: Stage, minutes: int,
) -> None:  # fmt: skip
    expected = undisturbed(PEOPLE)
    installations.make_people(database, PEOPLE)
    is_taken_over = minutes > 10
    with worker(smtp_settings, clock) as stopped:
        server.order(Signal(signal.SIGSTOP, {server.ports[0]: stopped.pid}, stage, STOPPED_AT))
        stopped.go()
        wait_until(server.signalled, f"mail {STOPPED_AT} reaches {stage}")
        clock.advance(minutes=minutes)
        assert not work(smtp_settings, clock)
        # Only the mail that it is sending is its own for ten minutes.
        assert installations.waiting(database) == (0 if is_taken_over else 1)
        stopped.continue_and_end()

    assert installations.waiting(database) == 0
    repeated = installations.assert_none_lost_none_twice(database, server, expected)
    assert installations.possibly_duplicate(database) == is_taken_over
    assert repeated <= is_taken_over
