"""Sends what lies in the outbox: one mail at a time, and each step of it committed.

Mails are claimed and read some at a time, because reading fifty costs little more than reading
one. Then each is sent by itself: started in a transaction that looks whether anything has changed
since it was read, put into words, handed to the sender outside any transaction, and recorded. What
came of one mail and the start of the next share a transaction. A process that dies leaves one
attempt without outcome; whoever claims that mail next knows from it that it may be on its way.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import Settings
from tracker.db import Database
from tracker.mail.message import Email
from tracker.mail.outcomes import Outcome, Result
from tracker.mail.senders import Sender
from tracker.models import AuditHead, Installation, OutgoingEmail, Reminder
from tracker.services import delivery_claims as claims
from tracker.services import delivery_outcomes as outcomes
from tracker.services import letters
from tracker.services.delivery_claims import Attempt
from tracker.services.delivery_outcomes import settle_lines
from tracker.services.letters import Draft, Letter

logger = logging.getLogger(__name__)

BATCH: Final = 50
"""Mails read together."""
FRESH: Final = dt.timedelta(seconds=2)
"""For so long mails are sent as they were read; so whoever waits for a link gets ahead soon."""


@dataclass
class Counts:
    """What a round of delivery did. `cancelled` counts lines, the others mails."""

    sent: int = 0
    failed: int = 0
    """Not sent in this round: to be tried again, or given up."""
    cancelled: int = 0
    possibly_duplicate: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def deliver_due(
    database: Database,
    sender: Sender,
    *,
    settings: Settings,
    now: Callable[[], dt.datetime],
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[Counts], None] = lambda _counts: None,
) -> Counts:
    """Send everything that is due, until nothing is, the mail pauses or `stopping` says so.

    `now` gives the time that governs leases, retries and what still holds (aware UTC). `progress`
    is told before each mail how far it has come.
    """
    with database.session(write=False) as session:
        # Most rounds find nothing, and then need not wait for whoever writes on SQLite.
        due = claims.due(now()).with_only_columns(OutgoingEmail.id).limit(1)
        if session.scalar(due) is None:
            return Counts()
    delivery = _Delivery(database, sender, settings, now)
    attempt: Attempt | None = None
    while not stopping() and (attempt := delivery.next_after(attempt)):
        progress(delivery.counts)
        delivery.send(attempt)
    delivery.finish(attempt)
    return delivery.counts


def deliver_one(
    database: Database,
    sender: Sender,
    *,
    email_id: int,
    settings: Settings,
    now: Callable[[], dt.datetime],
) -> Outcome | None:
    """Send one mail at once, pause or not; None when it was not there to be sent."""
    delivery = _Delivery(database, sender, settings, now)
    attempt = delivery.claim(email_id=email_id)
    if attempt is None:
        return None
    delivery.send(attempt)
    delivery.finish(attempt)
    return attempt.outcome


class _Delivery:
    """A round of delivery: what has been claimed and read, and how far it has come."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        settings: Settings,
        now: Callable[[], dt.datetime],
    ) -> None:
        self.counts = Counts()
        self._database = database
        self._sender = sender
        self._settings = settings
        self._now = now
        self._waiting: deque[OutgoingEmail] = deque()
        """Claimed and not yet started."""
        self._drafts: dict[int, Draft] = {}
        self._changes = 0
        self._fresh_until = now()

    def next_after(self, previous: Attempt | None) -> Attempt | None:
        """Record what came of `previous` and start another mail; None where none is due."""
        if previous is None:
            return self.claim()
        with self._database.session(write=True) as session:
            situation = _situation(session)
            went_well = self._record(session, previous, situation)
            attempt = self._start(session) if went_well and self._is_fresh(situation) else None
        return attempt or self.claim()

    def claim(self, *, email_id: int | None = None) -> Attempt | None:
        """Claim mails, read them and start the first, or the one with `email_id`."""
        most = BATCH
        while self._reserve(most, email_id):
            try:
                with self._database.session(write=True) as session:
                    self._read(session)
                    attempt = self._start(session)
            except Exception as error:
                # A mail that cannot be read must not keep the others from being sent.
                logger.exception("%s mails cannot be read", len(self._waiting))
                if len(self._waiting) == 1:
                    return self._start_broken(error)
                most = 1
            else:
                if attempt:
                    return attempt
        return None

    def send(self, attempt: Attempt) -> None:
        """Put a mail into words and hand it over; note on the attempt what came of it."""
        try:
            attempt.letter = attempt.write()
        except Exception as error:
            # A mail that cannot be made must not keep the others from being sent.
            logger.exception("mail %s cannot be made", attempt.email.id)
            words = f"cannot be made: {type(error).__name__}: {error}"
            attempt.outcome = Outcome(Result.TEMPORARY, words)
        else:
            # Where this process was held up, the mail is free for others to take.
            if self._now() < attempt.lease_ends:
                attempt.outcome = self._hand_over(attempt.letter.email)

    def _hand_over(self, email: Email) -> Outcome:
        try:
            return self._sender.send(email)
        except Exception as error:
            # Senders tell themselves how far a mail came; of one that fails nobody knows.
            logger.exception("a mail cannot be handed over")
            return Outcome(Result.UNKNOWN, f"cannot be handed over: {type(error).__name__}")

    def finish(self, last: Attempt | None) -> None:
        """Record what came of the `last` mail, and let go of those that were not started."""
        if last or self._waiting:
            with self._database.session(write=True) as session:
                if last:
                    self._record(session, last, _situation(session))
                self._release(session)

    def _reserve(self, most: int, email_id: int | None) -> bool:
        with self._database.session(write=True) as session:
            self._release(session)
            if email_id is None and _situation(session).is_paused(self._now()):
                return False
            found = claims.claim(session, now=self._now(), most=most, email_id=email_id)
        self._waiting.extend(found)
        return bool(found)

    def _release(self, session: Session) -> None:
        claims.release(session, self._waiting)
        self._waiting.clear()

    def _read(self, session: Session) -> None:
        """Read what the claimed mails say; those with nothing to say are cancelled."""
        self._changes = _situation(session).changes
        emails, now = list(self._waiting), self._now()
        planned = _planned_lines(session, emails)
        self._drafts = letters.drafts(session, emails, settings=self._settings, now=now)
        for email in emails:
            if email.id not in self._drafts and claims.cancel(session, email, now=now):
                settle_lines(session, email.id, state="cancelled", reason="receiver", now=now)
        self.counts.cancelled += planned - _planned_lines(session, emails)
        self._fresh_until = self._now() + FRESH

    def _is_fresh(self, situation: _Situation) -> bool:
        """Return whether the claimed mails may be sent as they were read."""
        now = self._now()
        unchanged = situation.changes == self._changes
        return unchanged and now <= self._fresh_until and not situation.is_paused(now)

    def _start(self, session: Session) -> Attempt | None:
        while self._waiting:
            email = self._waiting.popleft()
            draft = self._drafts.get(email.id)
            attempt = draft and claims.start(session, email, draft.letter, now=self._now())
            if attempt:
                return attempt
        return None

    def _start_broken(self, error: Exception) -> Attempt | None:
        """Start the one mail that cannot even be read, so that it is put off."""

        def fail() -> Letter:
            raise error

        with self._database.session(write=True) as session:
            return claims.start(session, self._waiting.popleft(), fail, now=self._now())

    def _record(self, session: Session, attempt: Attempt, situation: _Situation) -> bool:
        """Write down what came of a mail; return whether the next may follow at once.

        Else the server may have to be left alone, or somebody stands in for a bad address.
        """
        keep = self._settings.smtp is None
        failing = situation.failing_since
        if not outcomes.record(session, attempt, keep=keep, failing_since=failing, now=self._now()):
            return False
        was_sent = attempt.outcome is not None and attempt.outcome.result is Result.ACCEPTED
        self.counts.sent += was_sent
        self.counts.failed += not was_sent
        self.counts.possibly_duplicate += was_sent and attempt.email.possibly_duplicate > 0
        return was_sent


class _Situation(NamedTuple):
    """What decides whether mails that have been read may leave."""

    paused_until: dt.datetime | None
    failing_since: dt.datetime | None
    changes: int
    """How many changes people and imports have made: each leaves an audit event."""

    def is_paused(self, now: dt.datetime) -> bool:
        """Return whether the mail server is left alone."""
        return self.paused_until is not None and now < self.paused_until


def _situation(session: Session) -> _Situation:
    return _Situation(*session.connection().execute(_SITUATION).one())


def _planned_lines(session: Session, emails: Sequence[OutgoingEmail]) -> int:
    ids = [email.id for email in emails]
    planned = select(func.count(Reminder.id)).where(
        Reminder.email_id.in_(ids), Reminder.state == "planned"
    )
    return session.scalars(planned).one()


# Written once: to put a statement together costs more than to run it.
_SITUATION: Final = select(
    Installation.mail_paused_until,
    Installation.mail_failing_since,
    select(AuditHead.last_id).scalar_subquery(),
)
