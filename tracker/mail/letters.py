"""One function per mail: it puts together the words that its templates need.

The templates are `templates/emails/<name>.html` and `.txt`. A mail is rendered each time that it
is sent, in the receiver's language.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from tracker import i18n
from tracker.domain.identity import Contact, Identity
from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.mail import role_words
from tracker.mail.digest import Digest
from tracker.mail.message import LOGO_ID

_TEMPLATES: Final = Path(__file__).parents[2] / "templates"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What surrounds the words of every mail."""

    locale: str
    base_url: str
    can_reply: bool = False
    """Whether an answer to the mail reaches the secretariat."""
    demonstration: bool = False
    identity: Identity = field(default_factory=Identity)
    contact: Contact | None = None


@dataclass(frozen=True)
class Rendered:
    """A mail's words in one language."""

    subject: str
    text: str
    html: str


def digest(frame: Frame, digest: Digest) -> Rendered:
    """Ask for status and tell what is new: the reminder mail."""
    with i18n.use_locale(frame.locale):
        return _render("digest", frame, digest.subject(), digest=digest)


def sign_in(frame: Frame, *, name: str, url: str, minutes: int) -> Rendered:
    """Let a person in through `url`, which works once within `minutes`."""
    with i18n.use_locale(frame.locale):
        return _render(
            "sign_in", frame, _("Your sign-in link"), name=name, url=url, minutes=minutes
        )


@dataclass(frozen=True, kw_only=True)
class Invited:
    """What an invitation says: who asks whom in, as what, and how."""

    name: str
    inviter: str
    roles: Sequence[tuple[Role, str]]
    """Each with the name of its organisation; empty: in general."""
    url: str
    until: dt.date
    """The last day on which `url` works for sure."""


def invitation(frame: Frame, invited: Invited) -> Rendered:
    """Ask somebody new in: what this is, what will be asked, and a link that signs in once."""
    with i18n.use_locale(frame.locale):
        subject = _("Invitation to %(installation)s", installation=frame.identity.title)
        # Two roles may ask the same.
        asked = dict.fromkeys(_(role_words.ASKED[role]) for role, _actor in invited.roles)
        return _render(
            "invitation",
            frame,
            subject,
            invited=invited,
            until=i18n.format_date_long(invited.until),
            roles=[
                (_(role_words.ROLES[role]), actor, _(role_words.MAY[role]))
                for role, actor in invited.roles
            ],
            asked=list(asked),
        )


def answer_link(frame: Frame, *, name: str, ref: str, title: str, url: str) -> Rendered:
    """Send a fresh answer link to somebody whose old one had expired."""
    with i18n.use_locale(frame.locale):
        subject = _("New link to answer for %(ref)s", ref=ref)
        return _render("answer_link", frame, subject, name=name, ref=ref, title=title, url=url)


def password_set(frame: Frame, *, name: str) -> Rendered:
    """Tell a person of a new password, in case that was somebody else."""
    with i18n.use_locale(frame.locale):
        return _render("password_set", frame, _("You have a new password"), name=name)


def address_changed(frame: Frame, *, name: str, is_old: bool) -> Rendered:
    """Tell a person of a changed address, at the old one (`is_old`) or at the new one."""
    with i18n.use_locale(frame.locale):
        subject = _("Your e-mail address was changed")
        return _render("address_changed", frame, subject, name=name, is_old=is_old)


def test(frame: Frame) -> Rendered:
    """Show that mail from this installation arrives, with its Norwegian letters whole."""
    with i18n.use_locale(frame.locale):
        return _render("test", frame, _("Test of e-mail from the follow-up"))


def _render(template: str, frame: Frame, subject: str, **context: Any) -> Rendered:
    values = {"frame": frame, "subject": subject, "logo_id": LOGO_ID, **context}
    text = _environment().get_template(f"emails/{template}.txt").render(values)
    html = _environment().get_template(f"emails/{template}.html").render(values)
    # Parts that were left out leave no more than one empty line behind.
    text = re.sub(r"\n{3,}", "\n\n", text.strip()) + "\n"
    return Rendered(subject, text, _inliner().inline(html))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Jinja fills in the variables itself, so it gets the bare catalogues of the locale in force.
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: i18n.translations(i18n.get_locale()).ugettext(message),
        lambda *plural: i18n.translations(i18n.get_locale()).ungettext(*plural),
        newstyle=True,
    )
    # Where words come with their values, filling them in here takes a third of the time.
    environment.globals["_"] = i18n.gettext
    return environment


@cache
def _inliner() -> css_inline.CSSInliner:
    # Outlook wants the styles on the elements; the dark colours need their @media rule kept.
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
