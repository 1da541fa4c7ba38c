"""The outbox: where every mail is put, in the transaction of what it tells about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, cast, func, insert, update
from sqlalchemy.orm import Session

from tracker.mail.message import Mailbox, new_message_id
from tracker.models import OutgoingEmail, User

# Somebody sits and waits for these, so they go ahead of a morning's digests.
HEAD_START: Final = dt.timedelta(days=1)


def to_user(user_id: int) -> str:
    """Return the addressee that stands for a person."""
    return f"user:{user_id}"


def to_actor(actor_id: int) -> str:
    """Return the addressee that stands for an actor's shared mailbox."""
    return f"actor:{actor_id}"


def person_in(addressee: Any) -> ColumnElement[int]:
    """Return the id in a column that holds `user:<id>` or null."""
    return cast(func.substr(addressee, 6), Integer)


def to_address(address: str) -> str:
    """Return the addressee that stands for an e-mail address of nobody known."""
    return f"address:{address}"


def queue_email(
    session: Session,
    *,
    kind: str,
    addressee: str,
    mail_from: str,
    now: dt.datetime,
    payload: dict[str, Any] | None = None,
    local_date: dt.date | None = None,
    run_id: int | None = None,
) -> OutgoingEmail:
    """Put a mail of `kind` into the outbox and return its row.

    `addressee` comes from `to_user`, `to_actor` or `to_address`; `mail_from` is the setting, whose
    domain the Message-ID lies in. `payload` holds what the kind's letter needs beyond the
    database (`tracker.services.letters`). A digest has a `local_date` and usually a `run_id`.
    """
    email = OutgoingEmail(
        kind=kind,
        addressee=addressee,
        **receiver_of(addressee),
        local_date=local_date,
        run_id=run_id,
        message_id=new_message_id(Mailbox.parse(mail_from)),
        payload=payload,
        created_at=now,
        next_attempt_at=now if local_date else now - HEAD_START,
    )
    session.add(email)
    session.flush()
    return email


def queue_digests(
    session: Session,
    *,
    addressees: Iterable[str],
    mail_from: str,
    now: dt.datetime,
    local_date: dt.date,
    run_id: int,
) -> dict[str, int]:
    """Put a digest for each of `addressees` into the outbox; return the ids by addressee."""
    sender = Mailbox.parse(mail_from)
    rows = [
        {
            "kind": "digest",
            "addressee": addressee,
            **receiver_of(addressee),
            "local_date": local_date,
            "run_id": run_id,
            "message_id": new_message_id(sender),
            "created_at": now,
            "next_attempt_at": now,
        }
        for addressee in addressees
    ]
    if not rows:
        return {}
    queued = insert(OutgoingEmail).returning(OutgoingEmail.addressee, OutgoingEmail.id)
    return {row.addressee: row.id for row in session.execute(queued, rows)}


def receiver_of(addressee: str) -> dict[str, int | None]:
    """Return the columns that name the person or actor behind an addressee."""
    prefix, _, number = addressee.partition(":")
    return {
        "user_id": int(number) if prefix == "user" else None,
        "actor_id": int(number) if prefix == "actor" else None,
    }


def queue_sign_in(
    session: Session,
    *,
    user_id: int,
    url: str,
    expires_at: dt.datetime,
    mail_from: str,
    now: dt.datetime,
) -> OutgoingEmail:
    """Send the one-time link `url`, which works until `expires_at`."""
    payload = {"url": url, "expires_at": expires_at.isoformat()}
    return queue_email(
        session,
        kind="sign_in",
        addressee=to_user(user_id),
        mail_from=mail_from,
        now=now,
        payload=payload,
    )


def queue_invitation(
    session: Session,
    *,
    user_id: int,
    url: str,
    expires_at: dt.datetime,
    inviter: str,
    mail_from: str,
    now: dt.datetime,
) -> OutgoingEmail:
    """Invite a person in the name of `inviter`, with the link `url` that works until then."""
    payload = {"url": url, "expires_at": expires_at.isoformat(), "inviter": inviter}
    return queue_email(
        session,
        kind="invitation",
        addressee=to_user(user_id),
        mail_from=mail_from,
        now=now,
        payload=payload,
    )


def queue_password_set(
    session: Session, *, user_id: int, mail_from: str, now: dt.datetime
) -> OutgoingEmail:
    """Tell a person that they have a new password."""
    return queue_email(
        session, kind="password_set", addressee=to_user(user_id), mail_from=mail_from, now=now
    )


def queue_address_changed(
    session: Session, *, user: User, old_address: str, mail_from: str, now: dt.datetime
) -> None:
    """Tell a person at the new address and at the old one that it was changed."""
    for addressee in (to_user(user.id), to_address(old_address)):
        queue_email(
            session,
            kind="address_changed",
            addressee=addressee,
            mail_from=mail_from,
            now=now,
            # At the old address nobody is known.
            payload={"name": user.name, "locale": user.locale},
        )


def withdraw(session: Session, *, email_id: int, now: dt.datetime) -> None:
    """Take a mail out of the outbox that is still waiting there."""
    session.execute(
        update(OutgoingEmail)
        .where(OutgoingEmail.id == email_id, OutgoingEmail.state == "queued")
        .values(state="cancelled", finished_at=now, payload=None)
    )
