"""Answering from a mail without signing in: what a link opens, and what is written through it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.errors import ConflictError, InvalidError, NotFoundError
from tracker.domain.status import Channel
from tracker.domain.text import person_name
from tracker.domain.updates import Answer, Author
from tracker.models import Actor, AnswerLink, OutgoingEmail, StatusUpdate, Task, User
from tracker.services import answer_links, ledger, outbox, sessions, tasks, updates

RENEW_EVERY: Final = dt.timedelta(minutes=10)
"""A fresh link is sent no more often than this, however often the button is pressed."""


class State(StrEnum):
    """What has become of a link."""

    OPEN = "open"
    EXPIRED = "expired"
    REVOKED = "revoked"
    """The task was given to somebody else, or the receiver may no longer answer for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A link that somebody has followed, and in whose name it lets them answer."""

    link: AnswerLink
    task: Task
    state: State
    author: Author
    name: str
    """The person; for a shared mailbox its actor."""
    actor: Actor | None
    """On whose behalf the answer will be."""
    locale: str

    @property
    def is_mailbox(self) -> bool:
        """Return whether it went to a shared mailbox, so that a name has to be stated."""
        return self.link.user_id is None


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another task of the same mail, with its own link and what was answered through it."""

    task: Task
    link: AnswerLink


def resolve(session: Session, *, token: str, secret_key: str, now: dt.datetime) -> Visit:
    """Return what the link with `token` opens; raises NotFoundError for one we did not make."""
    link = answer_links.read(session, token=token, secret_key=secret_key)
    if link is None:
        raise NotFoundError("no_such_link")
    return _visit(session, link, now)


def situation(
    session: Session, *, visit: Visit, today: dt.date, lock: bool = False
) -> updates.Situation:
    """Return where the task stands; a second visit corrects the answer of the first."""
    return updates.situation(
        session,
        by=visit.author,
        task_id=visit.link.task_id,
        corrects=visit.link.update_id,
        today=today,
        lock=lock,
    )


def answer(
    session: Session,
    *,
    visit: Visit,
    found: updates.Situation,
    answer: Answer,
    stated_name: str = "",
    seen: int,
    now: dt.datetime,
    timezone: str,
) -> StatusUpdate:
    """Write an answer through the link; raises like `updates.give`, and where it is not open."""
    given = updates.give(
        session,
        by=_speaking(visit, stated_name),
        found=found,
        answer=answer,
        seen=seen,
        now=now,
        timezone=timezone,
    )
    visit.link.update_id = given.id
    return given


def repeat(session: Session, *, visit: Visit, now: dt.datetime, timezone: str) -> StatusUpdate:
    """Say through the link that nothing has changed."""
    given = updates.repeat(
        session,
        by=_speaking(visit, ""),
        task_id=visit.link.task_id,
        now=now,
        timezone=timezone,
    )
    visit.link.update_id = given.id
    return given


def not_mine(
    session: Session,
    *,
    visit: Visit,
    comment: str,
    stated_name: str = "",
    now: dt.datetime,
    timezone: str,
) -> StatusUpdate:
    """Tell the secretariat through the link that the task is somebody else's."""
    author = _speaking(visit, stated_name)
    given = updates.not_mine(
        session, by=author, task_id=visit.link.task_id, comment=comment, now=now, timezone=timezone
    )
    visit.link.update_id = given.id
    return given


def given(session: Session, *, visit: Visit) -> StatusUpdate | None:
    """Return the last answer that was given through the link."""
    if visit.link.update_id is None:
        return None
    return session.get_one(
        StatusUpdate, visit.link.update_id, options=[joinedload(StatusUpdate.actor)]
    )


def others(session: Session, *, visit: Visit, now: dt.datetime) -> Sequence[Sibling]:
    """Return the other tasks of the same mail whose links are open."""
    rows = session.execute(
        tasks.visible_to(visit.author.person)
        .join(AnswerLink, AnswerLink.task_id == Task.id)
        .with_only_columns(Task, AnswerLink)
        .where(
            AnswerLink.email_id == visit.link.email_id,
            AnswerLink.id != visit.link.id,
            AnswerLink.revoked_at.is_(None),
            AnswerLink.expires_at > now,
        )
        .order_by(AnswerLink.id)
    )
    return [Sibling(task, link) for task, link in rows]


def renew(session: Session, *, visit: Visit, mail_from: str, now: dt.datetime) -> None:
    """Send a fresh link to the same receiver; raises ConflictError unless the old one expired."""
    if visit.state is not State.EXPIRED:
        raise ConflictError("link_not_expired")
    link = visit.link
    if link.user_id is not None:
        addressee = outbox.to_user(link.user_id)
    elif link.actor_id is not None:
        addressee = outbox.to_actor(link.actor_id)
    else:
        raise NotFoundError("no_such_link")
    recent = session.scalars(
        select(OutgoingEmail.payload).where(
            OutgoingEmail.kind == "answer_link",
            OutgoingEmail.addressee == addressee,
            OutgoingEmail.created_at > now - RENEW_EVERY,
        )
    )
    if link.task_id not in {(payload or {}).get("task_id") for payload in recent}:
        outbox.queue_email(
            session,
            kind="answer_link",
            addressee=addressee,
            mail_from=mail_from,
            now=now,
            payload={"task_id": link.task_id},
        )


def _visit(session: Session, link: AnswerLink, now: dt.datetime) -> Visit:
    if link.user_id is not None:
        user = session.get_one(User, link.user_id)
        person = sessions.person_of(user) if user.active else None
        name, locale = user.name, user.locale
        author = Author(person=person, channel=Channel.EMAIL_LINK)
    else:
        mailbox = session.get_one(Actor, link.actor_id)
        name, locale = mailbox.name, mailbox.locale
        author = Author(mailbox_of=mailbox.id, channel=Channel.EMAIL_LINK)
    task = session.scalar(
        tasks.visible_to(author.person)
        .where(Task.id == link.task_id)
        .options(joinedload(Task.owner))
    )
    if task is None:
        raise NotFoundError("no_such_link")
    contributors = ledger.contributors(session, task_id=task.id)
    side = author.side(owner_id=task.owner_id, contributor_ids=contributors)
    if link.revoked_at is not None or side is None:
        state = State.REVOKED
    else:
        state = State.OPEN if now < link.expires_at else State.EXPIRED
    return Visit(
        link=link,
        task=task,
        state=state,
        author=author,
        name=name,
        actor=_own_actor(session, author, task, contributors),
        locale=locale,
    )


def _own_actor(
    session: Session, author: Author, task: Task, contributors: frozenset[int]
) -> Actor | None:
    if task.owner_id is not None and task.owner_id in author.actor_ids:
        return task.owner
    found = author.actor_ids & contributors
    return session.get_one(Actor, min(found)) if found else None


def _speaking(visit: Visit, stated_name: str) -> Author:
    if visit.state is not State.OPEN:
        raise ConflictError("link_not_open")
    if not visit.is_mailbox:
        return visit.author
    if not stated_name:
        raise InvalidError("stated_name", "state_your_name")
    return replace(visit.author, stated_name=person_name("stated_name", stated_name))
