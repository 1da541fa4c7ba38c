"""Links in mails that let the receiver answer for one task without signing in.

The address holds the signed id of a row, so that a repeated sending has the same link and the
database holds no secret.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tracker.models import AnswerLink, OutgoingEmail

LIFETIME: Final = dt.timedelta(days=60)


def issue(
    session: Session,
    *,
    wanted: Iterable[tuple[OutgoingEmail, Collection[int]]],
    instead: Mapping[int, int] | None = None,
    now: dt.datetime,
) -> dict[tuple[int, int], int]:
    """Return the ids of links by mail and task, making those that there are not yet.

    `wanted` names the mails, each with the ids of its tasks; `instead` by mail the person to whom
    it goes in place of its addressee. A link answers in the name of whom it was made for, always:
    it may have reached them, even where the mail is tried again and goes to somebody else.
    """
    to = instead or {}
    connection = session.connection()
    tasks_of = {email.id: (email, task_ids) for email, task_ids in wanted}
    existing = connection.execute(
        select(AnswerLink.email_id, AnswerLink.task_id, AnswerLink.id, AnswerLink.user_id).where(
            AnswerLink.email_id.in_(tasks_of)
        )
    ).all()
    found = {
        (row.email_id, row.task_id): row.id
        for row in existing
        if row.user_id == to.get(row.email_id, tasks_of[row.email_id][0].user_id)
    }
    missing = [
        {
            "email_id": email.id,
            "task_id": task_id,
            "user_id": to.get(email.id, email.user_id),
            "actor_id": email.actor_id,
            "created_at": now,
            "expires_at": now + LIFETIME,
        }
        for email, task_ids in tasks_of.values()
        for task_id in task_ids
        if (email.id, task_id) not in found
    ]
    if missing:
        made = insert(AnswerLink).returning(AnswerLink.email_id, AnswerLink.task_id, AnswerLink.id)
        for email_id, task_id, link_id in connection.execute(made, missing):
            found[email_id, task_id] = link_id
    return found


def address(link_id: int, *, base_url: str, secret_key: str) -> str:
    """Return the address that stands in the mail."""
    return f"{base_url}/answer/{_serializer(secret_key).dumps(link_id)}"


def read(session: Session, *, token: str, secret_key: str) -> AnswerLink | None:
    """Return the link that `token` from an address names, whether or not it still works."""
    try:
        link_id = _serializer(secret_key).loads(token)
    except BadSignature:
        return None
    return session.get(AnswerLink, link_id)


@cache
def _serializer(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        secret_key, salt="answer-link", signer_kwargs={"digest_method": hashlib.sha256}
    )
