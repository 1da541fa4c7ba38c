"""Links in mails that let the receiver answer for one task without signing in.

A repeated sending has the same link, and the database holds no secret.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tracker.models import AnswerLink, OutgoingEmail
from tracker.services import signed

_PURPOSE: Final = "answer-link"


class Link(NamedTuple):
    """What the address of a link is made of."""

    id: int
    nonce: str | None


def issue(
    session: Session,
    *,
    wanted: Iterable[tuple[OutgoingEmail, Collection[int]]],
    instead: Mapping[int, int] | None = None,
    now: dt.datetime,
) -> dict[tuple[int, int], Link]:
    """Return the links by mail and task, making those that there are not yet.

    `wanted` names the mails, each with the ids of its tasks; `instead` by mail the person to whom
    it goes in place of its addressee. A link answers in the name of whom it was made for, always:
    it may have reached them, even where the mail is tried again and goes to somebody else.
    """
    to = instead or {}
    connection = session.connection()
    tasks_of = {email.id: (email, task_ids) for email, task_ids in wanted}
    existing = connection.execute(
        select(
            AnswerLink.email_id,
            AnswerLink.task_id,
            AnswerLink.id,
            AnswerLink.user_id,
            AnswerLink.nonce,
        ).where(AnswerLink.email_id.in_(tasks_of))
    ).all()
    found = {
        (row.email_id, row.task_id): Link(row.id, row.nonce)
        for row in existing
        if row.user_id == to.get(row.email_id, tasks_of[row.email_id][0].user_id)
    }
    missing = [
        {
            "email_id": email.id,
            "task_id": task_id,
            "user_id": to.get(email.id, email.user_id),
            "actor_id": email.actor_id,
            "nonce": signed.new_nonce(),
            "created_at": now,
            "expires_at": now + signed.LIFETIME,
        }
        for email, task_ids in tasks_of.values()
        for task_id in task_ids
        if (email.id, task_id) not in found
    ]
    if missing:
        made = insert(AnswerLink).returning(
            AnswerLink.email_id, AnswerLink.task_id, AnswerLink.id, AnswerLink.nonce
        )
        for email_id, task_id, link_id, nonce in connection.execute(made, missing):
            found[email_id, task_id] = Link(link_id, nonce)
    return found


def address(link: Link | AnswerLink, *, base_url: str, secret_key: str) -> str:
    """Return the address that stands in the mail."""
    return f"{base_url}/answer/{signed.token(link, purpose=_PURPOSE, secret_key=secret_key)}"


def read(session: Session, *, token: str, secret_key: str) -> AnswerLink | None:
    """Return the link that `token` from an address names, whether or not it still works."""
    return signed.read(session, AnswerLink, token, purpose=_PURPOSE, secret_key=secret_key)
