"""Addresses that take no mail, mails that wait to be tried again, and trying again by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from tracker.domain.errors import ForbiddenError, NotFoundError
from tracker.domain.roles import Person, Role
from tracker.models import Actor, Installation, Membership, OutgoingEmail, Reminder, Task, User
from tracker.models.tasks import OPEN
from tracker.services import audit, outbox
from tracker.services.tasks import LARGEST_ID, id_in, visible_to

SHOWN: Final = 100
LATELY: Final = dt.timedelta(days=14)
BOUNCED: Final = "bounced"
"""Why the lines of a mail are planned again that came back for another reason than its address."""
BAD_ADDRESS: Final = "bad_address"
"""Why those of a mail are that a server refused for good, because of its address."""
GIVEN_UP: Final = "given_up"
"""Why those of a mail are that was tried in vain for days."""
FULL: Final = "full"
"""Why those of a mail are that found the mailbox full, as others had for two weeks."""
_UNDELIVERED: Final = (BAD_ADDRESS, GIVEN_UP, FULL)


@dataclass(frozen=True, slots=True)
class Failing:
    """Somebody whose address takes no mail."""

    addressee: str
    name: str
    address: str
    since: dt.datetime
    answer: str
    """The mail server's words."""
    open_tasks: int


@dataclass(frozen=True, slots=True)
class Returned:
    """A mail that came back for another reason than its address."""

    name: str
    address: str
    at: dt.datetime | None
    answer: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that failed for now."""

    id: int
    name: str
    address: str
    attempts: int
    next_attempt_at: dt.datetime
    answer: str


def failing(session: Session, *, by: Person) -> list[Failing]:
    """Return who needs a new contact, the longest first, a page full at most."""
    _require_staff(by)
    people = session.execute(
        select(User.id, User.name, User.email, User.email_failed_at, User.email_failure, _count(by))
        .where(User.email_failed_at.is_not(None), User.active)
        .order_by(User.email_failed_at, User.id)
        .limit(SHOWN)
    )
    owned = _of(by).where(Task.owner_id == Actor.id).scalar_subquery()
    mailboxes = session.execute(
        select(Actor.id, Actor.name, Actor.email, Actor.email_failed_at, Actor.email_failure, owned)
        .where(Actor.email_failed_at.is_not(None), Actor.email.is_not(None))
        .order_by(Actor.email_failed_at, Actor.id)
        .limit(SHOWN)
    )
    found = [_failing(outbox.to_user(row[0]), row) for row in people]
    found += [_failing(outbox.to_actor(row[0]), row) for row in mailboxes]
    return sorted(found, key=lambda one: one.since)[:SHOWN]


def waiting(session: Session, *, by: Person) -> list[Waiting]:
    """Return the mails that failed for now, the next to be tried first, a page full at most."""
    _require_staff(by)
    rows = session.execute(
        select(
            OutgoingEmail.id,
            func.coalesce(User.name, Actor.name, ""),
            func.coalesce(OutgoingEmail.to_address, User.email, Actor.email, ""),
            OutgoingEmail.attempts,
            OutgoingEmail.next_attempt_at,
            func.coalesce(OutgoingEmail.last_error, ""),
        )
        .outerjoin(User, User.id == OutgoingEmail.user_id)
        .outerjoin(Actor, Actor.id == OutgoingEmail.actor_id)
        .where(OutgoingEmail.state == "queued", OutgoingEmail.last_error.is_not(None))
        .order_by(OutgoingEmail.next_attempt_at, OutgoingEmail.id)
        .limit(SHOWN)
    )
    return [Waiting(*row) for row in rows]


def returned(session: Session, *, by: Person, now: dt.datetime) -> list[Returned]:
    """Return the mails that came back lately, the last first, a page full at most."""
    _require_staff(by)
    rows = session.execute(
        select(
            func.coalesce(User.name, Actor.name, ""),
            func.coalesce(OutgoingEmail.to_address, ""),
            OutgoingEmail.finished_at,
            func.coalesce(OutgoingEmail.last_error, ""),
        )
        .outerjoin(User, User.id == OutgoingEmail.user_id)
        .outerjoin(Actor, Actor.id == OutgoingEmail.actor_id)
        .where(OutgoingEmail.state == "failed", OutgoingEmail.finished_at >= now - LATELY)
        .where(exists().where(Reminder.email_id == OutgoingEmail.id, Reminder.reason == BOUNCED))
        .order_by(OutgoingEmail.id.desc())
        .limit(SHOWN)
    )
    return [Returned(*row) for row in rows]


def try_now(session: Session, *, by: Person, email_id: int, now: dt.datetime) -> None:
    """Let a mail that waits be tried at once, even while the mail server is left alone.

    Raises NotFoundError where it does not wait.
    """
    _require_staff(by)
    email = session.get(OutgoingEmail, min(email_id, LARGEST_ID))
    if email is None or email.state != "queued":
        raise NotFoundError("mail_not_waiting")
    email.next_attempt_at = now
    session.execute(update(Installation).values(mail_paused_until=None))
    _record(session, by, "outgoing_email", email.id)


def try_again(session: Session, *, by: Person, addressee: str, now: dt.datetime) -> bool:
    """Take an address for working, and send its last undelivered digest once more.

    Return whether there is such a digest; else the next reminder tries the address. Raises
    NotFoundError where the address is not known to fail.
    """
    _require_staff(by)
    owner = _owner(session, addressee)
    if owner is None or owner.email_failed_at is None:
        raise NotFoundError("address_not_failing")
    owner.email_failed_at = owner.email_failure = None
    works(session, addressee=addressee)
    entity = "user" if isinstance(owner, User) else "actor"
    _record(session, by, entity, owner.id)
    last = session.scalar(
        select(OutgoingEmail)
        .where(OutgoingEmail.kind == "digest", OutgoingEmail.state == "failed")
        .where(
            or_(
                (OutgoingEmail.addressee == addressee) & OutgoingEmail.sent_to.is_(None),
                OutgoingEmail.sent_to == addressee,
            )
        )
        .order_by(OutgoingEmail.id.desc())
        .limit(1)
    )
    if last is None:
        return False
    # Sending looks at each line again, so what no longer holds is left out.
    session.execute(
        update(Reminder)
        .where(Reminder.email_id == last.id, Reminder.state == "cancelled")
        .where(Reminder.reason.in_(_UNDELIVERED))
        .values(state="planned", reason=None, settled_at=None)
    )
    last.state, last.finished_at, last.next_attempt_at = "queued", None, now
    last.requeued_at, last.server_answer, last.last_error = now, None, None
    return True


def _owner(session: Session, addressee: str) -> User | Actor | None:
    prefix, _, number = addressee.partition(":")
    match prefix:
        case "user":
            return session.get(User, id_in(number))
        case "actor":
            return session.get(Actor, id_in(number))
    return None


def works(session: Session, *, addressee: str) -> None:
    """Note that an address takes mail again: its tasks need no new contact."""
    receiver = outbox.receiver_of(addressee)
    user_id = receiver["user_id"]
    if user_id is not None:
        led = select(Membership.actor_id).where(
            Membership.user_id == user_id, Membership.role == Role.LEAD
        )
        stands_in = and_(Task.responsible_id.is_(None), Task.owner_id.in_(led))
        tasks = or_(Task.responsible_id == user_id, stands_in)
    else:
        tasks = and_(Task.responsible_id.is_(None), Task.owner_id == receiver["actor_id"])
    session.execute(
        update(Task)
        .where(tasks, Task.needs_contact_since.is_not(None))
        .values(needs_contact_since=None)
    )


def _of(by: Person) -> Select[Any]:
    return visible_to(by).with_only_columns(func.count(Task.id)).where(OPEN)


def _count(by: Person) -> Any:
    return _of(by).where(Task.responsible_id == User.id).scalar_subquery()


def _failing(addressee: str, row: Sequence[Any]) -> Failing:
    _, name, address, since, answer, open_tasks = row
    return Failing(addressee, name, address, since, answer or "", open_tasks)


def _require_staff(by: Person) -> None:
    if not (by.is_coordinator or by.is_admin):
        raise ForbiddenError("not_for_your_role")


def _record(session: Session, by: Person, entity: str, entity_id: int) -> None:
    audit.record(session, by=by, action="mail.retried", entity=entity, entity_id=entity_id)
