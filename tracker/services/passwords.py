"""Passwords: how they are kept, and what is asked of a new one."""

from __future__ import annotations

import datetime as dt
import secrets
from functools import cache
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.orm import Session

from tracker.domain.errors import InvalidError
from tracker.domain.roles import Person
from tracker.models import User
from tracker.services import attempts, audit, sessions

SHORTEST: Final = 12
OWN_PASSWORD: Final = attempts.Limit("own-password", 5, dt.timedelta(minutes=15))
_HASHES: Final = PasswordHash((Argon2Hasher(),))


def verify(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Return whether `password` is the one kept, and its new digest if parameters have changed.

    Takes as long when nothing is kept, so that time does not tell who has an account.
    """
    right, renewed = _HASHES.verify_and_update(password, kept or _nobodys())
    return (right, renewed) if kept else (False, None)


def set_own(
    session: Session,
    *,
    by: Person,
    current: str,
    new: str,
    proven: bool,
    session_id: int | None,
    now: dt.datetime,
) -> None:
    """Set one's own password and end one's other sessions.

    `proven` says that the person has just come in through a mailed link; else the `current`
    password, where there is one, must be right. Raises InvalidError at `current_password` (after
    counting the attempt, which must last) or `new_password`, and TooManyAttemptsError.
    """
    user = session.get_one(User, by.user_id)
    if user.password_hash and not proven:
        attempts.check(session, limit=OWN_PASSWORD, subject=str(user.id), now=now)
        if not verify(current, user.password_hash)[0]:
            attempts.count(session, limit=OWN_PASSWORD, subject=str(user.id), now=now)
            raise InvalidError("current_password", "wrong_current_password")
    if len(new) < SHORTEST:
        raise InvalidError("new_password", "password_too_short", shortest=SHORTEST)
    user.password_hash = _HASHES.hash(new)
    sessions.revoke_all(session, user_id=user.id, now=now, keep=session_id)
    audit.record(session, by=by, action="user.password_set", entity="user", entity_id=user.id)


@cache
def _nobodys() -> str:
    return _HASHES.hash(secrets.token_urlsafe(32))
