"""What the address of the pages about reminders may ask for."""

from __future__ import annotations

from wtforms import SelectField, StringField

from tracker.i18n import N_, _, _l
from tracker.services.reminder_log import Outcome
from tracker.web import words
from tracker.web.forms import AddressForm, Longest

DAYS = {
    "7": N_("The next 7 days"),
    "14": N_("The next 14 days"),
    "30": N_("The next 30 days"),
    "90": N_("The next 90 days"),
}
OUTCOMES: dict[str, str] = {
    Outcome.SENT: N_("Sent"),
    Outcome.WAITING: N_("Waiting to be sent"),
    Outcome.FAILED: N_("Could not be delivered"),
    Outcome.CANCELLED: N_("Cancelled"),
    Outcome.SUPERSEDED: N_("Replaced by a later one"),
}


class UpcomingForm(AddressForm):
    """Which of the coming reminders to show."""

    days = SelectField(_l("Period"), default="14")
    q = StringField(_l("Receiver or task"), [Longest(100)])

    def __init__(self) -> None:
        """Read the address."""
        super().__init__()
        self.days.choices = words.choices(DAYS)


class LogForm(AddressForm):
    """Which of the reminders planned so far to show."""

    outcome = SelectField(_l("What became of it"), default="")
    receiver = StringField(_l("Receiver"), [Longest(100)])
    ref = StringField(_l("Task's reference"), [Longest(40)])

    def __init__(self) -> None:
        """Read the address."""
        super().__init__()
        self.outcome.choices = words.choices(OUTCOMES, {"": _("All that were to be sent")})
