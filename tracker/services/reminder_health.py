"""Whether the reminders keep their times: a silent scheduler or stuck mail must be seen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ScalarSelect, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from config import Settings
from tracker.clock import local_date
from tracker.db import columns, prepared
from tracker.models import Installation, OutgoingEmail, ReminderRun
from tracker.services import reminders

RUN_GRACE: Final = dt.timedelta(minutes=15)
"""So long after its slot a run may begin."""
MAIL_GRACE: Final = dt.timedelta(hours=1)
"""So long a mail may wait, which is enough for a server that asks to be tried again."""


class Problem(StrEnum):
    """What is wrong."""

    RUN_LATE = "run_late"
    RUN_FAILED = "run_failed"
    MAIL_LATE = "mail_late"
    MAIL_PAUSED = "mail_paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the reminders are."""

    problems: tuple[Problem, ...]
    last_run: ReminderRun | None
    next_slot: dt.datetime
    waiting: int
    """Mails in the outbox."""
    waiting_since: dt.datetime | None
    paused_until: dt.datetime | None
    paused_reason: str | None


def check(session: Session, *, settings: Settings, now: dt.datetime) -> Health:
    """Return how the reminders are at `now` (aware UTC)."""
    last = session.scalar(select(ReminderRun).order_by(ReminderRun.id.desc()).limit(1))
    waiting, since, late_since = session.execute(
        select(
            func.count(OutgoingEmail.id),
            func.min(OutgoingEmail.created_at),
            _waiting().scalar_subquery(),
        ).where(OutgoingEmail.state == "queued")
    ).one()
    paused_until, paused_reason, failing_since = session.execute(
        select(
            Installation.mail_paused_until,
            Installation.mail_paused_reason,
            Installation.mail_failing_since,
        )
    ).one()
    late_since = _first(late_since, failing_since) if waiting else None
    is_paused = bool(paused_until and paused_until > now)
    found = {
        Problem.RUN_LATE: _is_run_late(session, settings=settings, now=now),
        Problem.RUN_FAILED: bool(last and last.error),
        Problem.MAIL_LATE: late_since is not None and now - late_since > MAIL_GRACE,
        Problem.MAIL_PAUSED: is_paused,
    }
    return Health(
        problems=tuple(problem for problem, holds in found.items() if holds),
        last_run=last,
        next_slot=reminders.next_slot(now, settings=settings),
        waiting=waiting,
        waiting_since=since,
        paused_until=paused_until if is_paused else None,
        paused_reason=paused_reason if is_paused else None,
    )


def is_mail_stuck(session: Session, *, now: dt.datetime) -> bool:
    """Return whether no mail has got out for an hour although some waits, or should have.

    Mails of which later ones got ahead do not count, unless nothing has got out for so long.
    """
    [[failing_since, waiting_since]] = columns(session, *_stuck())
    since = _first(failing_since, waiting_since)
    return since is not None and now - since > MAIL_GRACE


def _first(*moments: dt.datetime | None) -> dt.datetime | None:
    return min((moment for moment in moments if moment), default=None)


@prepared
def _stuck() -> Select[dt.datetime | None, dt.datetime | None]:
    last = _last_sent()
    waiting = _waiting().where(or_(last.is_(None), OutgoingEmail.created_at > last))
    return select(Installation.mail_failing_since, waiting.scalar_subquery())


def _last_sent() -> ScalarSelect[dt.datetime | None]:
    last = select(func.max(OutgoingEmail.finished_at)).where(OutgoingEmail.state == "sent")
    return last.scalar_subquery()


def _waiting() -> Select[dt.datetime | None]:
    """Return since when a mail waits, but for those to receivers with trouble of their own.

    These have a mail that failed while one that was queued no earlier was sent.
    """
    own = aliased(OutgoingEmail)
    troubled = select(own.addressee).where(
        own.state == "queued", own.last_error.is_not(None), own.created_at <= _last_sent()
    )
    return select(func.min(OutgoingEmail.created_at)).where(
        OutgoingEmail.state == "queued", OutgoingEmail.addressee.not_in(troubled)
    )


def _is_run_late(session: Session, *, settings: Settings, now: dt.datetime) -> bool:
    """Return whether the last slot that should have been taken by now was not.

    Before the first slot of a day it is yesterday's, unless nothing had run by then.
    """
    today = local_date(now, settings.timezone)
    days = (today - dt.timedelta(days=1), today)
    due = [
        slot
        for day in days
        for slot in reminders.slots_of(day, settings=settings)
        if now - slot > RUN_GRACE
    ]
    slot = due[-1]
    if local_date(slot, settings.timezone) != today:
        first = session.scalar(select(func.min(ReminderRun.at)))
        if first is None or first > slot:
            return False
    return not reminders.is_taken(session, slot=slot)
