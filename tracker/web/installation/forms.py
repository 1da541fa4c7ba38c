"""The forms about the installation."""

from __future__ import annotations

from dataclasses import asdict

from flask_wtf.file import FileField
from wtforms import StringField, TextAreaField

from tracker.domain.identity import Identity
from tracker.i18n import _l
from tracker.services.installation import LONGEST
from tracker.web.forms import BaseForm, Longest


class DescriptionForm(BaseForm):
    """What the installation says of itself; what is left empty is said in neutral words."""

    name = StringField(_l("Name"), [Longest(LONGEST["name"])])
    purpose_nb = TextAreaField(_l("Purpose, in bokmål"), [Longest(LONGEST["purpose_nb"])])
    purpose_nn = TextAreaField(_l("Purpose, in nynorsk"), [Longest(LONGEST["purpose_nn"])])
    purpose_en = TextAreaField(_l("Purpose, in English"), [Longest(LONGEST["purpose_en"])])
    forum_nb = StringField(_l("The forum, in bokmål"), [Longest(LONGEST["forum_nb"])])
    forum_nn = StringField(_l("The forum, in nynorsk"), [Longest(LONGEST["forum_nn"])])
    forum_en = StringField(_l("The forum, in English"), [Longest(LONGEST["forum_en"])])
    contact = StringField(_l("Contact"), [Longest(LONGEST["contact"])])
    privacy_url = StringField(_l("Privacy statement"), [Longest(LONGEST["privacy_url"])])
    accessibility_url = StringField(
        _l("Accessibility statement"), [Longest(LONGEST["accessibility_url"])]
    )

    @classmethod
    def of(cls, identity: Identity, *, action: str) -> DescriptionForm:
        """Return the form filled with what the installation says now."""
        return cls(action=action, data=asdict(identity))

    def values(self) -> dict[str, str]:
        """Return what was typed."""
        return {name: self[name].data or "" for name in LONGEST}


class LogoForm(BaseForm):
    """A picture."""

    logo = FileField(_l("PNG file"))
