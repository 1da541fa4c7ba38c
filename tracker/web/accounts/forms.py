"""The forms of this feature."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from flask import request
from wtforms import (
    DateField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import DataRequired, InputRequired

from tracker.domain.roles import Person, roles_to_give
from tracker.domain.text import LONGEST_NAME
from tracker.i18n import _
from tracker.i18n import lazy_gettext as _l
from tracker.models import Actor, User
from tracker.web.accounts.return_to import MOST_CHARACTERS
from tracker.web.forms import DATES, BaseForm, Longest
from tracker.web.words import LANGUAGES, OPTIONAL_MAIL, ROLE_MAY, ROLES, choices


class SignInForm(BaseForm):
    """An address with a password, or with the wish for a link."""

    email = StringField(
        _l("E-mail address"),
        validators=[DataRequired(_l("Write your e-mail address.")), Longest(254)],
    )
    password = PasswordField(_l("Password"))
    kept = HiddenField(validators=[Longest(MOST_CHARACTERS)])

    @property
    def wants_link(self) -> bool:
        """Return whether the button for a link was pressed."""
        return request.form.get("by") == "link"

    def validate(self, extra_validators: Any = None) -> bool:
        """Ask for the password too, where that is the way in."""
        valid = bool(super().validate(extra_validators))
        if not self.wants_link and not self.password.data:
            missing = _("Write your password, or have a link sent to you.")
            self.password.errors = [*self.password.errors, missing]
            return False
        return valid


class ProfileForm(BaseForm):
    """Who somebody is, as one may change it oneself."""

    name = StringField(
        _l("Name"), validators=[DataRequired(_l("Write the name.")), Longest(LONGEST_NAME)]
    )
    locale = RadioField(_l("Language"), validators=[InputRequired(_l("Choose a language."))])

    def __init__(self, **kwargs: Any) -> None:
        """Offer the languages by name."""
        super().__init__(**kwargs)
        self.locale.choices = choices(LANGUAGES)


class PersonForm(ProfileForm):
    """Who somebody is, as the administrator may change it."""

    page_order = ("name", "email", "actor_id", "role", "locale")

    email = StringField(
        _l("E-mail address"),
        validators=[DataRequired(_l("Write the e-mail address.")), Longest(254)],
    )


class PasswordForm(BaseForm):
    """A new password, and the present one where that is asked for."""

    current_password = PasswordField(_l("Present password"))
    new_password = PasswordField(
        _l("New password"), validators=[DataRequired(_l("Write a new password."))]
    )


class RoleForm(BaseForm):
    """A role, in an organisation or in general."""

    role = RadioField(_l("Role"), validators=[InputRequired(_l("Choose a role."))])
    actor_id = SelectField(_l("Organisation"), coerce=lambda value: int(value) if value else None)

    def __init__(self, by: Person, actors: Iterable[Actor], **kwargs: Any) -> None:
        """Offer the roles that `by` may give, in `actors`."""
        super().__init__(**kwargs)
        self.role.choices = choices({role: ROLES[role] for role in roles_to_give(by)})
        none = {"": _("None")} if by.is_admin or by.is_coordinator else {}
        self.actor_id.choices = none | {str(actor.id): actor.name for actor in actors}
        if not none and len(self.actor_id.choices) == 1 and not self.is_submitted():
            self.actor_id.data = int(next(iter(self.actor_id.choices)))

    @property
    def role_hints(self) -> dict[str, str]:
        """Return what each role may do."""
        return choices(ROLE_MAY)


class NewPersonForm(RoleForm, PersonForm):
    """Somebody who is to come in, with a first role."""


class AbsenceForm(BaseForm):
    """Days away, and who stands in."""

    first_on = DateField(
        _l("First day away"), [InputRequired(_l("Write the first day."))], format=DATES
    )
    last_on = DateField(
        _l("Last day away"), [InputRequired(_l("Write the last day."))], format=DATES
    )
    substitute_id = SelectField(
        _l("Substitute"), coerce=lambda value: int(value) if value else None
    )

    def __init__(self, colleagues: Iterable[User], **kwargs: Any) -> None:
        """Offer the `colleagues`, or nobody."""
        super().__init__(**kwargs)
        nobody = {"": _("Nobody: reminders come to the person as always")}
        self.substitute_id.choices = nobody | {str(one.id): one.name for one in colleagues}


class PreferencesForm(BaseForm):
    """Which of the kinds that one may do without come by mail."""

    wanted = SelectMultipleField(_l("These come by e-mail"))

    def __init__(self, offered: Collection[str], **kwargs: Any) -> None:
        """Offer the kinds by name."""
        super().__init__(**kwargs)
        self.wanted.choices = choices(
            {kind: name for kind, name in OPTIONAL_MAIL.items() if kind in offered}
        )
