"""What digests say at the moment they are sent: the lines that still hold, in words and links.

Some are read together, in a number of queries that does not grow with their lines.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config import Settings
from tracker import i18n
from tracker.clock import local_date
from tracker.domain.reminder_facts import Audience, Key
from tracker.domain.reminder_steps import (
    OptionalKind,
    Section,
    StepKind,
    optional_kind,
    section_of,
)
from tracker.domain.reminders import next_escalation, still_holds
from tracker.domain.roles import Person
from tracker.mail.digest import ASKING, PARTS, Absent, Digest, Line, Notice
from tracker.models import Actor, DeadlineChange, OutgoingEmail, Reminder, StatusUpdate, User
from tracker.services import answer_links, closed_days, preferences, reminder_facts
from tracker.services.digest_words import SentBefore, Words, excerpt, without_digest
from tracker.services.reminder_facts import AnyRow, portions
from tracker.services.tasks import unsettled_parts

_Lines: TypeAlias = defaultdict[int, list[Key]]
"""The reminders of one mail by task."""

CANCELLED_BY_CHANGE: Final = "changed"
SENT_SHOWN: Final = 4
"""Of the reminders that an escalation follows, the last so many are named."""
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


def title_of(task: Any, locale: str) -> Title:
    """Return the title for readers of `locale`; English readers get the bokmål one.

    `task` is a task or a row with its columns.
    """
    if locale == "nn" and task.title_nn:
        return Title(task.title_nn, "nn")
    return Title(task.title_nb, "nb")


class Digests:
    """What some digests say as things are at `now`: lines by mail, and words by task.

    Lines that no longer hold are cancelled, so that they may be planned again when they do.
    """

    def __init__(
        self,
        session: Session,
        emails: Sequence[OutgoingEmail],
        *,
        instead: Mapping[int, Person],
        settings: Settings,
        now: dt.datetime,
    ) -> None:
        """Read them. `instead` names by mail the substitutes of those who are away."""
        self._settings = settings
        self._today = local_date(now, settings.timezone)
        planned = session.connection().execute(
            select(Reminder.id, Reminder.email_id, *reminder_facts.KEY_COLUMNS)
            .where(Reminder.email_id.in_([email.id for email in emails]))
            .where(Reminder.state == "planned")
            .order_by(Reminder.id)
        )
        found = [(row.id, row.email_id, Key(*row[2:])) for row in planned]
        self._facts = reminder_facts.of_tasks(
            session,
            task_ids={key.task_id for _, _, key in found},
            now=now,
            timezone=settings.timezone,
        )
        self._lines: defaultdict[int, _Lines] = defaultdict(lambda: defaultdict(list))
        self._ids: defaultdict[int, list[int]] = defaultdict(list)
        outdated = []
        for number, email_id, key in found:
            if self._holds(key):
                self._lines[email_id][key.task_id].append(key)
                self._ids[email_id].append(number)
            else:
                outdated.append(number)
        for some in portions(outdated):
            session.execute(
                update(Reminder)
                .where(Reminder.id.in_(some))
                .values(state="cancelled", reason=CANCELLED_BY_CHANGE, settled_at=now)
            )
        self._words = Words(session, self._keys(), settings.timezone)
        self._first_time = without_digest(session, emails)
        asked = [
            (email, list(self._answerable(email.id, instead.get(email.id)))) for email in emails
        ]
        self._links = answer_links.issue(
            session,
            wanted=asked,
            instead={email_id: person.user_id for email_id, person in instead.items()},
            now=now,
        )

    def _answerable(self, email_id: int, substitute: Person | None) -> Iterator[int]:
        """Give the tasks of a mail that its receiver may answer for without signing in."""
        for task_id, keys in self._lines[email_id].items():
            owner_id = self._words.tasks[task_id].owner_id
            if _asks(keys) and (substitute is None or owner_id in substitute.member_of):
                yield task_id

    def has_lines(self, email: OutgoingEmail) -> bool:
        """Return whether there is anything left to say."""
        return bool(self._lines[email.id])

    def reminder_ids(self, email: OutgoingEmail) -> Sequence[int]:
        """Return the reminders that a mail tells of."""
        return tuple(self._ids[email.id])

    def build(
        self,
        email: OutgoingEmail,
        *,
        receiver: User | Actor,
        absent: Absent | None,
        locale: str,
    ) -> Built:
        """Return what `email` says; the database is asked nothing more."""
        lines = self._lines[email.id]
        links = {
            task_id: answer_links.address(
                link,
                base_url=self._settings.base_url,
                secret_key=self._settings.secret_key,
            )
            for task_id in lines
            if (link := self._links.get((email.id, task_id))) is not None
        }
        optional: tuple[OptionalKind, ...] = ()
        unsubscribe_url = ""
        if isinstance(receiver, User) and absent is None and (optional := _optional(lines)):
            unsubscribe_url = preferences.address(
                receiver.id,
                optional,
                mailed_at=email.created_at,
                base_url=self._settings.base_url,
                secret_key=self._settings.secret_key,
            )
        with i18n.use_locale(locale):
            digest = Digest(
                today=self._today,
                name=receiver.name,
                actor=(
                    receiver.name
                    if isinstance(receiver, Actor)
                    else _employer(receiver, self._words.owners(lines))
                ),
                shared_mailbox=isinstance(receiver, Actor),
                absent=absent,
                unsubscribe_url=unsubscribe_url,
                optional=optional,
                is_first=absent is None and email.user_id in self._first_time,
                audiences=_audiences(lines),
                lines=tuple(
                    self._line(task_id, keys, link=links.get(task_id), locale=locale)
                    for task_id, keys in lines.items()
                ),
            )
        secrets = {url: self._page(task_id) for task_id, url in links.items()}
        if unsubscribe_url:
            secrets[unsubscribe_url] = f"{self._settings.base_url}/account/mail"
        return Built(digest=digest, secrets=secrets)

    def _keys(self) -> list[Key]:
        return [key for lines in self._lines.values() for keys in lines.values() for key in keys]

    def _holds(self, key: Key) -> bool:
        task = self._facts.tasks.get(key.task_id)
        return task is not None and still_holds(
            key, task, people=self._facts.people, rules=self._facts.rules, today=self._today
        )

    def _page(self, task_id: int) -> str:
        return f"{self._settings.base_url}/tasks/{task_id}"

    def _line(self, task_id: int, keys: Sequence[Key], *, link: str | None, locale: str) -> Line:
        """Return the one line that a receiver gets about a task; the weightiest reminder leads."""
        task = self._words.tasks[task_id]
        main = min(keys, key=lambda key: _ORDER[section_of(key.step)])
        section = section_of(main.step)
        if section is Section.DUE_SOON and task.deadline and task.deadline < self._today:
            section = Section.OVERDUE  # The mail has been delayed past the deadline.
        title = title_of(task, locale)
        told = None
        if section is Section.OVERDUE and main.audience in _OWNERS_SIDE:
            told = next_escalation(
                self._facts.tasks[task_id],
                people=self._facts.people,
                rules=self._facts.rules,
                today=self._today,
                calendar=closed_days.calendar(self._settings.closed_days),
            )
        return Line(
            section=section,
            ref=task.ref,
            title=title.text,
            title_locale=title.locale,
            url=link or self._page(task_id),
            by_link=link is not None,
            deadline=task.deadline,
            precision=task.deadline_precision or "day",
            number=(
                self._words.number(main) if section in {Section.DUE_SOON, Section.OVERDUE} else 1
            ),
            leads_told_on=told[1] if told and told[0] is StepKind.ESCALATE_LEAD else None,
            secretariat_told_on=(
                told[1] if told and told[0] is StepKind.ESCALATE_COORDINATOR else None
            ),
            notices=tuple(self._notices(keys, task)),
            **excerpt(keys, task, locale),
        )

    def _notices(self, keys: Sequence[Key], task: AnyRow) -> Iterator[Notice]:
        for key in _newsworthy(keys):
            notice = _notice(key, task, self._words)
            if notice is not None:
                yield notice
            if section_of(key.step) is Section.RAISED:
                place = key.task_id, key.series
                yield _sent_before(self._earlier(self._words.sent_before[place]))
                told = self._earlier(self._words.leads_told[place])
                if told and key.step == StepKind.ESCALATE_COORDINATOR:
                    yield Notice(kind="lead_told", what=_told_when(told))

    def _earlier(self, sent: Iterable[SentBefore]) -> list[SentBefore]:
        return [one for one in sent if one.on < self._today]


def _optional(lines: _Lines) -> tuple[OptionalKind, ...]:
    """Return the kinds among these lines that may be switched off."""
    found = {
        optional_kind(key.step, is_copy=key.audience == Audience.COPY)
        for keys in lines.values()
        for key in keys
    }
    return tuple(kind for kind in OptionalKind if kind in found)


def _sent_before(sent: Sequence[SentBefore]) -> Notice:
    """Say which reminders went to whom before, so that nobody has to ask."""
    if not sent:
        return Notice(kind="none_sent_before")
    kind = "sent_before" if len(sent) <= SENT_SHOWN else "last_sent_before"
    return Notice(kind=kind, what=_told_when(sent[-SENT_SHOWN:]), who=str(len(sent)))


def _told_when(sent: Iterable[SentBefore]) -> str:
    """Return who got what, each with the days."""
    days: defaultdict[str, list[str]] = defaultdict(list)
    for one in sent:
        name = one.name
        if one.absent:
            name = i18n.gettext("%(name)s for %(absent)s", name=one.name, absent=one.absent)
        days[name].append(i18n.format_date_short(one.on))
    return "; ".join(f"{name} {i18n.format_list(of_name)}" for name, of_name in days.items())


def _asks(keys: Iterable[Key]) -> bool:
    """Return whether the receiver may answer without signing in."""
    return any(
        key.audience in _OWNERS_SIDE
        and (section_of(key.step) in ASKING or key.step in _ANSWERABLE_NEWS)
        for key in keys
    )


def _audiences(lines: _Lines) -> tuple[str, ...]:
    found = {key.audience for keys in lines.values() for key in keys}
    return tuple(audience for audience in Audience if audience in found)


def _newsworthy(keys: Sequence[Key]) -> list[Key]:
    """Put whose the task is first, and of several decisions on the deadline keep the last."""
    decided = [key for key in keys if key.step == StepKind.DEADLINE_DECIDED]
    outdated = sorted(decided, key=lambda key: int(key.occurrence))[:-1]
    kept = [key for key in keys if key not in outdated]
    return sorted(kept, key=lambda key: key.step != StepKind.ASSIGNED)


def _notice(key: Key, task: AnyRow, words: Words) -> Notice | None:
    """Return the sentence that a reminder adds to its line, if it needs one."""
    owner = task.owner or ""
    cause = int(key.occurrence) if key.occurrence.isdigit() else 0
    match key.step:
        case StepKind.ASSIGNED | StepKind.CONFIRMED | StepKind.LOOK_AGAIN:
            return Notice(kind=key.step)
        case StepKind.QUESTION:
            if task.last_update_at is None:
                return Notice(kind="question_unanswered")
            last = i18n.format_date_long(local_date(task.last_update_at, words.timezone))
            return Notice(kind="question", what=last)
        case StepKind.UNSETTLED:
            parts = [i18n.gettext(PARTS[part]) for part in unsettled_parts(task)]
            return Notice(kind=key.step, what=i18n.format_list(parts))
        case StepKind.ESCALATE_LEAD | StepKind.ESCALATE_COORDINATOR:
            who = task.responsible or owner
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


def _employer(user: User, owner_ids: Collection[int | None]) -> str:
    """Return the actor in whose name the receiver's answers are kept; empty where none is."""
    own = [membership.actor for membership in user.memberships if membership.actor]
    for actor in own:
        if actor.id in owner_ids:
            return actor.name
    return own[0].name if own else ""
