"""Sends what lies in the outbox: one mail at a time, and each step of it committed.

A mail is claimed with a lease, checked and rendered as things are now, handed to the sender
outside any transaction, and recorded. A process that dies leaves a lease that runs out and an
attempt without outcome; whoever claims the mail next knows from it that the mail may be on its way
already.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session

from config import Settings
from tracker.db import Database
from tracker.mail.outcomes import Outcome, Result
from tracker.mail.senders import Sender
from tracker.models import (
    Actor,
    DeliveryAttempt,
    Installation,
    OutgoingEmail,
    Reminder,
    Task,
    User,
)
from tracker.services import letters
from tracker.services.letters import Letter

logger = logging.getLogger(__name__)

# Longer than the slowest conversation: about ten answers of half a minute.
LEASE: Final = dt.timedelta(minutes=10)
FIRST_WAIT: Final = dt.timedelta(minutes=1)
LONGEST_WAIT: Final = dt.timedelta(hours=6)
LONGEST_PAUSE: Final = dt.timedelta(minutes=15)

_OUTCOMES: Final = {
    Result.ACCEPTED: "sent",
    Result.TEMPORARY: "temporary",
    Result.UNREACHABLE: "installation",
    Result.BAD_ADDRESS: "bad_address",
    Result.INSTALLATION_FAULT: "installation",
    Result.UNKNOWN: "unknown",
}
# After these the mail may have left although it was not recorded as sent.
_MAYBE_SENT: Final = ("unknown", "sent")


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


@dataclass(frozen=True)
class _Claim:
    email_id: int
    attempt_id: int
    token: str


def deliver_due(
    database: Database,
    sender: Sender,
    *,
    settings: Settings,
    now: Callable[[], dt.datetime],
    stopping: Callable[[], bool] = lambda: False,
) -> Counts:
    """Send everything that is due, until nothing is, the mail pauses or `stopping` says so.

    `now` gives the time that governs leases, retries and what still holds (aware UTC).
    """
    counts = Counts()
    with database.session(write=False) as session:
        # Most rounds find nothing, and then need not wait for whoever writes on SQLite.
        idle = session.scalar(_due(now()).with_only_columns(OutgoingEmail.id).limit(1)) is None
    while not (idle or stopping()):
        with database.session(write=True) as session:
            claim = None if _is_paused(session, now()) else _claim(session, now=now())
        if claim is None:
            break
        _deliver(database, sender, claim, settings=settings, now=now, counts=counts)
    return counts


def deliver_one(
    database: Database,
    sender: Sender,
    *,
    email_id: int,
    settings: Settings,
    now: Callable[[], dt.datetime],
) -> Outcome | None:
    """Send one mail at once, pause or not; None when it was not there to be sent."""
    with database.session(write=True) as session:
        claim = _claim(session, now=now(), email_id=email_id)
    if claim is None:
        return None
    return _deliver(database, sender, claim, settings=settings, now=now, counts=Counts())


def _is_paused(session: Session, now: dt.datetime) -> bool:
    until = session.scalar(select(Installation.mail_paused_until))
    return until is not None and now < until


def _due(now: dt.datetime) -> Select[OutgoingEmail]:
    return select(OutgoingEmail).where(
        OutgoingEmail.state == "queued",
        OutgoingEmail.next_attempt_at <= now,
        or_(OutgoingEmail.leased_until.is_(None), OutgoingEmail.leased_until <= now),
    )


def _claim(session: Session, *, now: dt.datetime, email_id: int | None = None) -> _Claim | None:
    """Take the mail that has waited longest, or `email_id`, unless somebody else holds it."""
    due = _due(now)
    if email_id is not None:
        due = due.where(OutgoingEmail.id == email_id)
    # SQLite has no row locks and needs none: the writing transaction began with BEGIN IMMEDIATE.
    email = session.scalar(
        due.order_by(OutgoingEmail.next_attempt_at, OutgoingEmail.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if email is None:
        return None
    attempt = DeliveryAttempt(email_id=email.id, started_at=now)
    session.add(attempt)
    email.lease_token = secrets.token_hex(16)
    email.leased_until = now + LEASE
    email.attempts += 1
    session.flush()
    return _Claim(email.id, attempt.id, email.lease_token)


def _deliver(
    database: Database,
    sender: Sender,
    claim: _Claim,
    *,
    settings: Settings,
    now: Callable[[], dt.datetime],
    counts: Counts,
) -> Outcome | None:
    letter: Letter | None = None
    try:
        with database.session(write=True) as session:
            email = _held(session, claim, now=now())
            if email is None:
                return None
            planned = _planned_lines(session, email)
            letter = letters.compose(session, email, settings=settings, now=now())
            if letter is None:
                _cancel(session, claim, email, now=now())
            counts.cancelled += planned - _planned_lines(session, email)
            if letter is None:
                return None
            lease_ends = email.leased_until
    except Exception as error:
        # A mail that cannot be made must not keep the others from being sent.
        logger.exception("mail %s cannot be made", claim.email_id)
        letter = None
        outcome = Outcome(Result.TEMPORARY, f"cannot be made: {type(error).__name__}: {error}")
    else:
        if lease_ends is None or lease_ends <= now():
            # This process was held up, and the mail is free for others to take.
            with database.session(write=True) as session:
                _end_attempt(session, claim, "temporary", "held up past the lease", now=now())
            return None
        outcome = sender.send(letter.email)
    with database.session(write=True) as session:
        _record(session, claim, letter, outcome, settings=settings, now=now(), counts=counts)
    return outcome


def _held(session: Session, claim: _Claim, *, now: dt.datetime) -> OutgoingEmail | None:
    """Return the claimed mail if the lease on it still holds."""
    return session.scalar(
        select(OutgoingEmail)
        .where(
            OutgoingEmail.id == claim.email_id,
            OutgoingEmail.lease_token == claim.token,
            OutgoingEmail.leased_until > now,
        )
        .with_for_update()
    )


def _record(
    session: Session,
    claim: _Claim,
    letter: Letter | None,
    outcome: Outcome,
    *,
    settings: Settings,
    now: dt.datetime,
    counts: Counts,
) -> None:
    """Write down what came of an attempt; `letter` is None where none could be made."""
    _end_attempt(session, claim, _OUTCOMES[outcome.result], outcome.answer, now=now)
    _note_server(session, outcome, now=now)
    email = session.scalar(
        select(OutgoingEmail)
        .where(OutgoingEmail.id == claim.email_id, OutgoingEmail.lease_token == claim.token)
        .with_for_update()
    )
    if email is None:
        logger.warning("mail %s was taken over by another process", claim.email_id)
        return
    email.lease_token = email.leased_until = None
    if letter is not None:
        email.to_address = letter.email.to.address
        email.locale = letter.email.locale
        email.subject = letter.email.subject
    if outcome.result is Result.ACCEPTED and letter is not None:
        _accepted(session, claim, email, letter, outcome, keep=settings.smtp is None, now=now)
        counts.sent += 1
        counts.possibly_duplicate += email.possibly_duplicate > 0
        return
    counts.failed += 1
    email.last_error = outcome.answer
    if outcome.result is Result.BAD_ADDRESS:
        _undeliverable(session, email, outcome.answer, now=now)
    elif outcome.result is Result.UNREACHABLE:
        # Nothing was wrong with this mail: the pause alone says when it is tried again.
        email.attempts -= 1
    else:
        email.next_attempt_at = now + _wait(email.attempts)


def _accepted(
    session: Session,
    claim: _Claim,
    email: OutgoingEmail,
    letter: Letter,
    outcome: Outcome,
    *,
    keep: bool,
    now: dt.datetime,
) -> None:
    """Record a mail that is on its way. In the built-in mailbox the copy is the mail itself."""
    words = letter.email if keep else letter.copy()
    _end(email, "sent", now=now)
    email.server_answer = outcome.answer
    email.last_error = None
    email.text_body, email.html_body = words.text, words.html
    email.possibly_duplicate = session.scalars(
        select(func.count(DeliveryAttempt.id)).where(
            DeliveryAttempt.email_id == email.id,
            DeliveryAttempt.id != claim.attempt_id,
            or_(DeliveryAttempt.outcome.is_(None), DeliveryAttempt.outcome.in_(_MAYBE_SENT)),
        )
    ).one()
    _settle_lines(session, email, state="sent", reason=None, now=now)
    if email.user_id is not None:
        _address_works(session, email.user_id)


def _undeliverable(
    session: Session, email: OutgoingEmail, answer: str, *, now: dt.datetime
) -> None:
    """Give up a mail whose address does not exist, and say who needs a new contact."""
    _end(email, "failed", now=now)
    if email.user_id is not None:
        session.execute(
            update(User)
            .where(User.id == email.user_id)
            .values(email_failed_at=now, email_failure=answer)
        )
    if email.actor_id is not None:
        session.execute(update(Actor).where(Actor.id == email.actor_id).values(email_failed_at=now))
    lines = select(Reminder.task_id).where(
        Reminder.email_id == email.id, Reminder.state == "planned"
    )
    session.execute(
        update(Task)
        .where(Task.id.in_(lines), Task.needs_contact_since.is_(None))
        .values(needs_contact_since=now)
    )
    # A cancelled step may be planned anew, then for whoever stands in.
    _settle_lines(session, email, state="cancelled", reason="bad_address", now=now)


def _address_works(session: Session, user_id: int) -> None:
    """Forget an earlier failure: the address has taken a mail."""
    session.execute(
        update(User)
        .where(User.id == user_id, User.email_failed_at.is_not(None))
        .values(email_failed_at=None, email_failure=None)
    )


def _cancel(session: Session, claim: _Claim, email: OutgoingEmail, *, now: dt.datetime) -> None:
    """Give up a mail that has nothing left to say or nobody to say it to; none goes out empty."""
    _end(email, "cancelled", now=now)
    email.lease_token = email.leased_until = None
    _settle_lines(session, email, state="cancelled", reason="receiver", now=now)
    _end_attempt(session, claim, "cancelled", None, now=now)


def _end(email: OutgoingEmail, state: str, *, now: dt.datetime) -> None:
    email.state = state
    email.finished_at = now
    if email.kind == "sign_in":
        email.payload = None  # It held the link's secret.


def _planned_lines(session: Session, email: OutgoingEmail) -> int:
    return session.scalars(
        select(func.count(Reminder.id)).where(
            Reminder.email_id == email.id, Reminder.state == "planned"
        )
    ).one()


def _end_attempt(
    session: Session, claim: _Claim, outcome: str, answer: str | None, *, now: dt.datetime
) -> None:
    attempt = session.get_one(DeliveryAttempt, claim.attempt_id)
    attempt.finished_at = now
    attempt.outcome = outcome
    attempt.answer = answer


def _settle_lines(
    session: Session, email: OutgoingEmail, *, state: str, reason: str | None, now: dt.datetime
) -> None:
    session.execute(
        update(Reminder)
        .where(Reminder.email_id == email.id, Reminder.state == "planned")
        .values(state=state, reason=reason, settled_at=now)
    )


def _note_server(session: Session, outcome: Outcome, *, now: dt.datetime) -> None:
    """Pause all sending while the server refuses us, each time for as long as it has lasted."""
    if outcome.result is Result.ACCEPTED:
        session.execute(
            update(Installation)
            .where(Installation.mail_failing_since.is_not(None))
            .values(mail_failing_since=None, mail_paused_until=None, mail_paused_reason=None)
        )
    elif outcome.result in {Result.UNREACHABLE, Result.INSTALLATION_FAULT}:
        since = session.scalars(select(Installation.mail_failing_since)).one() or now
        pause = min(max(now - since, FIRST_WAIT), LONGEST_PAUSE)
        session.execute(
            update(Installation).values(
                mail_failing_since=since,
                mail_paused_until=now + pause,
                mail_paused_reason=outcome.answer,
            )
        )


def _wait(attempts: int) -> dt.timedelta:
    """Return how long a mail waits after its `attempts`-th try: 1 minute growing to 6 hours."""
    return min(FIRST_WAIT * (1 << min(attempts - 1, 10)), LONGEST_WAIT)
