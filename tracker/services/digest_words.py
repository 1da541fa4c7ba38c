"""What the lines of digests need besides the facts: names, titles, reasons, and a count."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from tracker.clock import local_date
from tracker.domain.reminder_facts import Key
from tracker.domain.reminder_steps import Section, StepKind, is_before_deadline, section_of
from tracker.models import Actor, DeadlineChange, OutgoingEmail, Reminder, StatusUpdate, Task, User
from tracker.services import outbox
from tracker.services.reminder_facts import AnyRow, portions
from tracker.services.tasks import visible_to

_TASK: Final = (
    visible_to(None)
    .with_only_columns(
        Task.id,
        Task.ref,
        Task.title_nb,
        Task.title_nn,
        Task.quote,
        Task.quote_language,
        Task.description,
        Task.owner_id,
        Task.owner_none_on,
        Task.responsible_id,
        Task.responsible_none_on,
        Task.deadline,
        Task.deadline_precision,
        Task.deadline_none_on,
        Task.status,
        Task.status_none_on,
        Task.last_update_at,
        Actor.name.label("owner"),
        User.name.label("responsible"),
    )
    .outerjoin(Actor, Actor.id == Task.owner_id)
    .outerjoin(User, User.id == Task.responsible_id)
)
_TOLD_BY: Final = frozenset({StepKind.SENT_BACK, StepKind.NOT_MINE})
"""Steps that an update is the cause of, whose words are told."""


MOST_OF_TEXT: Final = 1000
"""Characters of what a task says, in the mail about having got it."""


class SentBefore(NamedTuple):
    """A reminder that was sent, and to whom."""

    name: str
    """Who got it."""
    absent: str
    """Whose it was, where that is somebody else."""
    on: dt.date


class Words:
    """Names, titles and reasons for the lines about some tasks, whosever digests they stand in."""

    def __init__(self, session: Session, keys: Sequence[Key], timezone: str) -> None:
        self.timezone = timezone
        self.tasks: dict[int, AnyRow] = {}
        self.updates: dict[int, StatusUpdate] = {}
        self.changes: dict[int, DeadlineChange] = {}
        self.requests: dict[int, DeadlineChange] = {}
        """By task: what waits to be decided."""
        self._sent: Counter[tuple[int, int, str, bool]] = Counter()
        for task_ids in portions(sorted({key.task_id for key in keys})):
            rows = session.connection().execute(_TASK.where(Task.id.in_(task_ids)))
            self.tasks.update((row.id, row) for row in rows)
            self._count_sent(session, task_ids)
        self.sent_before: defaultdict[tuple[int, int], list[SentBefore]] = defaultdict(list)
        """By task and series: whom the reminders that an escalation follows went to, and when."""
        self.leads_told: defaultdict[tuple[int, int], list[SentBefore]] = defaultdict(list)
        """By task and series: which leads were told that it is late."""
        self._read_sent_before(session, keys)
        self._read_updates(session, keys)
        self._read_changes(session, keys)

    def number(self, key: Key) -> int:
        """Return which reminder in a row it is, counted apart before and after the deadline."""
        return 1 + self._sent[key.task_id, key.series, key.addressee, _comes_before(key.step)]

    def owners(self, task_ids: Iterable[int]) -> set[int | None]:
        """Return the actors that own these tasks."""
        return {self.tasks[task_id].owner_id for task_id in task_ids}

    def _count_sent(self, session: Session, task_ids: Sequence[int]) -> None:
        sent = session.connection().execute(
            select(Reminder.task_id, Reminder.series, Reminder.addressee, Reminder.step).where(
                Reminder.task_id.in_(task_ids), Reminder.state == "sent"
            )
        )
        self._sent.update(
            (task_id, series, addressee, _comes_before(step))
            for task_id, series, addressee, step in sent
            if section_of(step) in {Section.DUE_SOON, Section.OVERDUE}
        )

    def _read_sent_before(self, session: Session, keys: Iterable[Key]) -> None:
        raised = sorted({key.task_id for key in keys if section_of(key.step) is Section.RAISED})
        substitute = aliased(User)
        for task_ids in portions(raised):
            sent = session.execute(
                select(
                    Reminder.task_id,
                    Reminder.series,
                    Reminder.step,
                    Reminder.settled_at,
                    func.coalesce(User.name, Actor.name).label("name"),
                    substitute.name.label("substitute"),
                )
                .outerjoin(OutgoingEmail, OutgoingEmail.id == Reminder.email_id)
                .outerjoin(substitute, substitute.id == outbox.person_in(OutgoingEmail.sent_to))
                .outerjoin(User, User.id == Reminder.user_id)
                .outerjoin(Actor, Actor.id == Reminder.actor_id)
                .where(Reminder.task_id.in_(task_ids), Reminder.state == "sent")
                .order_by(Reminder.settled_at, Reminder.id)
            )
            for task_id, series, step, at, name, instead in sent:
                if at is None:
                    continue
                one = SentBefore(instead or name, name if instead else "", self._day(at))
                if section_of(step) in {Section.DUE_SOON, Section.OVERDUE}:
                    self.sent_before[task_id, series].append(one)
                elif step == StepKind.ESCALATE_LEAD:
                    self.leads_told[task_id, series].append(one)

    def _day(self, moment: dt.datetime) -> dt.date:
        return local_date(moment, self.timezone)

    def _read_updates(self, session: Session, keys: Iterable[Key]) -> None:
        causes = [int(key.occurrence) for key in keys if key.step in _TOLD_BY]
        for ids in portions(causes):
            found = session.scalars(
                select(StatusUpdate)
                .where(StatusUpdate.id.in_(ids))
                .options(joinedload(StatusUpdate.user))
            )
            self.updates.update((update.id, update) for update in found)

    def _read_changes(self, session: Session, keys: Iterable[Key]) -> None:
        decided = [int(key.occurrence) for key in keys if key.step == StepKind.DEADLINE_DECIDED]
        for ids in portions(decided):
            found = session.scalars(select(DeadlineChange).where(DeadlineChange.id.in_(ids)))
            self.changes.update((change.id, change) for change in found)
        asked = [key.task_id for key in keys if key.step == StepKind.DECIDE_DEADLINE]
        for task_ids in portions(asked):
            waiting = session.scalars(
                select(DeadlineChange).where(
                    DeadlineChange.task_id.in_(task_ids), DeadlineChange.outcome.is_(None)
                )
            )
            self.requests.update((change.task_id, change) for change in waiting)


def _comes_before(step: str) -> bool:
    return step == "0" or is_before_deadline(step)


def without_digest(session: Session, emails: Iterable[OutgoingEmail]) -> set[int]:
    """Return the people among the receivers to whom no digest has gone yet."""
    user_ids = {email.user_id for email in emails if email.user_id is not None}
    had = exists().where(
        OutgoingEmail.user_id == User.id,
        OutgoingEmail.kind == "digest",
        OutgoingEmail.state == "sent",
    )
    return set(session.scalars(select(User.id).where(User.id.in_(user_ids), ~had)))


def excerpt(keys: Sequence[Key], task: AnyRow, locale: str) -> dict[str, str]:
    """Return the fields of a line with what its task says, for who has just got the task."""
    if all(key.step != StepKind.ASSIGNED for key in keys):
        return {}
    if task.quote:
        quote = textwrap.shorten(task.quote, MOST_OF_TEXT, placeholder=" …")
        return {"excerpt": f"«{quote}»", "excerpt_locale": task.quote_language or "nb"}
    text = textwrap.shorten(task.description or "", MOST_OF_TEXT, placeholder=" …")
    return {"excerpt": text, "excerpt_locale": locale}
