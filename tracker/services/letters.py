"""Turns a row of the outbox into a mail, from what is true at this moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from config import Settings
from tracker.mail import letters
from tracker.mail.letters import Frame, Rendered
from tracker.mail.message import Email, Mailbox
from tracker.models import Actor, OutgoingEmail, Task, User
from tracker.services import answer_links, digests, installation

SENDER_NAME: Final = "Oppfølging"


@dataclass(frozen=True)
class Letter:
    """A mail that is ready to be sent."""

    email: Email
    secrets: Mapping[str, str]
    """Addresses that let in whoever has them, with what stands in their place in the copy."""

    def copy(self) -> Rendered:
        """Return the words without the secrets, to be kept."""
        text, html = self.email.text, self.email.html
        for secret, instead in self.secrets.items():
            text, html = text.replace(secret, instead), html.replace(secret, instead)
        return Rendered(self.email.subject, text, html)


@dataclass(frozen=True)
class _Words:
    rendered: Rendered
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What the writer of a letter is given."""

    session: Session
    email: OutgoingEmail
    receiver: User | Actor | None
    """None: an address of nobody known."""
    frame: Frame
    settings: Settings
    now: dt.datetime

    @property
    def name(self) -> str:
        return self.receiver.name if self.receiver else ""

    @property
    def greeted(self) -> str:
        """Return what the receiver is called in the greeting, as in the digest."""
        return self.name.split(maxsplit=1)[0] if isinstance(self.receiver, User) else self.name

    @property
    def payload(self) -> dict[str, Any]:
        return self.email.payload or {}


def compose(
    session: Session, email: OutgoingEmail, *, settings: Settings, now: dt.datetime
) -> Letter | None:
    """Return the letter for `email`, or None where there is nothing left to say or nobody to tell.

    The lines of a digest that no longer hold are cancelled along the way.
    """
    receiver = _receiver(session, email)
    frame = Frame(
        locale=receiver.locale if receiver else settings.locale,
        base_url=settings.base_url,
        can_reply=settings.reply_to is not None,
        demonstration=installation.is_demonstration(session),
    )
    order = _Order(
        session=session, email=email, receiver=receiver, frame=frame, settings=settings, now=now
    )
    words = _WRITERS[email.kind](order)
    to = _address(order)
    if words is None or not to:
        return None
    sender = Mailbox.parse(settings.mail_from)
    host = urlsplit(settings.base_url).hostname or "localhost"
    finished = Email(
        message_id=email.message_id,
        sender=sender if sender.name else replace(sender, name=SENDER_NAME),
        to=Mailbox(address=to, name=order.name),
        reply_to=Mailbox.parse(settings.reply_to) if settings.reply_to else None,
        subject=words.rendered.subject,
        text=words.rendered.text,
        html=words.rendered.html,
        locale=frame.locale,
        kind=email.kind,
        sent_at=now,
        list_id=f"reminders.{host}" if email.kind == "digest" else "",
    )
    return Letter(finished, words.secrets)


def _receiver(session: Session, email: OutgoingEmail) -> User | Actor | None:
    if email.user_id is not None:
        return session.get_one(User, email.user_id)
    return session.get_one(Actor, email.actor_id) if email.actor_id is not None else None


def _address(order: _Order) -> str:
    """Return where the mail goes as things are now; empty where it must go nowhere."""
    match order.receiver:
        case User(active=True, email=address):
            return address
        case Actor(email=str(address)):
            return address
        case None:
            return order.email.addressee.partition(":")[2]
        case _:
            return ""


def _digest(order: _Order) -> _Words | None:
    if order.receiver is None:
        return None
    built = digests.build(
        order.session,
        order.email,
        receiver=order.receiver,
        settings=order.settings,
        now=order.now,
        locale=order.frame.locale,
    )
    return _Words(letters.digest(order.frame, built.digest), built.secrets) if built else None


def _sign_in(order: _Order) -> _Words | None:
    url = order.payload["url"]
    left = dt.datetime.fromisoformat(order.payload["expires_at"]) - order.now
    if left <= dt.timedelta():
        return None
    rendered = letters.sign_in(
        order.frame, name=order.greeted, url=url, minutes=max(1, round(left.total_seconds() / 60))
    )
    return _Words(rendered, {url: f"{order.settings.base_url}/sign-in"})


def _answer_link(order: _Order) -> _Words:
    settings = order.settings
    task = order.session.get_one(Task, order.payload["task_id"])
    links = answer_links.issue(order.session, email=order.email, task_ids=[task.id], now=order.now)
    url = answer_links.address(
        links[task.id], base_url=settings.base_url, secret_key=settings.secret_key
    )
    rendered = letters.answer_link(
        order.frame,
        name=order.greeted,
        ref=task.ref,
        title=digests.title_of(task, order.frame.locale).text,
        url=url,
    )
    return _Words(rendered, {url: f"{settings.base_url}/tasks/{task.id}"})


def _test(order: _Order) -> _Words:
    return _Words(letters.test(order.frame))


_WRITERS: Final[dict[str, Callable[[_Order], _Words | None]]] = {
    "digest": _digest,
    "sign_in": _sign_in,
    "answer_link": _answer_link,
    "test": _test,
}
