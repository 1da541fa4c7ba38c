"""Links in mails that let the receiver answer for one task without signing in.

The address holds the signed id of a row, so that a repeated sending has the same link and the
database holds no secret.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tracker.models import AnswerLink, OutgoingEmail

LIFETIME: Final = dt.timedelta(days=60)


def issue(
    session: Session, *, email: OutgoingEmail, task_ids: Collection[int], now: dt.datetime
) -> dict[int, AnswerLink]:
    """Return the links of `email` by task id, making those that it does not have yet."""
    existing = select(AnswerLink).where(AnswerLink.email_id == email.id).order_by(AnswerLink.id)
    found = {link.task_id: link for link in session.scalars(existing)}
    missing = sorted(set(task_ids) - set(found))
    if missing:
        # Rows added one by one would each take a statement of their own on SQLite.
        session.execute(
            insert(AnswerLink),
            [
                {
                    "email_id": email.id,
                    "task_id": task_id,
                    "user_id": email.user_id,
                    "actor_id": email.actor_id,
                    "created_at": now,
                    "expires_at": now + LIFETIME,
                }
                for task_id in missing
            ],
        )
        found = {link.task_id: link for link in session.scalars(existing)}
    return found


def address(link: AnswerLink, *, base_url: str, secret_key: str) -> str:
    """Return the address that stands in the mail."""
    return f"{base_url}/answer/{_serializer(secret_key).dumps(link.id)}"


def read(session: Session, *, token: str, secret_key: str) -> AnswerLink | None:
    """Return the link that `token` from an address names, whether or not it still works."""
    try:
        link_id = _serializer(secret_key).loads(token)
    except BadSignature:
        return None
    return session.get(AnswerLink, link_id)


def _serializer(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        secret_key, salt="answer-link", signer_kwargs={"digest_method": hashlib.sha256}
    )
