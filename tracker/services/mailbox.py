"""The built-in mailbox: the mails that were sent, for those who may read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, defer

from config import Settings
from tracker.domain.errors import NotFoundError
from tracker.domain.roles import Person
from tracker.models import SIGNING_IN, OutgoingEmail
from tracker.services import installation, outbox, paging
from tracker.services.tasks import LARGEST_ID

PAGE_SIZE: Final = 25


@dataclass(frozen=True)
class Page:
    """Some of `total` mails, newest first, and the ids to page on from (None: no such page)."""

    emails: Sequence[OutgoingEmail]
    total: int
    newer_than: int | None
    older_than: int | None


def page(
    session: Session,
    *,
    by: Person,
    settings: Settings,
    receiver: str = "",
    older_than: int | None = None,
    newer_than: int | None = None,
) -> Page:
    """Return a page of the sent mails that `by` may read, without their bodies.

    `receiver` is a part of the address; `older_than` or `newer_than` is the id of a mail on the
    page before or after.
    """
    wanted = _readable(session, by, settings)
    if receiver:
        wanted = wanted.where(
            func.lower(OutgoingEmail.to_address).contains(receiver.strip().lower(), autoescape=True)
        )
    total = session.scalar(wanted.with_only_columns(func.count(OutgoingEmail.id))) or 0
    wanted = paging.newest_first(
        wanted, OutgoingEmail.id, older_than=older_than, newer_than=newer_than
    )
    without_bodies = defer(OutgoingEmail.text_body), defer(OutgoingEmail.html_body)
    piece = paging.piece(
        session.scalars(wanted.options(*without_bodies).limit(PAGE_SIZE + 1)),
        size=PAGE_SIZE,
        first=older_than is None,
        backwards=newer_than is not None,
    )
    return Page(
        emails=piece.rows,
        total=total,
        newer_than=piece.before.id if piece.before else None,
        older_than=piece.after.id if piece.after else None,
    )


def show(session: Session, *, by: Person, settings: Settings, email_id: int) -> OutgoingEmail:
    """Return one sent mail; raises NotFoundError where `by` may not read it."""
    email = session.scalar(
        _readable(session, by, settings).where(OutgoingEmail.id == min(email_id, LARGEST_ID))
    )
    if email is None:
        raise NotFoundError("no_such_mail")
    return email


def _readable(session: Session, by: Person, settings: Settings) -> Select[OutgoingEmail]:
    """Everybody reads their own mail, the admin the tests; on a demonstration everybody reads all.

    Where others can reach the demonstration, sign-in links are for their receivers alone: they
    would let anybody become administrator.
    """
    sent = select(OutgoingEmail).where(OutgoingEmail.state == "sent")
    to_me = outbox.to_user(by.user_id)
    own = or_(
        OutgoingEmail.sent_to == to_me,
        (OutgoingEmail.user_id == by.user_id) & OutgoingEmail.sent_to.is_(None),
    )
    if by.is_admin:
        # A test says nothing about anybody, and whoever tried it wants to see it.
        own = or_(own, OutgoingEmail.kind == "test")
    if not installation.is_demonstration(session):
        return sent.where(own)
    if settings.is_local:
        return sent
    return sent.where(or_(own, OutgoingEmail.kind.not_in(SIGNING_IN)))
