"""What one digest says at the moment it is sent: the lines that still hold, in words and links.

Everything is read in a constant number of queries, however many lines there are.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from config import Settings
from tracker import i18n
from tracker.clock import local_date
from tracker.domain.calendar import Calendar
from tracker.domain.reminder_facts import Audience, Key
from tracker.domain.reminder_steps import Section, StepKind, is_before_deadline, section_of
from tracker.domain.reminders import next_escalation, still_holds
from tracker.mail.digest import ASKING, PARTS, Digest, Line, Notice
from tracker.models import Actor, DeadlineChange, OutgoingEmail, Reminder, StatusUpdate, Task, User
from tracker.services import answer_links, closed_days, reminder_facts
from tracker.services.reminder_facts import RULES, Facts
from tracker.services.tasks import unsettled_parts, visible_to

CANCELLED_BY_CHANGE: Final = "changed"
_ORDER: Final = {section: number for number, section in enumerate(Section)}
# News that the receiver may want to answer at once, if only to say that the task is not theirs.
_ANSWERABLE_NEWS: Final = frozenset({StepKind.ASSIGNED, StepKind.SENT_BACK})
_OWNERS_SIDE: Final = frozenset({Audience.RESPONSIBLE, Audience.LEADS, Audience.MAILBOX})


@dataclass(frozen=True, kw_only=True)
class Built:
    """A digest with its secrets: addresses that need no sign-in, and what to keep instead."""

    digest: Digest
    secrets: Mapping[str, str]


class Title(NamedTuple):
    """A task's title and the language that it is in."""

    text: str
    locale: str


def title_of(task: Task, locale: str) -> Title:
    """Return the title for readers of `locale`; English readers get the bokmål one."""
    if locale == "nn" and task.title_nn:
        return Title(task.title_nn, "nn")
    return Title(task.title_nb, "nb")


def build(
    session: Session,
    email: OutgoingEmail,
    *,
    receiver: User | Actor,
    settings: Settings,
    now: dt.datetime,
    locale: str,
) -> Built | None:
    """Return what `email` says as things are at `now`; None where no line holds any more.

    Lines that do not are cancelled, so that they may be planned again when they hold again.
    """
    planned = session.scalars(
        select(Reminder)
        .where(Reminder.email_id == email.id, Reminder.state == "planned")
        .order_by(Reminder.id)
    ).all()
    today = local_date(now, settings.timezone)
    task_ids = {reminder.task_id for reminder in planned}
    facts = reminder_facts.of_tasks(session, task_ids=task_ids, now=now, timezone=settings.timezone)
    by_task: defaultdict[int, list[Reminder]] = defaultdict(list)
    for reminder in planned:
        if _holds(reminder, facts, today):
            by_task[reminder.task_id].append(reminder)
        else:
            reminder.state = "cancelled"
            reminder.reason = CANCELLED_BY_CHANGE
            reminder.settled_at = now
    if not by_task:
        return None
    words = _Words(session, by_task, locale, settings.timezone)
    links = _Links(session, email, by_task, settings, now)
    with i18n.use_locale(locale):
        lines = [
            _line(
                task_id,
                reminders,
                facts=facts,
                words=words,
                links=links,
                today=today,
                calendar=closed_days.calendar(settings.closed_days),
            )
            for task_id, reminders in by_task.items()
        ]
    audiences = {Audience(reminder.audience) for of in by_task.values() for reminder in of}
    digest = Digest(
        today=today,
        name=receiver.name,
        actor=receiver.name if isinstance(receiver, Actor) else _employer(receiver, words),
        shared_mailbox=isinstance(receiver, Actor),
        audiences=tuple(audience for audience in Audience if audience in audiences),
        lines=tuple(lines),
    )
    return Built(digest=digest, secrets=links.secrets)


class _Words:
    """Names, titles and reasons that the lines of one digest need."""

    def __init__(
        self,
        session: Session,
        by_task: Mapping[int, Sequence[Reminder]],
        locale: str,
        timezone: str,
    ) -> None:
        self.locale = locale
        self.timezone = timezone
        self.tasks = {
            task.id: task
            for task in session.scalars(
                visible_to(None)
                .where(Task.id.in_(by_task))
                .options(joinedload(Task.owner), joinedload(Task.responsible))
            )
        }
        causes: defaultdict[bool, set[int]] = defaultdict(set)
        for reminder in (reminder for of in by_task.values() for reminder in of):
            about_deadline = reminder.step in {StepKind.DECIDE_DEADLINE, StepKind.DEADLINE_DECIDED}
            if reminder.occurrence.isdigit():
                causes[about_deadline].add(int(reminder.occurrence))
        self.updates = {
            update.id: update
            for update in session.scalars(
                select(StatusUpdate)
                .where(StatusUpdate.id.in_(causes[False]), StatusUpdate.task_id.in_(by_task))
                .options(joinedload(StatusUpdate.user), joinedload(StatusUpdate.actor))
            )
        }
        changes = session.scalars(
            select(DeadlineChange).where(
                DeadlineChange.task_id.in_(by_task),
                DeadlineChange.id.in_(causes[True]) | DeadlineChange.outcome.is_(None),
            )
        ).all()
        self.changes = {change.id: change for change in changes}
        self.requests = {change.task_id: change for change in changes if change.outcome is None}
        self.sent = self._count_sent(session, by_task)

    def number(self, reminder: Reminder) -> int:
        """Return which reminder in a row it is, counted apart before and after the deadline."""
        return 1 + self.sent[reminder.task_id, reminder.series, _comes_before(reminder.step)]

    @staticmethod
    def _count_sent(
        session: Session, by_task: Mapping[int, Sequence[Reminder]]
    ) -> Counter[tuple[int, int, bool]]:
        addressee = next(iter(by_task.values()))[0].addressee
        rows = session.execute(
            select(Reminder.task_id, Reminder.series, Reminder.step).where(
                Reminder.task_id.in_(by_task),
                Reminder.addressee == addressee,
                Reminder.state == "sent",
            )
        )
        return Counter(
            (task_id, series, _comes_before(step))
            for task_id, series, step in rows
            if section_of(step) in {Section.DUE_SOON, Section.OVERDUE}
        )


class _Links:
    """Where each line leads: an answer without signing in where that is due, else the task."""

    def __init__(
        self,
        session: Session,
        email: OutgoingEmail,
        by_task: Mapping[int, Sequence[Reminder]],
        settings: Settings,
        now: dt.datetime,
    ) -> None:
        answered = [task_id for task_id, of in by_task.items() if any(map(_by_link, of))]
        links = answer_links.issue(session, email=email, task_ids=answered, now=now)
        self._pages = {task_id: f"{settings.base_url}/tasks/{task_id}" for task_id in by_task}
        self._answers = {
            task_id: answer_links.address(
                links[task_id], base_url=settings.base_url, secret_key=settings.secret_key
            )
            for task_id in answered
        }
        self.secrets = {url: self._pages[task_id] for task_id, url in self._answers.items()}

    def is_answer(self, task_id: int) -> bool:
        return task_id in self._answers

    def of(self, task_id: int) -> str:
        return self._answers.get(task_id, self._pages[task_id])


def _by_link(reminder: Reminder) -> bool:
    asks = section_of(reminder.step) in ASKING or reminder.step in _ANSWERABLE_NEWS
    return asks and reminder.audience in _OWNERS_SIDE


def _holds(reminder: Reminder, facts: Facts, today: dt.date) -> bool:
    task = facts.tasks.get(reminder.task_id)
    return task is not None and still_holds(
        Key(
            reminder.task_id,
            reminder.series,
            reminder.audience,
            reminder.step,
            reminder.occurrence,
            reminder.addressee,
        ),
        task,
        people=facts.people,
        rules=RULES,
        today=today,
    )


def _line(
    task_id: int,
    reminders: Sequence[Reminder],
    *,
    facts: Facts,
    words: _Words,
    links: _Links,
    today: dt.date,
    calendar: Calendar,
) -> Line:
    """Return the one line that a receiver gets about a task; the weightiest reminder leads."""
    task = words.tasks[task_id]
    main = min(reminders, key=lambda reminder: _ORDER[section_of(reminder.step)])
    section = section_of(main.step)
    if section is Section.DUE_SOON and task.deadline is not None and task.deadline < today:
        section = Section.OVERDUE  # The mail has been delayed past the deadline.
    title = title_of(task, words.locale)
    told = None
    if section is Section.OVERDUE and main.audience in _OWNERS_SIDE:
        told = next_escalation(
            facts.tasks[task.id], people=facts.people, rules=RULES, today=today, calendar=calendar
        )
    return Line(
        section=section,
        ref=task.ref,
        title=title.text,
        title_locale=title.locale,
        url=links.of(task.id),
        by_link=links.is_answer(task.id),
        deadline=task.deadline,
        precision=task.deadline_precision or "day",
        number=words.number(main) if section in {Section.DUE_SOON, Section.OVERDUE} else 1,
        leads_told_on=told[1] if told and told[0] is StepKind.ESCALATE_LEAD else None,
        secretariat_told_on=(
            told[1] if told and told[0] is StepKind.ESCALATE_COORDINATOR else None
        ),
        notices=tuple(
            notice
            for reminder in _newsworthy(reminders)
            if (notice := _notice(reminder, task, words)) is not None
        ),
    )


def _newsworthy(reminders: Sequence[Reminder]) -> list[Reminder]:
    """Put whose the task is first, and of several decisions on the deadline keep the last."""
    decided = [each for each in reminders if each.step == StepKind.DEADLINE_DECIDED]
    outdated = sorted(decided, key=lambda each: int(each.occurrence))[:-1]
    kept = [each for each in reminders if each not in outdated]
    return sorted(kept, key=lambda each: each.step != StepKind.ASSIGNED)


def _notice(reminder: Reminder, task: Task, words: _Words) -> Notice | None:
    """Return the sentence that a reminder adds to its line, if it needs one."""
    owner = task.owner.name if task.owner else ""
    cause = int(reminder.occurrence) if reminder.occurrence.isdigit() else 0
    match reminder.step:
        case StepKind.ASSIGNED | StepKind.CONFIRMED | StepKind.LOOK_AGAIN:
            return Notice(kind=reminder.step)
        case StepKind.UNSETTLED:
            parts = [i18n.gettext(PARTS[part]) for part in unsettled_parts(task)]
            return Notice(kind=reminder.step, what=i18n.format_list(parts))
        case StepKind.ESCALATE_LEAD | StepKind.ESCALATE_COORDINATOR:
            who = task.responsible.name if task.responsible else owner
            if task.last_update_at is None:
                return Notice(kind="raised", who=who)
            last = i18n.format_date_long(local_date(task.last_update_at, words.timezone))
            return Notice(kind="raised_after_answer", who=who, what=last)
        case StepKind.SENT_BACK:
            update = words.updates.get(cause)
            return Notice(kind="sent_back", detail=update.comment if update else "")
        case StepKind.NOT_MINE:
            update = words.updates.get(cause)
            detail = update.comment if update else ""
            return Notice(kind="not_mine", who=_author(update) or owner, detail=detail)
        case StepKind.CONFIRM:
            return Notice(kind="confirm", who=owner)
        case StepKind.DECIDE_DEADLINE:
            return _request(words.requests.get(task.id), owner)
        case StepKind.DEADLINE_DECIDED:
            return _decision(words.changes[cause])
        case _:
            return None


def _request(change: DeadlineChange | None, owner: str) -> Notice | None:
    if change is None:
        return None
    if change.new_deadline is None:
        return Notice(kind="decide_no_deadline", who=owner, detail=change.reason)
    asked = i18n.format_deadline(change.new_deadline, change.new_precision or "day")
    return Notice(kind="decide_deadline", who=owner, what=asked, detail=change.reason)


def _decision(change: DeadlineChange) -> Notice:
    if change.outcome != "approved":
        return Notice(kind="deadline_rejected", detail=change.decision_reason)
    if not change.was_set_directly:
        return Notice(kind="deadline_approved", detail=change.decision_reason)
    kind = "no_deadline_set" if change.new_deadline is None else "deadline_set"
    return Notice(kind=kind, detail=change.decision_reason or change.reason)


def _author(update: StatusUpdate | None) -> str:
    if update is None:
        return ""
    return update.user.name if update.user else update.stated_name or ""


def _comes_before(step: str) -> bool:
    return step == "0" or is_before_deadline(step)


def _employer(user: User, words: _Words) -> str:
    """Return the actor in whose name the receiver's answers are kept; empty where none is."""
    owners = {task.owner_id: task.owner.name for task in words.tasks.values() if task.owner}
    own = [membership.actor for membership in user.memberships if membership.actor]
    for actor in own:
        if actor.id in owners:
            return actor.name
    return own[0].name if own else ""
