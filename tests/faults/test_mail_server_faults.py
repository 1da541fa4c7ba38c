"""Whatever the mail server does wrong, and at whichever mail: in the end each arrives once."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pytest
from sqlalchemy import select

from config import Settings, StartTls
from tests.client import Clock
from tests.extent import on_engines
from tests.faults import installations
from tests.faults.mail_server import MailServer
from tests.faults.orders import Fault, Stage, Trouble
from tracker.db import Database
from tracker.jobs import plan
from tracker.models import Actor, Installation, Task, User
from tracker.services.mail_trouble import FEW

MAILS: Final = 5
FIRST, MIDDLE, LAST = 0, MAILS // 2, MAILS - 1
POSITIONS: Final = (FIRST, MIDDLE, LAST)
PATIENCE: Final = 1.0
"""Seconds that a silent server is waited for, instead of half a minute."""


@dataclass(frozen=True)
class Case:
    """Something that goes wrong before the server has taken the mail."""

    stage: Stage
    does: Trouble | str
    outcome: str
    """Of the attempts that fail. Unknown: the client has said all it had to say by then."""
    said: str
    """What the log must tell of it."""

    def __str__(self) -> str:
        return f"{self.stage} {self.does}"


BEFORE_IT_IS_TAKEN: Final = (
    Case(Stage.CONNECT, Trouble.REFUSES, "installation", "Connection refused"),
    Case(Stage.CONNECT, Trouble.HANGS_UP, "installation", "Connection unexpectedly closed"),
    Case(Stage.CONNECT, Trouble.HANGS, "installation", "timed out"),
    Case(Stage.CONNECT, Trouble.WRONG_CERTIFICATE, "installation", "certificate verify failed"),
    Case(Stage.CONNECT, "421 4.3.2 too busy", "installation", "421 4.3.2 too busy"),
    Case(Stage.CONNECT, "554 5.3.2 no mail here", "installation", "554 5.3.2 no mail here"),
    Case(Stage.MAIL, "421 4.3.2 shutting down", "temporary", "421 4.3.2 shutting down"),
    Case(Stage.MAIL, "530 5.7.0 sign in", "installation", "530 5.7.0 sign in"),
    Case(Stage.MAIL, "550 5.7.1 go away", "refused", "550 5.7.1 go away"),
    Case(Stage.RCPT, "421 4.3.2 shutting down", "temporary", "421 4.3.2 shutting down"),
    Case(Stage.RCPT, "451 4.7.1 greylisted", "temporary", "451 4.7.1 greylisted"),
    Case(Stage.RCPT, "550 relay not permitted", "refused", "550 relay not permitted"),
    Case(Stage.RCPT, Trouble.STAMMERS, "temporary", "connection lost"),
    Case(Stage.DATA, "451 4.3.0 try later", "temporary", "451 4.3.0 try later"),
    Case(Stage.DATA, Trouble.HANGS, "temporary", "timed out"),
    # A mail as small as these is on the wire as a whole before the client can notice.
    Case(Stage.DATA, Trouble.HANGS_UP, "unknown", "connection lost"),
    Case(Stage.CONTENT, "421 4.3.2 shutting down", "temporary", "421 4.3.2 shutting down"),
    Case(Stage.CONTENT, "451 4.3.0 try later", "temporary", "451 4.3.0 try later"),
    Case(Stage.CONTENT, "554 5.6.0 no", "refused", "554 5.6.0 no"),
    Case(Stage.CONTENT, Trouble.HANGS_UP, "unknown", "connection lost"),
)


def send_until_nothing_waits(
    database: Database, settings: Settings, now: Clock, *, timeout: float = 30
) -> None:
    for _ in range(10):
        now.advance(minutes=16)
        installations.send_due(database, settings, now, timeout=timeout)
        if not installations.waiting(database):
            return
    pytest.fail(f"{installations.waiting(database)} mails still wait")


@pytest.mark.parametrize(
    ("engine_name", "case", "position"),
    on_engines(list(itertools.product(BEFORE_IT_IS_TAKEN, POSITIONS))),
    ids=str,
    indirect=["engine_name"],
)
def test_after_a_fault_of_the_server_each_digest_has_arrived_exactly_once(
    database: Database, smtp_settings: Settings, server: MailServer, now: Clock,
    undisturbed: Callable[[int], Counter[str]], case: Case, position: int,
) -> None:  # fmt: skip
    expected = undisturbed(MAILS)
    is_silent = case.does is Trouble.HANGS
    timeout = PATIENCE if is_silent else 30
    tls: StartTls = "required" if case.does is Trouble.WRONG_CERTIFICATE else "off"
    settings = replace(smtp_settings, smtp=server.settings(tls=tls))
    installations.make_people(database, MAILS)
    plan.tick(database, settings=settings, now=now)
    server.break_down(Fault(case.stage, case.does, after=position))

    for _ in range(1 if is_silent else 2):
        installations.send_due(database, settings, now, timeout=timeout)
        now.advance(minutes=16)

    before = [installations.address(place) for place in range(position)]
    assert [arrival.to for arrival in server.arrivals()] == before
    failed = [
        attempt
        for email in installations.emails(database)
        for attempt in email.delivery_attempts
        if attempt.outcome != "sent"
    ]
    assert {attempt.outcome for attempt in failed} == {case.outcome}
    assert all(case.said in (attempt.answer or "") for attempt in failed), failed[0].answer
    with database.session(write=False) as session:
        reason = session.scalars(select(Installation.mail_paused_reason)).one()
    # What is the server's fault is told to the secretariat, and no address is blamed.
    is_refused_to_all = case.outcome == "refused" and MAILS - position >= FEW
    is_servers = case.outcome == "installation" or is_refused_to_all
    assert (case.said in (reason or "")) == is_servers

    server.mend()
    send_until_nothing_waits(database, settings, now, timeout=timeout)

    assert installations.assert_none_lost_none_twice(database, server, expected) == 0
    assert server.arrived() == expected
    counted = installations.possibly_duplicate(database)
    assert bool(counted) == (case.outcome == "unknown")
    with database.session(write=False) as session:
        assert session.scalars(select(User).where(User.email_failed_at.is_not(None))).all() == []
        installation = session.scalars(select(Installation)).one()
        assert installation.mail_paused_reason is None


@pytest.mark.parametrize(
    ("engine_name", "does", "position"),
    on_engines(
        list(
            itertools.product(
                (Trouble.HANGS_UP, Trouble.HANGS, Trouble.STAMMERS, "what did you say"), POSITIONS
            )
        )
    ),
    ids=str,
    indirect=["engine_name"],
)
def test_a_mail_whose_answer_is_lost_comes_again_as_the_same_mail_and_is_counted(
    database: Database, smtp_settings: Settings, server: MailServer, now: Clock,
    undisturbed: Callable[[int], Counter[str]], does: Trouble | str, position: int,
) -> None:  # fmt: skip
    expected = undisturbed(MAILS)
    timeout = PATIENCE if does is Trouble.HANGS else 30
    installations.make_people(database, MAILS)
    plan.tick(database, settings=smtp_settings, now=now)
    # The fault ends with the mails of the morning, because each of them counts as taken.
    server.break_down(Fault(Stage.TAKEN, does, after=position))
    installations.send_due(database, smtp_settings, now, timeout=timeout)
    assert server.arrived() == expected, "it has taken them all"
    server.mend()
    send_until_nothing_waits(database, smtp_settings, now, timeout=timeout)

    repeated = installations.assert_none_lost_none_twice(database, server, expected)
    assert repeated == installations.possibly_duplicate(database) == MAILS - position


@pytest.mark.parametrize(
    ("engine_name", "position"),
    on_engines([(position,) for position in POSITIONS]),
    ids=str,
    indirect=["engine_name"],
)
def test_a_slow_server_gets_each_mail_once_and_nothing_fails(
    database: Database, smtp_settings: Settings, server: MailServer, now: Clock,
    undisturbed: Callable[[int], Counter[str]], position: int,
) -> None:  # fmt: skip
    expected = undisturbed(MAILS)
    installations.make_people(database, MAILS)
    plan.tick(database, settings=smtp_settings, now=now)
    server.break_down(Fault(Stage.CONNECT, Trouble.IS_SLOW, after=position))

    counts = installations.send_due(database, smtp_settings, now)

    assert (counts.sent, counts.failed) == (MAILS, 0)
    assert installations.assert_none_lost_none_twice(database, server, expected) == 0


@pytest.mark.parametrize(
    ("engine_name", "position"),
    on_engines([(position,) for position in POSITIONS]),
    ids=str,
    indirect=["engine_name"],
)
def test_one_refused_receiver_is_marked_all_others_get_theirs_and_others_stand_in_the_next_day(
    database: Database, smtp_settings: Settings, server: MailServer, now: Clock,
    undisturbed: Callable[[int], Counter[str]], position: int,
) -> None:  # fmt: skip
    expected = undisturbed(MAILS)
    refused = installations.address(position)
    installations.make_people(database, MAILS)
    server.refuse_receivers(refused)

    plan.tick(database, settings=smtp_settings, now=now)
    installations.send_due(database, smtp_settings, now)
    now.advance(hours=7)
    installations.send_due(database, smtp_settings, now)

    del expected[refused]
    assert server.arrived() == expected, "the others, and on this day nobody else"
    with database.session(write=False) as session:
        person = session.scalars(select(User).where(User.email_failed_at.is_not(None))).one()
        assert person.email == refused
        task = session.scalars(select(Task).where(Task.needs_contact_since.is_not(None))).one()
        assert task.responsible_id == person.id
        assert session.scalars(select(Actor.email_failed_at)).one() is None

    # The lead and the shared mailbox, one mail each, and nobody anything more.
    for _ in range(3):
        now.advance(days=1)
        plan.tick(database, settings=smtp_settings, now=now)
        installations.send_due(database, smtp_settings, now)
    assert server.arrived() == expected + Counter([installations.LEAD, installations.MAILBOX])
    assert not installations.waiting(database)
    assert installations.possibly_duplicate(database) == 0
