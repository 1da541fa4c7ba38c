"""What the address of the pages about reminders may ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from flask import request
from wtforms import DateField, SelectField, StringField
from wtforms.validators import Optional

from tracker.domain.roles import Person
from tracker.i18n import N_, _, _l, format_month
from tracker.services.reminder_log import Filters, Outcome
from tracker.services.reminder_page import Filters as Coming
from tracker.services.reminder_page import Whose, usual
from tracker.web import words
from tracker.web.forms import DATES, AddressForm, Longest, row_id

DAYS = {
    "7": N_("The next 7 days"),
    "14": N_("The next 14 days"),
    "30": N_("The next 30 days"),
    "90": N_("The next 90 days"),
    "366": N_("The next year"),
}
OUTCOMES: dict[str, str] = {
    Outcome.SENT: N_("Sent"),
    Outcome.WAITING: N_("Waiting to be sent"),
    Outcome.FAILED: N_("Could not be delivered"),
    Outcome.CANCELLED: N_("Cancelled"),
    Outcome.SUPERSEDED: N_("Replaced by a later one"),
}


WHOSE: dict[str, str] = {
    Whose.MINE: N_("My reminders"),
    Whose.ORGANISATION: N_("Reminders about my organisation's tasks"),
    Whose.ALL: N_("All reminders"),
}
Place: TypeAlias = tuple[dt.date, int]
"""The deadline and the id of the task that a day's page before ended with."""


class ComingForm(AddressForm):
    """Whose coming reminders to show."""

    whose = SelectField(_l("Which reminders"))
    owner = SelectField(_l("About tasks of"), default="")
    q = StringField(_l("Receiver or task"), [Longest(100)])

    def __init__(self, by: Person, owners: Mapping[int, str]) -> None:
        """Read the address; where it does not say whose, take what `by` wants to see first."""
        super().__init__()
        offered = {
            whose: label
            for whose, label in WHOSE.items()
            if by.actor_ids or whose != Whose.ORGANISATION
        }
        self.whose.choices = words.choices(offered)
        self.owner.choices = {"": _("All")} | {str(key): name for key, name in owners.items()}
        if "whose" not in request.args:
            # Who searches without having chosen means everybody.
            self.whose.data = Whose.ALL if self.q.data or self.owner.data else usual(by)

    def filters(self, *, days: int, day: dt.date | None, after: Place | None) -> Coming:
        """Return what is to be shown; what was refused narrows nothing down."""
        owner = self.valid("owner")
        return Coming(
            days=days,
            whose=Whose(self.valid("whose") or Whose.ALL),
            owner_id=int(owner) if owner else None,
            text=self.valid("q") or "",
            day=day,
            after=after,
        )

    def chosen(self) -> dict[str, Any]:
        """Return the same as it stands in an address."""
        names = ("whose", "owner", "q")
        return {name: value for name in names if (value := self.valid(name))}


class UpcomingForm(ComingForm):
    """Which of the coming reminders to list."""

    days = SelectField(_l("Period"), default="14")

    def __init__(self, by: Person, owners: Mapping[int, str]) -> None:
        """Offer the periods."""
        super().__init__(by, owners)
        self.days.choices = words.choices(DAYS)


class CalendarForm(ComingForm):
    """Of which month to show the coming reminders."""

    month = SelectField(_l("Month"))

    def __init__(self, by: Person, owners: Mapping[int, str], months: Sequence[dt.date]) -> None:
        """Offer the `months`, by their first days."""
        super().__init__(by, owners)
        self.month.choices = {f"{first:%Y-%m}": format_month(first) for first in months}
        if "month" not in request.args:
            self.month.data = f"{months[0]:%Y-%m}"

    def first_of(self, months: Sequence[dt.date]) -> dt.date:
        """Return the first day of the month that was chosen, else of the first one."""
        chosen = self.valid("month")
        return next((first for first in months if f"{first:%Y-%m}" == chosen), months[0])


def place_in_address() -> tuple[dt.date | None, Place | None]:
    """Return the day that the address names, and where on it to go on; None where it does not."""
    try:
        match request.args.get("place", "").split("_"):
            case [day]:
                return dt.date.fromisoformat(day), None
            case [day, due, task_id]:
                place = dt.date.fromisoformat(due), row_id(task_id)
                return dt.date.fromisoformat(day), place
            case _:
                return None, None
    except ValueError:
        return None, None


def address_of_place(day: dt.date, after: Place | None = None) -> str:
    """Return how an address names such a place."""
    return "_".join(map(str, (day, *(after or ()))))


class LogForm(AddressForm):
    """Which of the reminders planned so far to show."""

    outcome = SelectField(_l("What happened"), default="")
    receiver = StringField(_l("Receiver"), [Longest(100)])
    ref = StringField(_l("Task's reference"), [Longest(40)])
    first = DateField(_l("From"), [Optional()], format=DATES)
    last = DateField(_l("Up to and including"), [Optional()], format=DATES)

    def __init__(self) -> None:
        """Read the address."""
        super().__init__()
        self.outcome.choices = words.choices(OUTCOMES, {"": _("All that were to be sent")})

    def filters(self) -> Filters:
        """Return what is to be shown; what was refused narrows nothing down."""
        outcome = self.valid("outcome")
        return Filters(
            outcome=Outcome(outcome) if outcome else None,
            receiver=self.valid("receiver") or "",
            ref=self.valid("ref") or "",
            person_id=request.args.get("person", type=row_id),
            first=self.valid("first"),
            last=self.valid("last"),
        )

    def chosen(self) -> dict[str, Any]:
        """Return the same as it stands in an address."""
        names = ("outcome", "receiver", "ref", "first", "last")
        found = {name: value for name in names if (value := self.valid(name))}
        person_id = request.args.get("person", type=row_id)
        return found | ({"person": person_id} if person_id else {})
