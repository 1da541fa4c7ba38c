"""Turns rows of the outbox into mails, from what is true when they are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

import addresses
from config import Settings
from tracker.clock import local_date
from tracker.domain.absences import Away, stand_in
from tracker.domain.roles import Role
from tracker.mail import letters
from tracker.mail.digest import Absent
from tracker.mail.letters import Frame, Rendered
from tracker.mail.message import Email, Mailbox
from tracker.models import Actor, Membership, OutgoingEmail, Task, User
from tracker.services import (
    absences,
    answer_links,
    installation,
    outbox,
    sessions,
    sign_in,
)
from tracker.services.digests import Digests, title_of
from tracker.services.return_paths import return_path


@dataclass(frozen=True)
class Letter:
    """A mail that is ready to be sent."""

    email: Email
    secrets: Mapping[str, str]
    """Addresses that let in whoever has them, with what stands in their place in the copy."""
    had_failed: bool
    """Whether the receiver's address had been found not to work."""
    sent_to: str | None = None
    """The substitute (`user:<id>`) to whom it goes instead."""
    reminder_ids: Sequence[int] = ()
    """The reminders that it tells of."""

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
    unsubscribe_url: str = ""


_Write: TypeAlias = Callable[[], _Words]


def _first_name(name: str) -> str:
    """Return what a person is called in a greeting."""
    return name.split(maxsplit=1)[0]


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What is read for one mail."""

    session: Session
    email: OutgoingEmail
    receiver: User | Actor | None
    """None: an address of nobody known."""
    absent: Absent | None
    """Whose mail it is, where it goes to a substitute."""
    frame: Frame
    settings: Settings
    now: dt.datetime
    digests: Digests
    logo: bytes

    @property
    def name(self) -> str:
        return self.receiver.name if self.receiver else ""

    @property
    def greeted(self) -> str:
        """Return what the receiver is called in the greeting, as in the digest."""
        return _first_name(self.name) if isinstance(self.receiver, User) else self.name

    @property
    def payload(self) -> dict[str, Any]:
        return self.email.payload or {}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What one mail says and to whom, as it was read from the database."""

    order: _Order
    to: str
    write: _Write

    def letter(self) -> Letter:
        """Put it into words; the database is asked nothing more."""
        email, receiver, settings = self.order.email, self.order.receiver, self.order.settings
        words, frame = self.write(), self.order.frame
        sender = Mailbox.parse(settings.mail_from)
        host = urlsplit(settings.base_url).hostname or "localhost"
        finished = Email(
            message_id=email.message_id,
            sender=sender if sender.name else replace(sender, name=frame.identity.title),
            to=Mailbox(address=self.to, name=self.order.name),
            reply_to=Mailbox.parse(settings.reply_to) if settings.reply_to else None,
            return_path=return_path(email, settings=settings),
            subject=words.rendered.subject,
            text=words.rendered.text,
            html=words.rendered.html,
            locale=frame.locale,
            kind=email.kind,
            sent_at=self.order.now,
            unsubscribe_url=words.unsubscribe_url,
            list_id=f"reminders.{addresses.ascii_host(host)}" if email.kind == "digest" else "",
            logo=self.order.logo,
        )
        had_failed = isinstance(receiver, User) and receiver.email_failed_at is not None
        instead = isinstance(receiver, User) and receiver.id != email.user_id
        sent_to = outbox.to_user(receiver.id) if isinstance(receiver, User) and instead else None
        told = self.order.digests.reminder_ids(email)
        return Letter(finished, words.secrets, had_failed, sent_to, told)


def drafts(
    session: Session, emails: Sequence[OutgoingEmail], *, settings: Settings, now: dt.datetime
) -> dict[int, Draft]:
    """Return by id what `emails` say, but for those with nothing to say or nobody to tell.

    However many digests there are, the number of queries is the same. Lines of theirs that no
    longer hold are cancelled along the way.
    """
    away = absences.of_day(session, day=local_date(now, settings.timezone))
    receivers = _Receivers(session, emails, away)
    digests = Digests(
        session,
        [email for email in emails if email.kind == "digest"],
        instead={
            email.id: sessions.person_of(substitute)
            for email in emails
            if (substitute := receivers.substitute_of(email)) is not None
        },
        settings=settings,
        now=now,
    )
    about = installation.about(session)
    logo = installation.logo(session) if about.identity.logo_version else None
    found = {}
    for email in emails:
        receiver = receivers.of(email)
        frame = Frame(
            locale=receiver.locale if receiver else _locale(email, settings),
            base_url=settings.base_url,
            can_reply=settings.reply_to is not None,
            demonstration=about.demonstration_on is not None,
            identity=about.identity,
            contact=about.identity.contact_or(settings.reply_to),
        )
        order = _Order(
            session=session,
            email=email,
            receiver=receiver,
            absent=receivers.absent(email),
            frame=frame,
            settings=settings,
            now=now,
            digests=digests,
            logo=logo or b"",
        )
        write, to = _WRITERS[email.kind](order), _address(order)
        if write is not None and to:
            found[email.id] = Draft(order=order, to=to, write=write)
    return found


class _Receivers:
    """Those to whom some mails go; reminders of who is away go to a substitute."""

    def __init__(
        self, session: Session, emails: Sequence[OutgoingEmail], away: Mapping[int, Away]
    ) -> None:
        self._away = away
        user_ids = {email.user_id for email in emails if email.user_id is not None}
        user_ids |= {stand_in(user_id, away=away) for user_id in user_ids}
        users = session.scalars(
            select(User)
            .where(User.id.in_(user_ids))
            .options(selectinload(User.memberships).joinedload(Membership.actor))
        )
        self._users = {user.id: user for user in users}
        actor_ids = {email.actor_id for email in emails} - {None}
        actors = session.scalars(select(Actor).where(Actor.id.in_(actor_ids))) if actor_ids else ()
        self._actors = {actor.id: actor for actor in actors}

    def substitute_of(self, email: OutgoingEmail) -> User | None:
        """Return to whom a digest goes because the addressee is away; None: to the addressee."""
        if email.kind != "digest" or email.user_id is None:
            return None
        found = self._users[stand_in(email.user_id, away=self._away)]
        is_reachable = found.active and found.email_failed_at is None
        return found if is_reachable and found.id != email.user_id else None

    def absent(self, email: OutgoingEmail) -> Absent | None:
        """Return whose mail a substitute gets, and until when that is so."""
        if email.user_id is None or self.substitute_of(email) is None:
            return None
        return Absent(self._users[email.user_id].name, self._away[email.user_id].last_on)

    def of(self, email: OutgoingEmail) -> User | Actor | None:
        """Return the person or the actor; None where the mail goes to a bare address."""
        if email.user_id is not None:
            return self.substitute_of(email) or self._users[email.user_id]
        return None if email.actor_id is None else self._actors[email.actor_id]


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


def _locale(email: OutgoingEmail, settings: Settings) -> str:
    """Return the language of a mail to an address of nobody known."""
    return str((email.payload or {}).get("locale", settings.locale))


def _digest(order: _Order) -> _Write | None:
    email, receiver = order.email, order.receiver
    if receiver is None or not order.digests.has_lines(email):
        return None

    def write() -> _Words:
        built = order.digests.build(
            email, receiver=receiver, absent=order.absent, locale=order.frame.locale
        )
        rendered = letters.digest(order.frame, built.digest)
        return _Words(rendered, built.secrets, built.digest.unsubscribe_url)

    return write


def _sign_in(order: _Order) -> _Write | None:
    url = order.payload["url"]
    left = dt.datetime.fromisoformat(order.payload["expires_at"]) - order.now
    if left <= dt.timedelta():
        return None
    minutes = max(1, round(left.total_seconds() / 60))

    def write() -> _Words:
        rendered = letters.sign_in(order.frame, name=order.greeted, url=url, minutes=minutes)
        return _Words(rendered, {url: f"{order.settings.base_url}/sign-in"})

    return write


def _invitation(order: _Order) -> _Write | None:
    url, receiver = order.payload["url"], order.receiver
    found = sign_in.find_link(order.session, token=url.rpartition("/")[2], now=order.now)
    # Another way in was taken meanwhile, or another invitation sent.
    if found.state is not sign_in.LinkState.USABLE or not isinstance(receiver, User):
        return None
    ends = dt.datetime.fromisoformat(order.payload["expires_at"])
    invited = letters.Invited(
        name=order.greeted,
        inviter=order.payload["inviter"],
        roles=[
            (Role(membership.role), membership.actor.name if membership.actor else "")
            for membership in receiver.memberships
        ],
        url=url,
        until=local_date(ends, order.settings.timezone) - dt.timedelta(days=1),
    )
    return lambda: _Words(
        letters.invitation(order.frame, invited), {url: f"{order.settings.base_url}/sign-in"}
    )


def _answer_link(order: _Order) -> _Write:
    settings = order.settings
    task = order.session.get_one(Task, order.payload["task_id"])
    links = answer_links.issue(order.session, wanted=[(order.email, [task.id])], now=order.now)
    url = answer_links.address(
        links[order.email.id, task.id], base_url=settings.base_url, secret_key=settings.secret_key
    )

    def write() -> _Words:
        rendered = letters.answer_link(
            order.frame,
            name=order.greeted,
            ref=task.ref,
            title=title_of(task, order.frame.locale).text,
            url=url,
        )
        return _Words(rendered, {url: f"{settings.base_url}/tasks/{task.id}"})

    return write


def _password_set(order: _Order) -> _Write:
    return lambda: _Words(letters.password_set(order.frame, name=order.greeted))


def _address_changed(order: _Order) -> _Write:
    name = _first_name(order.payload["name"])
    return lambda: _Words(
        letters.address_changed(order.frame, name=name, is_old=order.receiver is None)
    )


def _test(order: _Order) -> _Write:
    return lambda: _Words(letters.test(order.frame))


_WRITERS: Final[dict[str, Callable[[_Order], _Write | None]]] = {
    "digest": _digest,
    "sign_in": _sign_in,
    "invitation": _invitation,
    "answer_link": _answer_link,
    "password_set": _password_set,
    "address_changed": _address_changed,
    "test": _test,
}
