"""Forms that arrive twice, as when somebody clicks twice on a slow line, count once."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Iterable
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tracker.models import Submission

FIELD: Final = "submission"
"""The hidden field in which a form carries its token."""
KEPT: Final = dt.timedelta(days=2)


def new_token() -> str:
    """Return the token of a form that is about to be shown."""
    return secrets.token_urlsafe(12)


def key_of(path: str, fields: Iterable[tuple[str, str]]) -> str | None:
    """Return what tells this submission from others; None where the form carries no token.

    A form that somebody goes back to, changes and sends again is another submission.
    """
    sent = sorted(fields)
    if not any(name == FIELD and value for name, value in sent):
        return None
    return hashlib.sha256(json.dumps([path, sent]).encode()).hexdigest()


def earlier(session: Session, *, key: str) -> str | None:
    """Return where an earlier submission with `key` led to, or None.

    Of two at once the second waits here until the first has ended.
    """
    if session.get_bind().dialect.name == "postgresql":
        # SQLite has one writer at a time as it is.
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
    return session.scalar(select(Submission.place).where(Submission.key == key))


def note(session: Session, *, key: str, place: str, now: dt.datetime) -> None:
    """Note, in the transaction of what it changed, that a submission led to `place`."""
    session.add(Submission(key=key, place=place, at=now))


def forget(session: Session, *, now: dt.datetime) -> None:
    """Delete what is too old to arrive again."""
    session.execute(delete(Submission).where(Submission.at < now - KEPT))
