"""The one row about the installation: its flags, and what it says of itself."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from tracker.db import columns, prepared
from tracker.domain import png
from tracker.domain.errors import ForbiddenError, InvalidError
from tracker.domain.identity import Identity
from tracker.domain.roles import Person
from tracker.domain.text import one_line
from tracker.models import Installation
from tracker.services import audit

LONGEST: Final = {
    "name": 60,
    "purpose_nb": 300,
    "purpose_nn": 300,
    "purpose_en": 300,
    "forum_nb": 100,
    "forum_nn": 100,
    "forum_en": 100,
    "contact": 254,
    "privacy_url": 500,
    "accessibility_url": 500,
}
"""What can be set in words, with the most characters of each."""


UNKNOWN: Final = Identity()


class About(NamedTuple):
    """What every page and every mail asks about the installation."""

    demonstration_on: dt.date | None = None
    identity: Identity = UNKNOWN


def about(session: Session) -> About:
    """Return what every page and every mail asks."""
    [[demonstration_on, stored]] = columns(session, *_about())
    return About(demonstration_on, Identity.of(stored))


@prepared
def _about() -> Select[dt.date | None, dict[str, Any] | None]:
    return select(Installation.demonstration_on, Installation.identity)


def is_demonstration(session: Session) -> bool:
    """Return whether the database holds demonstration data."""
    return demonstration_on(session) is not None


def demonstration_on(session: Session) -> dt.date | None:
    """Return the date that the demonstration data was made around, or None."""
    return about(session).demonstration_on


def set_demonstration(session: Session, *, on: dt.date | None) -> None:
    """Mark the database as a demonstration made around `on`, or as none."""
    session.execute(update(Installation).values(demonstration_on=on))


def describe(session: Session, *, by: Person | None, values: Mapping[str, str]) -> Identity:
    """Change what the installation says of itself, for the admin or a command (None).

    `values` hold some of `LONGEST`; an empty one goes back to neutral words. Raises InvalidError
    at a field, ForbiddenError.
    """
    return _change(session, by, {name: _checked(name, text) for name, text in values.items()})


def set_logo(session: Session, *, by: Person | None, content: bytes | None) -> Identity:
    """Show the PNG `content` as the logo, or none; raises InvalidError at `logo`."""
    version, size = "", png.Size(0, 0)
    if content is not None:
        try:
            size = png.measure(content)
        except png.PictureError as error:
            raise InvalidError("logo", str(error)) from error
        version = hashlib.sha256(content).hexdigest()[:12]
    values = {"logo_version": version, "logo_width": size.width, "logo_height": size.height}
    identity = _change(session, by, values)
    session.execute(update(Installation).values(logo=content))
    return identity


def logo(session: Session) -> bytes | None:
    """Return the logo, a PNG, or None."""
    return session.scalar(select(Installation.logo))


def lock(session: Session) -> Installation:
    """Return the row locked until the transaction ends: what serialises planning."""
    return session.scalars(select(Installation).with_for_update()).one()


def _change(session: Session, by: Person | None, values: Mapping[str, Any]) -> Identity:
    if by is not None and not by.is_admin:
        raise ForbiddenError("for_the_administrator")
    row = lock(session)
    before = Identity.of(row.identity)
    after = replace(before, **values)
    old, new = asdict(before), asdict(after)
    changed = [name for name in new if new[name] != old[name]]
    if changed:
        row.identity = {name: value for name, value in new.items() if value}
        session.flush()
        audit.record(
            session,
            by=by,
            action="installation.described",
            entity="installation",
            entity_id=row.id,
            before={name: old[name] for name in changed},
            after={name: new[name] for name in changed},
        )
    return after


def _checked(field: str, text: str) -> str:
    most = LONGEST[field]
    if len(text) > most:
        raise InvalidError(field, "text_too_long", length=len(text), most=most)
    value = one_line(text)
    if value and field.endswith("_url") and not _is_https(value):
        raise InvalidError(field, "no_https_address")
    if value and field == "contact" and not _is_https(value):
        try:
            return validate_email(value, check_deliverability=False).normalized
        except EmailNotValidError as error:
            raise InvalidError(field, "bad_contact") from error
    return value


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and " " not in text
    except ValueError:
        return False
