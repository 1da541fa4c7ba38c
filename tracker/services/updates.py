"""Giving status: what the owner's people, contributors and the secretariat say about a task."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.orm import Session

from tracker.clock import local_date
from tracker.domain import updates as rules
from tracker.domain.errors import ConflictError, ForbiddenError, InvalidError
from tracker.domain.status import Assessment, Status, answer_may_set
from tracker.domain.updates import Answer, Author, Side, Standing
from tracker.models import DeadlineChange, Evidence, StatusUpdate, Task
from tracker.services import deadlines, ledger, tasks

TWICE: Final = dt.timedelta(minutes=10)
"""Two clicks on "no change" within this time are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the form needs to know before somebody answers."""

    task: Task
    side: Side
    actor_id: int | None
    """On whose behalf the answer will be."""
    is_locked: bool
    """It stays so until the transaction ends."""
    standing: Standing
    latest: StatusUpdate | None
    """The last word on the same line."""
    pending: DeadlineChange | None
    corrected: StatusUpdate | None
    """The author's own latest answer, that this one is going to correct."""
    correctable: StatusUpdate | None
    """The author's own latest answer, that could be corrected."""
    may_repeat: bool
    statuses: frozenset[Status]
    """What the answer may lead to; empty for a contributor, and where nothing can be said."""

    @property
    def seen(self) -> int:
        """Return what the author has seen last, so that news in between is noticed."""
        return self.latest.id if self.latest else 0

    @property
    def is_on_behalf(self) -> bool:
        """Return whether the secretariat speaks in the owner's place."""
        return self.side is Side.SECRETARIAT and self.actor_id is not None

    @property
    def is_open(self) -> bool:
        """Return whether an answer can be given at all."""
        return self.side is Side.CONTRIBUTOR or bool(self.statuses)


def situation(
    session: Session,
    *,
    by: Author,
    task_id: int,
    corrects: int | None = None,
    today: dt.date,
    lock: bool = False,
) -> Situation:
    """Return where the task stands for `by`; `corrects` is the update to be corrected, if any.

    `lock` keeps it so until the transaction ends. Raises NotFoundError, and ForbiddenError for
    those whom the task does not concern.
    """
    find = tasks.lock if lock else tasks.get
    task = find(session, by=by.person, task_id=task_id)
    contributors = ledger.contributors(session, task_id=task_id)
    side = by.side(owner_id=task.owner_id, contributor_ids=contributors)
    if side is None:
        raise ForbiddenError("not_your_task")
    as_contributor = side is Side.CONTRIBUTOR
    actor_id = min(by.actor_ids & contributors) if as_contributor else task.owner_id
    latest = ledger.latest(
        session, task_id=task_id, contributor_id=actor_id if as_contributor else None
    )
    correctable = latest if latest is not None and _is_own_answer(by, latest) else None
    corrected = correctable if correctable and correctable.id == corrects else None
    pending = deadlines.pending(session, task_id=task_id)
    standing = Standing(
        status=Status(task.status) if task.status else None,
        deadline=task.deadline,
        look_again_on=task.look_again_on,
        asked_for=pending.new_deadline if pending else None,
    )
    last = Assessment(latest.assessment) if latest is not None and latest.assessment else None
    may_repeat = corrected is None and rules.may_repeat(standing, last, today=today)
    if corrected is not None:
        # The correction starts from where the corrected answer started.
        before = corrected.status_before
        standing = replace(standing, status=Status(before) if before else None)
    return Situation(
        task=task,
        side=side,
        actor_id=actor_id,
        is_locked=lock,
        standing=standing,
        latest=latest,
        pending=pending,
        corrected=corrected,
        correctable=correctable,
        may_repeat=may_repeat,
        statuses=frozenset()
        if as_contributor
        else answer_may_set(standing.status, by_secretariat=side is Side.SECRETARIAT),
    )


def give(
    session: Session,
    *,
    by: Author,
    found: Situation,
    answer: Answer,
    seen: int,
    now: dt.datetime,
    timezone: str,
) -> StatusUpdate:
    """Append an answer, and ask for a new deadline where it expects one.

    `found` is the situation, locked. `seen` is the id of the last update that the author knew of
    (0: none). Raises ConflictError where there is news since then or the step is not allowed,
    InvalidError at a field.
    """
    if not found.is_locked:
        message = "the situation may have changed since it was read"
        raise ValueError(message)
    rules.check_text("comment", answer.comment)
    rules.check_evidence(answer.evidence)
    if found.seen != seen:
        raise ConflictError("answered_meanwhile")
    if found.side is Side.CONTRIBUTOR:
        return _contribute(session, found, by=by, answer=answer, now=now, timezone=timezone)
    today = local_date(now, timezone)
    after = rules.status_after(answer, found.standing, side=found.side, today=today)
    update = _append(session, found, by=by, answer=answer, status=after, now=now, timezone=timezone)
    if answer.expected_on is not None:
        deadlines.ask(
            session,
            task=found.task,
            by=by,
            new=answer.expected_on,
            reason=answer.comment,
            now=now,
            timezone=timezone,
        )
    return update


def repeat(
    session: Session, *, by: Author, task_id: int, now: dt.datetime, timezone: str
) -> StatusUpdate:
    """Say in one click that nothing has changed: the last assessment, dated today.

    Raises ConflictError where there is nothing to repeat, or it can no longer hold.
    """
    today = local_date(now, timezone)
    found = situation(session, by=by, task_id=task_id, today=today, lock=True)
    latest = found.latest
    if latest is None or not found.may_repeat:
        raise ConflictError("cannot_repeat")
    if latest.no_change and _is_own(by, latest) and now - latest.created_at < TWICE:
        return latest
    return ledger.append(
        session,
        task=found.task,
        by=by,
        actor_id=found.actor_id,
        action="status.repeated",
        now=now,
        timezone=timezone,
        status=found.task.status,
        is_answer=found.side is not Side.CONTRIBUTOR,
        is_on_behalf=found.is_on_behalf,
        as_contributor=found.side is Side.CONTRIBUTOR,
        assessment=latest.assessment,
        look_again_on=found.task.look_again_on,
        no_change=True,
    )


def not_mine(
    session: Session, *, by: Author, task_id: int, comment: str, now: dt.datetime, timezone: str
) -> StatusUpdate:
    """Tell the secretariat that the task is somebody else's, with a word on whose.

    Says nothing about how it goes, so the task stays as it was.
    """
    rules.check_text("comment", comment)
    today = local_date(now, timezone)
    found = situation(session, by=by, task_id=task_id, today=today, lock=True)
    return ledger.append(
        session,
        task=found.task,
        by=by,
        actor_id=found.actor_id,
        action="status.not_mine",
        now=now,
        timezone=timezone,
        status=found.task.status,
        as_contributor=found.side is Side.CONTRIBUTOR,
        comment=comment,
        not_mine=True,
    )


def _contribute(
    session: Session,
    found: Situation,
    *,
    by: Author,
    answer: Answer,
    now: dt.datetime,
    timezone: str,
) -> StatusUpdate:
    if answer.is_done or answer.status or answer.look_again_on or answer.expected_on:
        raise ForbiddenError("contributor_sets_no_status")
    if answer.assessment is None:
        raise InvalidError("progress", "choose_progress")
    status = found.task.status
    return _append(session, found, by=by, answer=answer, status=status, now=now, timezone=timezone)


def _append(
    session: Session,
    found: Situation,
    *,
    by: Author,
    answer: Answer,
    status: str | None,
    now: dt.datetime,
    timezone: str,
) -> StatusUpdate:
    corrected = found.corrected
    return ledger.append(
        session,
        task=found.task,
        by=by,
        actor_id=found.actor_id,
        action="status.corrected" if corrected else "status.updated",
        now=now,
        timezone=timezone,
        status=status,
        status_before=found.standing.status,
        is_answer=found.side is not Side.CONTRIBUTOR,
        is_on_behalf=found.is_on_behalf,
        as_contributor=found.side is Side.CONTRIBUTOR,
        assessment=None if answer.is_done else answer.assessment,
        comment=answer.comment,
        hindrances=list(answer.hindrances),
        look_again_on=answer.look_again_on if status == Status.ON_HOLD else None,
        corrects_id=corrected.id if corrected else None,
        evidence=[Evidence(url=link) for link in answer.evidence],
    )


def _is_own(by: Author, update: StatusUpdate) -> bool:
    if by.person is None:
        return update.user_id is None and update.actor_id == by.mailbox_of
    return update.user_id == by.user_id


def _is_own_answer(by: Author, update: StatusUpdate) -> bool:
    """Return whether `update` says how it goes, or that it is done, in the author's own words."""
    says = update.assessment is not None or update.status_after == Status.REPORTED_DONE
    return says and _is_own(by, update)
