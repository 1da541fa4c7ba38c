"""The form of the rules of reminding."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from flask import request
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    IntegerField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from tracker.domain.reminder_rules import LONGEST, MOST_STEPS, RuleAudience, Rules
from tracker.i18n import _, _l
from tracker.services.reminder_rules import Entry
from tracker.web.forms import BaseForm, Longest, VersionedForm
from tracker.web.words import RULE_AUDIENCES, choices


class _Between(NumberRange):
    """Refuses a number outside the range; what is no number has been refused already."""

    def __call__(self, form: BaseForm, field: Field) -> None:
        if not field.process_errors:
            super().__call__(form, field)


_DAYS = _Between(1, LONGEST)


def _offsets(_form: BaseForm, field: Field) -> None:
    """Refuse what is no list of days, or a longer one than anybody wants."""
    parts = re.split(r"[\s,;]+", field.data or "")
    days = [part for part in parts if part]
    if any(not day.isdecimal() or len(day) > 3 or int(day) > LONGEST for day in days):
        raise ValidationError(
            _("Write whole numbers of days from 0 to %(most)s, such as 30, 7, 0.", most=LONGEST)
        )
    if len(set(days)) > MOST_STEPS:
        raise ValidationError(_("Write %(most)s numbers at most.", most=MOST_STEPS))


class RestoreForm(VersionedForm):
    """No more than a button."""


class RulesForm(VersionedForm):
    """When tasks are reminded of and to whom."""

    is_on = BooleanField(_l("Send reminders about these tasks"))
    before = StringField(_l("Days before the deadline"), [Longest(60), _offsets])
    before_year_end = StringField(
        _l("Days before a deadline that is a whole year"), [Longest(60), _offsets]
    )
    late = IntegerField(_l("First reminder after the deadline, in days"), [Optional(), _DAYS])
    weeks = IntegerField(_l("After that, on how many Mondays"), [InputRequired(), _Between(0, 52)])
    monthly = BooleanField(_l("After that, on the first of each month"))
    leads_told = IntegerField(
        _l("Raise with the owner's lead after this many days"), [Optional(), _DAYS]
    )
    coordinator_told = IntegerField(
        _l("Raise with the secretariat after this many days"), [Optional(), _DAYS]
    )
    silence = IntegerField(
        _l("Ask about tasks without a deadline after this many days without news"),
        [Optional(), _DAYS],
    )
    audience = SelectMultipleField(
        _l("Who is reminded of the deadline"), [InputRequired(_l("Choose somebody."))]
    )
    shown = HiddenField()
    """Which values the reader has seen the effect of."""

    @classmethod
    def of(cls, entry: Entry) -> RulesForm:
        """Return the form filled with what applies now."""
        values: dict[str, Any] = entry.rules.as_values()
        for name in ("before", "before_year_end"):
            values[name] = ", ".join(map(str, values[name]))
        return cls(**values, version=str(entry.row.version if entry.row else 0))

    def __init__(self, **kwargs: Any) -> None:
        """Offer the receivers by name."""
        super().__init__(**kwargs)
        self.audience.choices = choices(RULE_AUDIENCES)

    def rules(self) -> Rules:
        """Return what was typed; only where the form is valid."""
        return Rules(
            is_on=self.is_on.data,
            before=_days(self.before.data),
            before_year_end=_days(self.before_year_end.data),
            late=self.late.data,
            weeks=self.weeks.data,
            monthly=self.monthly.data,
            leads_told=self.leads_told.data,
            coordinator_told=self.coordinator_told.data,
            silence=self.silence.data,
            audience=frozenset(map(RuleAudience, self.audience.data)),
        )

    @property
    def is_confirmed(self) -> bool:
        """Return whether to save was asked for, by somebody who has seen what that sends."""
        wants_to_save = request.form.get("do") == "save"
        return wants_to_save and bool(self.validate()) and self.shown.data == self._fingerprint()

    def confirm(self) -> None:
        """Note that the effect of these values is shown."""
        self.shown.data = self._fingerprint()

    def _fingerprint(self) -> str:
        values = json.dumps(self.rules().as_values(), sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()


def _days(text: str | None) -> tuple[int, ...]:
    return tuple(sorted(set(map(int, re.findall(r"\d+", text or ""))), reverse=True))
