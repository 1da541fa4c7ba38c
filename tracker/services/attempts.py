"""Limits on how often something may be tried, counted in the database for all processes."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tracker.domain.errors import TooManyAttemptsError
from tracker.models import Attempt

KEPT: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts of a kind by one subject in any period of `within`."""

    name: str
    most: int
    within: dt.timedelta


def check(session: Session, *, limit: Limit, subject: str, now: dt.datetime) -> None:
    """Raise TooManyAttemptsError where `subject` (an address, an IP) has reached the limit.

    Of attempts at once, each waits until the one before it is counted or has succeeded.
    """
    if session.get_bind().dialect.name == "postgresql":
        # SQLite has one writer at a time as it is.
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(_key(limit, subject)))))
    last_that_counts = session.scalar(
        select(Attempt.at)
        .where(Attempt.key == _key(limit, subject), Attempt.at > now - limit.within)
        .order_by(Attempt.at.desc(), Attempt.id.desc())
        .offset(limit.most - 1)
        .limit(1)
    )
    if last_that_counts is not None:
        wait = last_that_counts + limit.within - now
        raise TooManyAttemptsError(max(1, math.ceil(wait.total_seconds())))


def count(session: Session, *, limit: Limit, subject: str, now: dt.datetime) -> None:
    """Note one attempt, and forget those that no limit counts any more."""
    session.execute(delete(Attempt).where(Attempt.at < now - KEPT))
    session.add(Attempt(key=_key(limit, subject), at=now))
    session.flush()


def forget(session: Session, *, limit: Limit, subject: str) -> None:
    """Begin anew for `subject`, who has succeeded."""
    session.execute(delete(Attempt).where(Attempt.key == _key(limit, subject)))


def _key(limit: Limit, subject: str) -> str:
    # Who tried to sign in, and from where, is nobody's business afterwards.
    return f"{limit.name}:{hashlib.sha256(subject.encode()).hexdigest()}"
