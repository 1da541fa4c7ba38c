"""The forms of decisions about a task and its deadline."""

from __future__ import annotations

from wtforms import DateField, HiddenField, RadioField, SelectField, TextAreaField
from wtforms.validators import InputRequired

from tracker.domain.updates import Step
from tracker.i18n import _
from tracker.i18n import lazy_gettext as _l
from tracker.models import DeadlineChange
from tracker.web.forms import DATES, BaseForm
from tracker.web.words import PRECISIONS, choices

APPROVE = "approve"
REJECT = "reject"


class ConfirmForm(BaseForm):
    """It is done."""

    comment = TextAreaField(_l("Comment"))


class StepForm(BaseForm):
    """Any other step, with the reason for it."""

    reason = TextAreaField(_l("Why?"), [InputRequired(_l("Write a reason."))])
    risk = TextAreaField(
        _l("What is the risk of not doing it?"),
        [InputRequired(_l("Say what the risk is of not doing it."))],
    )

    @classmethod
    def for_step(cls, step: Step, *, action: str | None = None) -> StepForm:
        """Return the form; only dropping asks for the risk, and taking back needs no reason."""
        form = cls(action=action)
        if step is not Step.DROP:
            del form.risk
        if step is Step.SEND_BACK:
            form.reason.label.text = _("What is missing?")
        if step is Step.TAKE_BACK:
            form.reason.validators = []
            form.reason.flags.required = False
        return form


class DeadlineForm(BaseForm):
    """The owner's side asks for a new deadline."""

    new_deadline = DateField(
        _l("New deadline"), [InputRequired(_l("Choose a date."))], format=DATES
    )
    precision = SelectField(_l("How precise is it?"))
    reason = TextAreaField(_l("Why?"), [InputRequired(_l("Write a reason."))])

    @classmethod
    def create(cls) -> DeadlineForm:
        """Return the form with its choices in the person's language."""
        form = cls()
        form.precision.choices = choices(PRECISIONS)
        return form


class DecisionForm(BaseForm):
    """The secretariat decides on it."""

    request_id = HiddenField()
    decision = RadioField(
        _l("Decision"), [InputRequired(_l("Choose whether the deadline is to be moved."))]
    )
    new_deadline = DateField(_l("Deadline"), [InputRequired(_l("Choose a date."))], format=DATES)
    precision = SelectField(_l("How precise is it?"))
    reason = TextAreaField(
        _l("Why?"),
        description=_l("Needed if you choose another date than the one asked for, or say no."),
    )

    @classmethod
    def for_request(cls, change: DeadlineChange) -> DecisionForm:
        """Return the form, filled with what was asked for."""
        form = cls(
            data={
                "request_id": change.id,
                "new_deadline": change.new_deadline,
                "precision": change.new_precision,
            }
        )
        form.decision.choices = {
            APPROVE: _("Approve this deadline"),
            REJECT: _("Keep the present one"),
        }
        form.precision.choices = choices(PRECISIONS)
        return form
