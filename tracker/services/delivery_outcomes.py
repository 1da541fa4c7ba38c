"""Writes down what came of an attempt to send a mail, and what follows from it."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from tracker.domain.reminder_facts import Audience
from tracker.domain.reminder_steps import StepKind
from tracker.mail.outcomes import Outcome, Result
from tracker.models import Actor, DeliveryAttempt, Installation, OutgoingEmail, Reminder, Task, User
from tracker.services import contacts, mail_trouble
from tracker.services.delivery_claims import Attempt, let_go, without_secret
from tracker.services.letters import Letter
from tracker.services.outbox import receiver_of
from tracker.services.return_paths import without_secrets

logger = logging.getLogger(__name__)

FIRST_WAIT: Final = dt.timedelta(minutes=1)
LONGEST_WAIT: Final = dt.timedelta(hours=6)
GIVEN_UP_AFTER: Final = dt.timedelta(days=5)
"""So long a mail is tried that fails for reasons of its own, as RFC 5321 (4.5.4.1) has it."""
FEWEST_TRIES: Final = 10
"""And at least so often: one that was put off twice in a week has not failed all along."""
LONGEST_PAUSE: Final = dt.timedelta(minutes=15)

_OUTCOMES: Final = {
    Result.ACCEPTED: "sent",
    Result.TEMPORARY: "temporary",
    Result.UNREACHABLE: "installation",
    Result.BAD_ADDRESS: "bad_address",
    Result.FULL: "full",
    Result.REFUSED: "refused",
    Result.INSTALLATION_FAULT: "installation",
    Result.UNKNOWN: "unknown",
}
_OWN: Final = (Result.TEMPORARY, Result.UNKNOWN, Result.REFUSED)
"""Failures of one mail, while others get through."""
_OWN_OUTCOMES: Final = tuple(_OUTCOMES[result] for result in _OWN)
_REASONS: Final = {Result.BAD_ADDRESS: contacts.BAD_ADDRESS, Result.FULL: contacts.FULL}
# After these the mail may have left although it was not recorded as sent.
_MAYBE_SENT: Final = ("unknown", "sent")

# Written once: to put a statement together costs more than to run it.
_END: Final = update(DeliveryAttempt).where(DeliveryAttempt.id == bindparam("attempt_id"))
_LINES: Final = update(Reminder).where(
    Reminder.email_id == bindparam("of_email"), Reminder.state == "planned"
)


def record(
    session: Session,
    attempt: Attempt,
    *,
    keep: bool,
    failing_since: dt.datetime | None,
    now: dt.datetime,
) -> bool:
    """Write down what came of `attempt`; False where another process has taken the mail over.

    `keep`: the copy in the outbox is the mail itself, as in the built-in mailbox. `failing_since`
    tells since when the mail server has refused us, if it has.
    """
    outcome = attempt.outcome
    if outcome is None:
        _end_attempt(session, attempt, "temporary", "held up past the lease", now=now)
        return False
    outcome = Outcome(outcome.result, without_secrets(outcome.answer, attempt.email))
    _end_attempt(session, attempt, _OUTCOMES[outcome.result], outcome.answer, now=now)
    _note_server(session, attempt, outcome, failing_since=failing_since, now=now)
    letter = attempt.letter
    gives_up = letter is not None and _gives_up(session, attempt, letter, outcome.result, now)
    is_failed = gives_up or outcome.result is Result.BAD_ADDRESS
    if outcome.result is Result.ACCEPTED and letter is not None:
        return _accepted(session, attempt, letter, outcome.answer, keep=keep, now=now)
    values: dict[str, Any] = {"last_error": outcome.answer, **_addressed(letter)}
    if is_failed:
        values |= {"state": "failed", "finished_at": now, **without_secret(attempt.email)}
    elif outcome.result is Result.UNREACHABLE:
        # Nothing was wrong with this mail: the pause alone says when it is tried again.
        values |= {"attempts": attempt.email.attempts}
    else:
        values |= {"next_attempt_at": now + _wait(attempt.email.attempts + 1)}
    held = _let_go(session, attempt, values)
    if held and is_failed:
        sent_to = letter.sent_to if letter else None
        reason = _REASONS.get(outcome.result, contacts.GIVEN_UP)
        undeliverable(session, attempt.email, sent_to, outcome.answer, reason=reason, now=now)
    return held


def settle_lines(
    session: Session, email_id: int, *, state: str, reason: str | None, now: dt.datetime
) -> None:
    """Settle all lines of a mail that still wait."""
    values = {"of_email": email_id, "state": state, "reason": reason, "settled_at": now}
    session.connection().execute(_LINES, values)


def _accepted(
    session: Session,
    attempt: Attempt,
    letter: Letter,
    answer: str,
    *,
    keep: bool,
    now: dt.datetime,
) -> bool:
    """Record a mail that is on its way."""
    email = attempt.email
    words = letter.email if keep else letter.copy()
    email.possibly_duplicate = _possibly_sent_before(session, attempt)
    held = _let_go(
        session,
        attempt,
        {
            "state": "sent",
            "finished_at": now,
            "server_answer": answer,
            "last_error": None,
            "possibly_duplicate": email.possibly_duplicate,
            "text_body": words.text,
            "html_body": words.html,
            **_addressed(letter),
            **without_secret(email),
        },
    )
    if held:
        _told(session, email.id, letter.reminder_ids, now=now)
        if letter.had_failed:
            _address_works(session, letter.sent_to or email.addressee)
    return held


def _told(session: Session, email_id: int, told: Sequence[int], *, now: dt.datetime) -> None:
    """Settle the lines of a mail that has left.

    One that somebody made needless while the mail was on its way was told all the same; were it
    not recorded, it would be sent again when it is due again.
    """
    sent = {"of_email": email_id, "state": "sent", "reason": None, "settled_at": now}
    waiting = session.connection().execute(_LINES, sent).rowcount
    if waiting < len(told):
        session.execute(
            update(Reminder)
            .where(Reminder.email_id == email_id, Reminder.id.in_(told))
            .values(state="sent", reason=None, settled_at=now)
        )


def attempts_of(email: OutgoingEmail) -> ColumnElement[bool]:
    """Return the condition on the attempts that count: those since a person asked for another."""
    attempts = DeliveryAttempt.email_id == email.id
    if email.requeued_at is None:
        return attempts
    return attempts & (DeliveryAttempt.started_at >= email.requeued_at)


def _possibly_sent_before(session: Session, attempt: Attempt) -> int:
    if not attempt.email.attempts:
        return 0
    return session.scalars(
        select(func.count(DeliveryAttempt.id)).where(
            attempts_of(attempt.email),
            DeliveryAttempt.id != attempt.id,
            or_(DeliveryAttempt.outcome.is_(None), DeliveryAttempt.outcome.in_(_MAYBE_SENT)),
        )
    ).one()


def _gives_up(
    session: Session, attempt: Attempt, letter: Letter, result: Result, now: dt.datetime
) -> bool:
    if result is Result.FULL:
        return mail_trouble.has_been_full_for_long(
            session, attempt.email, address=letter.email.to.address, attempt_id=attempt.id
        )
    return result in _OWN and _is_hopeless(session, attempt, now)


def _is_hopeless(session: Session, attempt: Attempt, now: dt.datetime) -> bool:
    """Return whether the mail has failed for too long for reasons of its own.

    Where nothing else has got through meanwhile the reasons are not its own.
    """
    first, tries = session.execute(
        select(func.min(DeliveryAttempt.started_at), func.count(DeliveryAttempt.id)).where(
            attempts_of(attempt.email),
            DeliveryAttempt.outcome.in_(_OWN_OUTCOMES),
        )
    ).one()
    if tries < FEWEST_TRIES or now - first < GIVEN_UP_AFTER:
        return False
    others = select(OutgoingEmail.id).where(
        OutgoingEmail.state == "sent", OutgoingEmail.finished_at >= first
    )
    return session.scalar(others.limit(1)) is not None


def _end_attempt(
    session: Session, attempt: Attempt, outcome: str, answer: str, *, now: dt.datetime
) -> None:
    session.connection().execute(
        _END,
        {"attempt_id": attempt.id, "finished_at": now, "outcome": outcome, "answer": answer},
    )


def _let_go(session: Session, attempt: Attempt, values: dict[str, Any]) -> bool:
    is_held = let_go(session, attempt.email, values)
    if not is_held:
        logger.warning("mail %s was taken over by another process", attempt.email.id)
    return is_held


def _addressed(letter: Letter | None) -> dict[str, str | None]:
    if letter is None:
        return {}
    email = letter.email
    return {
        "sent_to": letter.sent_to,
        "to_address": email.to.address,
        "locale": email.locale,
        "subject": email.subject,
    }


def undeliverable(
    session: Session,
    email: OutgoingEmail,
    sent_to: str | None,
    answer: str,
    *,
    reason: str = contacts.BAD_ADDRESS,
    now: dt.datetime,
) -> None:
    """Note an address that takes no mail, and say which tasks need a new contact.

    `sent_to` is the substitute whom it went to, if any: then the tasks have a contact still, who is
    away. `answer` are the mail server's words.
    """
    failed = {"email_failed_at": now, "email_failure": answer}
    receiver = receiver_of(sent_to or email.addressee)
    if receiver["user_id"] is not None:
        session.execute(update(User).where(User.id == receiver["user_id"]).values(failed))
    if receiver["actor_id"] is not None:
        session.execute(update(Actor).where(Actor.id == receiver["actor_id"]).values(failed))
    # The secretariat and whoever gets a copy are nobody's only contact.
    lines = select(Reminder.task_id).where(
        Reminder.email_id == email.id,
        Reminder.state == "planned",
        Reminder.audience.in_([Audience.RESPONSIBLE, Audience.LEADS, Audience.MAILBOX]),
        Reminder.step != StepKind.ESCALATE_LEAD,
    )
    if sent_to is None:
        session.execute(
            update(Task)
            .where(Task.id.in_(lines), Task.needs_contact_since.is_(None))
            .values(needs_contact_since=now)
        )
    # A cancelled step may be planned anew, then for whoever stands in.
    settle_lines(session, email.id, state="cancelled", reason=reason, now=now)


def _address_works(session: Session, addressee: str) -> None:
    """Forget an earlier failure: the address has taken a mail."""
    session.execute(
        update(User)
        .where(User.id == receiver_of(addressee)["user_id"])
        .values(email_failed_at=None, email_failure=None)
    )
    contacts.works(session, addressee=addressee)


def _note_server(
    session: Session,
    attempt: Attempt,
    outcome: Outcome,
    *,
    failing_since: dt.datetime | None,
    now: dt.datetime,
) -> None:
    """Note whether mail gets through at all; while the server refuses us, sending pauses.

    Each pause is as long as that has lasted.
    """
    since = failing_since or now
    if outcome.result is Result.ACCEPTED:
        if failing_since is not None:
            _set_installation(session, None, until=None, reason=None)
    elif _is_installations(session, attempt, outcome.result):
        pause = min(max(now - since, FIRST_WAIT), LONGEST_PAUSE)
        _set_installation(session, since, until=now + pause, reason=outcome.answer)
    elif (
        failing_since is None
        and outcome.result in _OWN
        and mail_trouble.is_everybodys(session, attempt.email, outcomes=_OWN_OUTCOMES)
    ):
        _set_installation(session, since, until=None, reason=None)


def _is_installations(session: Session, attempt: Attempt, result: Result) -> bool:
    if result is Result.REFUSED:
        refused = [_OUTCOMES[result]]
        return mail_trouble.is_everybodys(session, attempt.email, outcomes=refused)
    return result in {Result.UNREACHABLE, Result.INSTALLATION_FAULT}


def _set_installation(
    session: Session, since: dt.datetime | None, *, until: dt.datetime | None, reason: str | None
) -> None:
    session.execute(
        update(Installation).values(
            mail_failing_since=since, mail_paused_until=until, mail_paused_reason=reason
        )
    )


def _wait(attempts: int) -> dt.timedelta:
    """Return how long a mail waits after its `attempts`-th try: 1 minute growing to 6 hours."""
    return min(FIRST_WAIT * (1 << min(attempts - 1, 10)), LONGEST_WAIT)
