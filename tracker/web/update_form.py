"""The form in which people say how it goes; the same for the signed-in and from a mail."""

from __future__ import annotations

from typing import Any, Final

from wtforms import (
    DateField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Optional

from tracker.domain.status import Assessment, Hindrance, Status
from tracker.domain.updates import Answer, Side
from tracker.i18n import _
from tracker.i18n import lazy_gettext as _l
from tracker.models import StatusUpdate
from tracker.services.tasks import id_in
from tracker.services.updates import Situation
from tracker.web.forms import DATES, BaseForm
from tracker.web.words import ASSESSMENTS, HINDRANCES, STATUSES, choices

DONE: Final = "done"
FOLDED: Final = frozenset({"look_again_on", "hindrances", "evidence"})


class UpdateForm(BaseForm):
    """How is it going? Fields that do not apply to who answers are taken out."""

    stated_name = StringField(
        _l("Your name"),
        [InputRequired(_l("Write your name."))],
        description=_l("It is stored with the answer."),
    )
    progress = RadioField(_l("How is it going?"), [InputRequired(_l("Choose one of the answers."))])
    comment = TextAreaField(_l("Comment"))
    expected_on = DateField(
        _l("New expected date"),
        [Optional()],
        format=DATES,
        description=_l("Asks the secretariat for a new deadline. Say why in the comment."),
    )
    status = SelectField(_l("Status"))
    look_again_on = DateField(
        _l("Look at it again on"),
        [Optional()],
        format=DATES,
        description=_l("For a task on hold. We do not remind you before that day."),
    )
    hindrances = SelectMultipleField(_l("What is in the way?"))
    evidence = TextAreaField(
        _l("Documentation"), description=_l("Addresses of pages or documents, one on each line.")
    )
    seen = HiddenField()

    was_sent = False
    """What was typed is shown again."""

    @classmethod
    def for_situation(
        cls, found: Situation, *, is_mailbox: bool = False, is_other_sent: bool = False
    ) -> UpdateForm:
        """Return the form for who answers; for a correction, filled with what it corrects.

        `is_other_sent`: what was sent is another form of the page.
        """
        form = (
            cls(data=_filled(found), formdata=None) if is_other_sent else cls(data=_filled(found))
        )
        form.was_sent = form.is_submitted() and not is_other_sent
        answers = choices(ASSESSMENTS)
        if found.side is not Side.CONTRIBUTOR:
            answers[DONE] = _("It is done")
        form.progress.choices = answers
        form.hindrances.choices = choices(HINDRANCES)
        form.status.choices = {
            code: name
            for code, name in choices(STATUSES).items()
            if code in found.statuses - {Status.REPORTED_DONE}
        }
        if not is_mailbox:
            del form.stated_name
        if not form.status.choices:
            del form.status, form.look_again_on, form.expected_on
        elif found.pending is not None:
            del form.expected_on
        return form

    @property
    def name(self) -> str:
        """Return the name that was stated; empty for people that we know."""
        return (self.stated_name.data or "") if "stated_name" in self else ""

    def says_more(self, *, is_late: bool) -> bool:
        """Return whether the part that is folded away says something, or was refused.

        `is_late`: the new date is not among it.
        """
        names = FOLDED if is_late else FOLDED | {"expected_on"}
        if "status" in self and (self.status.errors or self.status.data != self.status.object_data):
            return True
        return any(field.errors or field.data for field in self if field.short_name in names)

    def answer(self) -> Answer:
        """Return what was said."""
        is_done = self.progress.data == DONE
        return Answer(
            assessment=None if is_done else Assessment(self.progress.data),
            is_done=is_done,
            comment=self.comment.data or "",
            status=Status(self.status.data) if "status" in self else None,
            look_again_on=self.look_again_on.data if "look_again_on" in self else None,
            hindrances=tuple(Hindrance(code) for code in self.hindrances.data or ()),
            evidence=tuple((self.evidence.data or "").split()),
            expected_on=self.expected_on.data if "expected_on" in self else None,
        )

    @property
    def seen_update(self) -> int:
        """Return the id of the update that was the latest when the form was shown; 0: none."""
        return id_in(str(self.seen.data or ""))

    def has_seen(self, update_id: int) -> None:
        """Note what the next sending knows of, after the news has been shown."""
        self.seen.raw_data, self.seen.data = None, update_id


class NotMineForm(BaseForm):
    """The task is somebody else's."""

    comment = StringField(_l("Do you know whose it is?"))
    stated_name = StringField(_l("Your name"), [InputRequired(_l("Write your name."))])

    @classmethod
    def for_receiver(cls, *, is_mailbox: bool = False, action: str) -> NotMineForm:
        """Return the form; `action` is the path that it posts to."""
        form = cls(action=action, prefix="not-mine-")
        if not is_mailbox:
            del form.stated_name
        return form

    @property
    def name(self) -> str:
        """Return the name that was stated; empty for people that we know."""
        return (self.stated_name.data or "") if "stated_name" in self else ""


def _filled(found: Situation) -> dict[str, Any]:
    before = found.corrected
    status = found.standing.status or Status.IN_PROGRESS
    if before is None:
        return {
            "status": status,
            "look_again_on": found.task.look_again_on,
            "seen": found.seen,
        }
    return {
        "progress": before.assessment or DONE,
        "comment": before.comment,
        "status": before.status_after if before.assessment else status,
        "look_again_on": before.look_again_on,
        "hindrances": before.hindrances,
        "evidence": "\n".join(evidence.url for evidence in before.evidence),
        "seen": found.seen,
    }


def saved_words(update: StatusUpdate, *, asked: bool = False) -> str:
    """Return what to say when `update` has been written; `asked`: for a new deadline too."""
    if update.status_after == Status.REPORTED_DONE and not update.as_contributor:
        return _("Saved. Somebody else now confirms that it is done.")
    if asked:
        return _("Saved. The secretariat decides on the new deadline.")
    return _("Your answer is saved.")
