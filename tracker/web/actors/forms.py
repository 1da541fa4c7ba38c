"""The form about an actor."""

from __future__ import annotations

from wtforms import EmailField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired

from tracker.domain.versions import version_of
from tracker.i18n import _l
from tracker.models import Actor
from tracker.services import actors
from tracker.web import words
from tracker.web.forms import BaseForm


class ActorForm(BaseForm):
    """What is known about an actor."""

    name = StringField(_l("Name"), [DataRequired(_l("Write the name."))])
    aliases = TextAreaField(
        _l("Other names"), description=_l("Abbreviations and other spellings, one on each line.")
    )
    organisation_number = StringField(
        _l("Organisation number"), description=_l("Nine digits, as in Enhetsregisteret.")
    )
    email = EmailField(
        _l("Shared mailbox"),
        description=_l("Gets the reminders about tasks for which nobody is responsible."),
    )
    locale = SelectField(_l("Language of e-mails to the mailbox"))
    version = HiddenField()

    @classmethod
    def of(cls, actor: Actor | None) -> ActorForm:
        """Return the form filled with what is known about `actor`, or empty for a new one."""
        facts = actors.facts_of(actor) if actor else actors.Facts(name="")
        form = cls(
            data={
                "name": facts.name,
                "aliases": "\n".join(facts.aliases),
                "organisation_number": facts.organisation_number,
                "email": facts.email,
                "locale": facts.locale,
                "version": version_of(facts),
            }
        )
        form.locale.choices = words.choices(words.LANGUAGES)
        return form

    def facts(self) -> actors.Facts:
        """Return what was typed."""
        lines = (line.strip() for line in (self.aliases.data or "").splitlines())
        return actors.Facts(
            name=self.name.data,
            aliases=tuple(line for line in lines if line),
            organisation_number=self.organisation_number.data or "",
            email=self.email.data or "",
            locale=self.locale.data,
        )
