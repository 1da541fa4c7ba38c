"""The form of a meeting."""

from __future__ import annotations

from wtforms import DateField, StringField
from wtforms.validators import DataRequired, InputRequired

from tracker.i18n import _, _l
from tracker.models import Meeting
from tracker.services import meetings
from tracker.services.meetings import Facts
from tracker.web.context import about
from tracker.web.forms import DATES, Longest, VersionedForm


class MeetingForm(VersionedForm):
    """When and where a meeting is."""

    held_on = DateField(_l("Date"), [InputRequired(_l("Write the date."))], format=DATES)
    title = StringField(
        _l("What is it called?"), [DataRequired(_l("Write what it is called.")), Longest(200)]
    )
    place = StringField(_l("Where?"), [Longest(200)])

    @classmethod
    def of(cls, meeting: Meeting | None) -> MeetingForm:
        """Return the form filled with what is said of `meeting`; None: a new one."""
        if meeting is None:
            return cls(title=_("Meeting of %(forum)s", forum=about().identity.forum.text))
        facts = meetings.facts_of(meeting)
        return cls(
            held_on=facts.held_on,
            title=facts.title,
            place=facts.place,
            version=str(meeting.version),
        )

    def facts(self) -> Facts:
        """Return what was typed; only where the form is valid."""
        return Facts(
            held_on=self.held_on.data, title=self.title.data or "", place=self.place.data or ""
        )
