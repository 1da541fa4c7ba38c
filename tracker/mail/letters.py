"""One function per mail: it puts together the words that its templates need.

The templates are `templates/emails/<name>.html` and `.txt`. A mail is rendered each time that it
is sent, in the receiver's language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from tracker import i18n
from tracker.i18n import _
from tracker.mail.digest import Digest

_TEMPLATES: Final = Path(__file__).parents[2] / "templates"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What surrounds the words of every mail."""

    locale: str
    base_url: str
    can_reply: bool = False
    """Whether an answer to the mail reaches the secretariat."""
    demonstration: bool = False


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
        return _render("test", frame, _("Test of mail from the follow-up"))


def _render(template: str, frame: Frame, subject: str, **context: Any) -> Rendered:
    values = {"frame": frame, "subject": subject, **context}
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
