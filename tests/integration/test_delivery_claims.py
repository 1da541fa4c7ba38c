"""Who holds a mail: processes that die, are held up or share the work, and mails that fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from types import ModuleType

import pytest
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import mails
from tests.client import Clock
from tests.mails import only_mail, outcomes
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.status import Status
from tracker.mail import letters as mail_letters
from tracker.mail.message import Email
from tracker.mail.outcomes import Outcome, Result
from tracker.mail.smtp import SmtpSender
from tracker.models import Task, User
from tracker.services import audit, delivery, letters, outbox
from tracker.services import delivery_claims as claims
from tracker.services.delivery import Counts


class Killed(BaseException):
    """The process is gone."""


def test_a_process_killed_while_sending_leaves_a_lease_that_runs_out(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock,
    deliver: Callable[[], Counts],
) -> None:  # fmt: skip
    mails.queue_digests(database, 1)

    class Dying(SmtpSender):
        def send(self, email: Email) -> Outcome:
            super().send(email)
            raise Killed

    dying = Dying(server.settings, timeout=5)
    with pytest.raises(Killed):
        delivery.deliver_due(database, dying, settings=smtp_settings, now=now)
    dying.close()

    assert deliver() == Counts(), "the lease still holds"
    now.advance(minutes=10)
    assert deliver() == Counts(sent=1, possibly_duplicate=1)
    first, second = (received.message["Message-ID"] for received in server.received)
    assert first == second
    assert outcomes(only_mail(database)) == [None, "sent"]


@pytest.mark.parametrize(
    ("module", "name", "tried"),
    [(letters, "drafts", ["sent"]), (mail_letters, "digest", ["temporary", "sent"])],
    ids=["reading", "writing"],
)
def test_whoever_was_held_up_past_the_lease_takes_the_mail_anew(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts],
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, tried: list[str],
) -> None:  # fmt: skip
    (address,) = mails.queue_digests(database, 1)
    function = getattr(module, name)
    delays = iter([11])

    def slowly(*args: object, **options: object) -> object:
        found = function(*args, **options)
        now.advance(minutes=next(delays, 0))
        return found

    monkeypatch.setattr(module, name, slowly)

    assert deliver() == Counts(sent=1)
    assert server.receivers == [address]
    assert outcomes(only_mail(database)) == tried


def test_a_sending_that_outlived_its_lease_does_not_undo_the_other_ones_record(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock,
    deliver: Callable[[], Counts],
) -> None:  # fmt: skip
    mails.queue_digests(database, 1)

    class Slow(SmtpSender):
        def send(self, email: Email) -> Outcome:  # noqa: ARG002 - lost on its way
            now.advance(minutes=11)
            assert deliver() == Counts(sent=1, possibly_duplicate=1)
            return Outcome(Result.TEMPORARY, "451 too slow")

    counts = delivery.deliver_due(database, Slow(server.settings), settings=smtp_settings, now=now)

    assert counts == Counts()
    assert only_mail(database).state == "sent"


class Interrupting(SmtpSender):
    """Does something after the first mail has been sent."""

    def __init__(self, server: SmtpServer, interrupt: Callable[[], object]) -> None:
        super().__init__(server.settings, timeout=5)
        self._interrupt: Callable[[], object] | None = interrupt

    def send(self, email: Email) -> Outcome:
        outcome = super().send(email)
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            interrupt()
        return outcome


def test_what_changes_while_others_are_sent_is_noticed_before_a_mail_leaves(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock
) -> None:
    first, second, third = mails.queue_digests(database, 3)

    def close_the_second() -> None:
        with database.session(write=True) as session:
            task = session.scalars(
                select(Task).join(User, User.id == Task.responsible_id).where(User.email == second)
            ).one()
            task.status = Status.CLOSED
            audit.record(session, by=None, action="task.closed", entity="task", entity_id=task.id)

    with closing(Interrupting(server, close_the_second)) as sender:
        counts = delivery.deliver_due(database, sender, settings=smtp_settings, now=now)

    assert counts == Counts(sent=2, cancelled=1)
    assert server.receivers == [first, third]


def test_a_process_killed_among_many_leaves_one_that_may_have_left_and_the_others_wait_a_minute(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock,
    deliver: Callable[[], Counts],
) -> None:  # fmt: skip
    addresses = mails.queue_digests(database, 3)

    def die() -> None:
        raise Killed

    with (
        closing(Interrupting(server, die)) as sender,
        pytest.raises(Killed),
    ):
        delivery.deliver_due(database, sender, settings=smtp_settings, now=now)

    assert deliver() == Counts(), "the claims still hold"
    now.advance(minutes=1)
    assert deliver() == Counts(sent=2)
    now.advance(minutes=9)
    assert deliver() == Counts(sent=1, possibly_duplicate=1)
    assert sorted(server.receivers) == sorted([*addresses, addresses[0]])


def test_who_asks_for_a_link_meanwhile_gets_it_ahead_of_the_other_digests(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock
) -> None:
    first, second = mails.queue_digests(database, 2)

    def ask() -> None:
        now.advance(seconds=3)
        with database.session(write=True) as session:
            outbox.queue_email(
                session,
                kind="test",
                addressee=outbox.to_address("haster@ks.example"),
                mail_from=mails.MAIL_FROM,
                now=now(),
            )

    with closing(Interrupting(server, ask)) as sender:
        delivery.deliver_due(database, sender, settings=smtp_settings, now=now)

    assert server.receivers == [first, "haster@ks.example", second]


def test_two_deliverers_at_once_share_the_mails_and_send_none_twice(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock
) -> None:
    addresses = mails.queue_digests(database, 20)
    found: list[Counts] = []

    def work() -> None:
        sender = SmtpSender(server.settings, timeout=5)
        found.append(delivery.deliver_due(database, sender, settings=smtp_settings, now=now))
        sender.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(server.receivers) == addresses
    assert sum(counts.sent for counts in found) == 20


def test_a_mail_that_cannot_be_made_does_not_stop_the_others(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    broken, *others = mails.queue_digests(database, 3)
    with database.session(write=True) as session:
        person = session.scalars(select(User).where(User.email == broken)).one()
        person.name = "Kari\nBcc: alle@forum.example"

    assert deliver() == Counts(sent=2, failed=1)
    assert server.receivers == others
    assert "cannot be made" in caplog.text
    now.advance(minutes=1)
    assert deliver() == Counts(failed=1)


def test_a_mail_that_the_sender_stumbles_over_does_not_stop_the_others(
    database: Database, server: SmtpServer, smtp_settings: Settings, now: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    _stumbles, *others = mails.queue_digests(database, 3)

    def stumble() -> None:
        message = "no way to write this"
        raise ValueError(message)

    with closing(Interrupting(server, stumble)) as sender:
        counts = delivery.deliver_due(database, sender, settings=smtp_settings, now=now)

    # It had been taken by the server, which nobody can know here.
    assert counts == Counts(sent=2, failed=1)
    assert server.receivers[1:] == others
    assert "cannot be handed over" in caplog.text
    now.advance(minutes=1)
    with closing(SmtpSender(server.settings, timeout=5)) as steady:
        again = delivery.deliver_due(database, steady, settings=smtp_settings, now=now)
    assert again == Counts(sent=1, possibly_duplicate=1)


def test_whoever_lost_a_claim_does_not_cancel_what_another_is_sending(
    database: Database, now: Clock
) -> None:
    mails.queue_digests(database, 1)
    with database.session(write=True) as session:
        (lost,) = claims.claim(session, now=now(), most=1)
        session.expunge(lost)
    now.advance(minutes=2)
    with database.session(write=True) as session:
        (held,) = claims.claim(session, now=now(), most=1)
        assert not claims.cancel(session, lost, now=now())
        assert claims.start(session, held, lambda: pytest.fail("not written here"), now=now())

    assert only_mail(database).state == "queued"
    assert outcomes(only_mail(database)) == [None]


def test_a_mail_that_cannot_be_read_does_not_stop_those_that_are_read_with_it(
    database: Database, server: SmtpServer, now: Clock, deliver: Callable[[], Counts],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    addresses = mails.queue_digests(database, 3)
    with database.session(write=True) as session:
        outbox.queue_email(
            session,
            kind="sign_in",
            addressee=outbox.to_address("kari@ks.example"),
            mail_from=mails.MAIL_FROM,
            now=make.NOW,
        )

    assert deliver() == Counts(sent=3, failed=1)
    assert server.receivers == addresses
    assert "cannot be read" in caplog.text
    now.advance(minutes=1)
    assert deliver() == Counts(failed=1)
