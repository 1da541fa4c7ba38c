"""Workers that are killed (`kill -9`), wherever they are: nothing is lost, repeats are counted."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from config import Settings
from tests.extent import KILLS, SEEDS, STATEMENTS_APART
from tests.faults import installations
from tests.faults.mail_server import MailServer
from tests.faults.orders import Signal, Stage
from tests.faults.processes import SharedClock, work, worker
from tracker.db import Database

PEOPLE: Final = KILLS * 5
"""Enough for all kills: a few mails pass before each."""
MOMENTS: Final = tuple(stage for stage in Stage if stage is not Stage.CONNECT)
WAITS: Final = (1, 3, 11)
"""Minutes until the next worker comes: claims may have run out, leases perhaps not yet."""
LONGEST_DELAY: Final = 0.01
"""Seconds in which a worker records a mail, reads others and starts the next."""


def work_until_nothing_waits(
    database: Database, settings: Settings, clock: SharedClock, *, rounds: int = 5
) -> None:
    for _ in range(rounds):
        clock.advance(minutes=11)
        assert not work(settings, clock)
        if not installations.waiting(database):
            return
    pytest.fail(f"{installations.waiting(database)} mails still wait")


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_killed_at_any_moment_lose_no_mail_and_repeat_only_what_is_counted(
    database: Database, smtp_settings: Settings, server: MailServer, clock: SharedClock,
    undisturbed: Callable[[int], Counter[str]], record_property: Callable[[str, object], None],
    seed: int,
) -> None:  # fmt: skip
    expected = undisturbed(PEOPLE)
    chance = random.Random(seed)
    installations.make_people(database, PEOPLE)
    killed = 0
    story = [f"{seed=}"]
    while killed < KILLS:
        stage = chance.choice(MOMENTS)
        mail, delay = chance.randint(1, 2), chance.choice((0, chance.uniform(0, LONGEST_DELAY)))
        with worker(smtp_settings, clock) as victim:
            server.order(Signal(signal.SIGKILL, {server.ports[0]: victim.pid}, stage, mail, delay))
            victim.go()
            was_killed = victim.end()
        server.order(None)
        killed += was_killed
        wait = chance.choice(WAITS)
        story.append(f"mail {mail} {stage} +{delay:.4f} s: {was_killed}; {wait} min")
        clock.advance(minutes=wait)
        assert installations.waiting(database) or killed == KILLS, story

    work_until_nothing_waits(database, smtp_settings, clock)

    assert len(installations.slots_taken(database)) == 1, story
    repeated = installations.assert_none_lost_none_twice(database, server, expected)
    counted = installations.possibly_duplicate(database)
    # Each kill leaves at most one mail of which nobody knows whether it left.
    assert repeated <= counted <= killed, story
    record_property("killed workers", killed)
    record_property("mails that came again", repeated)
    record_property("mails counted as possibly duplicate", counted)


def test_workers_killed_at_each_statement_of_theirs_plan_once_and_lose_no_mail(
    database: Database, smtp_settings: Settings, server: MailServer, clock: SharedClock,
    undisturbed: Callable[[int], Counter[str]], record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    people = 5
    expected = undisturbed(people)
    installations.make_people(database, people)
    killed = 0
    # Each gets further than the one before, until there is nothing left to do.
    while work(smtp_settings, clock, dies_at=1 + killed * STATEMENTS_APART):
        killed += 1
        planned = installations.emails(database)
        assert len(planned) in {0, people}, "all of the plan or nothing"
        assert bool(planned) == bool(installations.slots_taken(database))
        clock.advance(minutes=11)

    work_until_nothing_waits(database, smtp_settings, clock)

    assert killed > 3
    assert len(installations.slots_taken(database)) == 1
    repeated = installations.assert_none_lost_none_twice(database, server, expected)
    counted = installations.possibly_duplicate(database)
    assert repeated <= counted <= killed
    record_property("workers killed at a statement", killed)
