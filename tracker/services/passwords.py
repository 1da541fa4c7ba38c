"""Passwords: how they are kept, and what is asked of a new one."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import threading
from collections.abc import Iterable
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.orm import Session
from zxcvbn import zxcvbn

from config import Settings
from tracker.domain.errors import InvalidError, ProofNeededError
from tracker.domain.roles import Person
from tracker.models import User, Way
from tracker.services import attempts, audit, outbox, security, sessions

SHORTEST: Final = 12
LONGEST: Final = 200
OWN_PASSWORD: Final = attempts.Limit("own-password", 5, dt.timedelta(minutes=15))

MOST_JUDGED: Final = 24
"""How many characters zxcvbn is given: 72 of the worst, which is all it takes, cost six seconds."""
LEAST_SCORE: Final = 4
"""Of zxcvbn: more than 10^10 guesses. It knows no Norwegian and takes unknown words for random
letters, so that «Sommer2026!!» would do for a score of 3; words in a row have far more than 4."""
_COMMON_HERE: Final = (
    *("passord", "velkommen", "sommer", "vinter", "høst", "hemmelig", "norge", "oslo", "bergen"),
    *("trondheim", "stavanger", "kommune", "jobb", "mandag", "fredag", "januar", "februar"),
    *("mars", "april", "juni", "juli", "august", "september", "oktober", "november", "desember"),
    *("oppfølging", "oppfolging", "tracker"),
)
_HASHES: Final = PasswordHash((Argon2Hasher(),))
_judging = threading.Lock()


def verify(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Return whether `password` is the one kept, and its new digest if parameters have changed.

    Takes as long when nothing is kept, so that time does not tell who has an account. What is
    longer than any password is wrong without work.
    """
    if len(password) > LONGEST:
        return False, None
    right, renewed = _HASHES.verify_and_update(password, kept or _nobodys())
    return (right, renewed) if kept else (False, None)


def require_proof(user: User, *, proof: Way | None) -> None:
    """Raise ProofNeededError where a first password would need no more than an old session."""
    if not user.password_hash and proof is None:
        raise ProofNeededError


def set_own(
    session: Session,
    *,
    by: Person,
    current: str,
    new: str,
    proof: Way | None,
    session_id: int,
    network_address: str,
    settings: Settings,
    now: dt.datetime,
) -> None:
    """Set one's own password, end one's other sessions and links, and tell the owner by mail.

    `proof` is that of the session. Having just come in through a mailed link stands for a
    forgotten password, once; else the `current` password, where there is one, must be right.
    Raises InvalidError at `current_password` (after counting the attempt, which must last) or
    `new_password`, TooManyAttemptsError and ProofNeededError.
    """
    user = session.get_one(User, by.user_id)
    require_proof(user, proof=proof)
    if user.password_hash and proof != Way.LINK:
        _require_current(session, user, current, network_address, now)
    _require_good(new, user, settings)
    user.password_hash = _HASHES.hash(new)
    sessions.use_up_proof(session, session_id=session_id)
    sessions.revoke_all(session, user_id=user.id, now=now, keep=session_id)
    outbox.queue_password_set(session, user_id=user.id, mail_from=settings.mail_from, now=now)
    audit.record(session, by=by, action="user.password_set", entity="user", entity_id=user.id)


def _require_current(
    session: Session, user: User, current: str, network_address: str, now: dt.datetime
) -> None:
    attempts.check(session, limit=OWN_PASSWORD, subject=str(user.id), now=now)
    if not verify(current, user.password_hash)[0]:
        attempts.count(session, limit=OWN_PASSWORD, subject=str(user.id), now=now)
        security.note_when_committed(
            session,
            "failed",
            outcome="present_password",
            person=user.id,
            network_address=network_address,
        )
        raise InvalidError("current_password", "wrong_current_password")


def _require_good(new: str, user: User, settings: Settings) -> None:
    if len(new) < SHORTEST:
        raise InvalidError("new_password", "password_too_short", shortest=SHORTEST)
    if len(new) > LONGEST:
        raise InvalidError("new_password", "text_too_long", length=len(new), most=LONGEST)
    host = urlsplit(settings.base_url).hostname or ""
    employers = [membership.actor.name for membership in user.memberships if membership.actor]
    if _score(new, _words_in(user.email, user.name, host, *employers)) < LEAST_SCORE:
        raise InvalidError("new_password", "password_guessable")


def _words_in(*texts: str) -> list[str]:
    """Return `texts` and their parts: whoever guesses tries them first."""
    parts = [part for text in texts for part in re.split(r"[\W_]+", text) if len(part) > 1]
    return [*texts, *parts]


def _score(password: str, words: Iterable[str]) -> int:
    """Return from 0 to 4 how many guesses a password stands."""
    # zxcvbn keeps the words in its module, where another thread's would replace them.
    with _judging:
        judged = zxcvbn(password[:MOST_JUDGED], user_inputs=[*words, *_COMMON_HERE])
    return int(judged["score"])


@cache
def _nobodys() -> str:
    return _HASHES.hash(secrets.token_urlsafe(32))
