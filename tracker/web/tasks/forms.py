"""The forms in which the secretariat enters, edits, assigns and settles tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from wtforms import (
    DateField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Optional

from tracker.domain.errors import InvalidError
from tracker.domain.status import Kind, Precision, Status
from tracker.domain.versions import version_of
from tracker.i18n import _, _l, get_locale
from tracker.models import ContextNote, Source, Task
from tracker.services import task_settle
from tracker.services.task_assign import NONE, Assignment, Choice
from tracker.services.task_edit import Origin, Texts
from tracker.web import words
from tracker.web.forms import DATES, BaseForm, Longest

Context = Iterable[tuple[Source, list[ContextNote]]]
People = Iterable[tuple[int, int, str]]


class TextsForm(BaseForm):
    """What is written about a task and may be edited."""

    title_nb = StringField(_l("Title in bokmål"), [DataRequired(_l("Write a title in bokmål."))])
    title_nn = StringField(
        _l("Title in nynorsk"), description=_l("Without one, the title in bokmål is shown.")
    )
    description = TextAreaField(_l("Description"))
    theme = StringField(_l("Theme"), description=_l("The list can be filtered by theme."))
    chosen_alternative = TextAreaField(
        _l("Chosen alternative"),
        description=_l("Where there is more than one way to do it: which was chosen, and why?"),
    )
    goals = SelectMultipleField(_l("Goals that it contributes to"), coerce=int)
    context = SelectMultipleField(_l("Context that it answers"), coerce=int)

    def offer(self, *, goals: Iterable[Task], context: Context) -> None:
        """Take the goals and notes to choose among."""
        self.goals.choices = [
            SelectChoice(goal.id, f"{goal.ref} {words.title(goal)}") for goal in goals
        ]
        self.context.choices = [
            SelectChoice(note.id, f"{source.key}: {note_text(note)}")
            for source, notes in context
            for note in notes
        ]

    def texts(self) -> Texts:
        """Return what was typed."""
        return Texts(
            title_nb=self.title_nb.data,
            title_nn=self.title_nn.data or "",
            description=self.description.data or "",
            theme=self.theme.data or "",
            chosen_alternative=self.chosen_alternative.data or "",
            goal_ids=frozenset(self.goals.data or ()),
            note_ids=frozenset(self.context.data or ()),
        )


class EditForm(TextsForm):
    """The texts of a task, and which version of them the person saw."""

    version = HiddenField()

    @classmethod
    def of(cls, texts: Texts) -> EditForm:
        """Return the form filled with `texts`."""
        return cls(
            data={
                "title_nb": texts.title_nb,
                "title_nn": texts.title_nn,
                "description": texts.description,
                "theme": texts.theme,
                "chosen_alternative": texts.chosen_alternative,
                "goals": sorted(texts.goal_ids),
                "context": sorted(texts.note_ids),
                "version": version_of(texts),
            }
        )


class NewForm(TextsForm):
    """A task that is entered, with what can never be changed afterwards."""

    page_order = ("kind", "title_nb", "title_nn", "under", "source", "ref", "quote")

    kind = RadioField(_l("Kind"), [InputRequired(_l("Choose what kind of task it is."))])
    under = SelectField(_l("Under"), description=_l("A measure under a recommendation or a goal."))
    source = SelectField(_l("Source"))
    ref = StringField(
        _l("Reference"),
        description=_l(
            "Such as DIFI-7. Leave it empty to get the next number under the recommendation or "
            "the source. It can never be changed."
        ),
    )
    quote = TextAreaField(
        _l("Quote"),
        description=_l("Word for word from the source. It can never be changed."),
    )
    quote_language = SelectField(_l("Language of the quote"))

    def offer_origin(self, *, parents: Iterable[Task], sources: Iterable[Source]) -> None:
        """Take the recommendations and sources to choose among."""
        self.kind.choices = words.choices(words.KINDS)
        self.under.choices = {"": _("Nothing")} | {
            str(task.id): f"{task.ref} {words.title(task)}" for task in parents
        }
        self.source.choices = {"": _("None")} | {
            str(source.id): f"{source.key}: {source.title}" for source in sources
        }
        self.quote_language.choices = words.choices(words.LANGUAGES)

    def origin(self) -> Origin:
        """Return what was typed."""
        return Origin(
            kind=Kind(self.kind.data),
            ref=self.ref.data or "",
            under_id=int(self.under.data) if self.under.data else None,
            source_id=int(self.source.data) if self.source.data else None,
            quote=self.quote.data or "",
            quote_language=self.quote_language.data,
        )


class AssignForm(BaseForm):
    """Whose a task is."""

    owner = SelectField(_l("Owner"))
    responsible = SelectField(
        _l("Responsible"), description=_l("Somebody at the owner, who gets the reminders.")
    )
    contributors = SelectMultipleField(_l("Contributors"), coerce=int)
    version = HiddenField()

    @classmethod
    def of(cls, present: Assignment) -> AssignForm:
        """Return the form filled with the `present` assignment."""
        return cls(
            data={
                "owner": str(present.owner or ""),
                "responsible": str(present.responsible or ""),
                "contributors": sorted(present.contributor_ids),
                "version": version_of(present),
            }
        )

    def offer(self, *, owners: dict[int, str], people: People, everything: bool) -> None:
        """Take the actors and people to choose among; without `everything` only the latter."""
        self.responsible.choices = _people(people, owners, _("To be decided"))
        if everything:
            self.owner.choices = _owners(owners, _("To be decided"))
            self.contributors.choices = [SelectChoice(key, name) for key, name in owners.items()]
        else:
            del self.owner
            del self.contributors

    def assignment(self, present: Assignment) -> Assignment:
        """Return what was chosen; what the form does not offer stays as at `present`."""
        if "owner" not in self:
            return Assignment(
                owner=present.owner,
                responsible=_choice(self.responsible.data),
                contributor_ids=present.contributor_ids,
            )
        return Assignment(
            owner=_choice(self.owner.data),
            responsible=_choice(self.responsible.data),
            contributor_ids=frozenset(self.contributors.data or ()),
        )


class DeadlineForm(BaseForm):
    """A deadline that the secretariat sets."""

    deadline = DateField(
        _l("Deadline"),
        [Optional()],
        format=DATES,
        description=_l("For a month or a year, choose any day in it."),
    )
    precision = SelectField(_l("How precise is it?"), default="")
    reason = TextAreaField(
        _l("Why?"),
        [DataRequired(_l("Write a reason."))],
        description=_l("Such as the meeting that decided it."),
    )

    def offer_precisions(self, first: dict[str, str] | None = None) -> None:
        """Set up the choices, after `first`."""
        none = {NONE: _("No deadline needed")}
        self.precision.choices = words.choices(words.PRECISIONS, first) | none

    def wanted(self) -> task_settle.Deadline | None:
        """Return the deadline, or None: there is to be none. Raises InvalidError without date."""
        if self.precision.data == NONE:
            return None
        if self.deadline.data is None:
            raise InvalidError("deadline", "date_missing")
        return task_settle.Deadline(
            day=self.deadline.data, precision=Precision(self.precision.data)
        )


class SettleForm(DeadlineForm):
    """What is settled about one or several tasks."""

    page_order = ("tasks", "owner", "responsible", "precision", "deadline", "status")

    # What is settled already is not on the page, and so not sent.
    owner = SelectField(_l("Owner"), default="")
    responsible = SelectField(_l("Responsible"), default="")
    status = SelectField(_l("Status"), default="")
    tasks = SelectMultipleField(_l("Tasks"), coerce=int, validate_choice=False)

    def offer(self, *, owners: dict[int, str], people: People) -> None:
        """Take the actors and people to choose among."""
        leave = _("Leave as it is")
        self.offer_precisions({"": leave})
        self.owner.choices = _owners(owners, leave)
        self.responsible.choices = _people(people, owners, leave)
        self.status.choices = words.choices(
            {status: words.STATUSES[status] for status in task_settle.STATUSES}, {"": leave}
        ) | {NONE: _("No status needed")}

    def decision(self) -> task_settle.Decision:
        """Return what was chosen; raises InvalidError at a field that does not fit."""
        if self.deadline.data is not None and not self.precision.data:
            # Left alone, the date would be lost without a word.
            raise InvalidError("precision", "precision_missing")
        return task_settle.Decision(
            owner=_choice(self.owner.data),
            responsible=_choice(self.responsible.data),
            deadline=(self.wanted() or NONE) if self.precision.data else None,
            status=_status(self.status.data),
            reason=self.reason.data or "",
        )


def note_text(note: ContextNote) -> str:
    """Return the beginning of a note: its own words, else its quote."""
    text = (note.text_nn if get_locale() == "nn" else "") or note.text_nb or note.quote or ""
    return text if len(text) <= 160 else text[:159].rstrip() + "…"


def _choice(text: str) -> Choice:
    if text == NONE:
        return NONE
    return int(text) if text else None


def _status(text: str) -> Status | Literal["none"] | None:
    if text == NONE:
        return NONE
    return Status(text) if text else None


def _owners(owners: dict[int, str], first: str) -> dict[str, str]:
    actors = {str(key): name for key, name in owners.items()}
    return {"": first, NONE: _("No owner needed")} | actors


def _people(people: People, owners: dict[int, str], first: str) -> list[SelectChoice]:
    """Return the choices, people under the names of their actors; `owners` gives the order."""
    places = {actor_id: place for place, actor_id in enumerate(owners)}
    return [
        SelectChoice("", first),
        SelectChoice(NONE, _("No responsible person needed")),
        *(
            SelectChoice(str(user_id), name, optgroup=owners[actor_id])
            for actor_id, user_id, name in sorted(people, key=lambda one: places[one[0]])
        ),
    ]


class SnoozeForm(BaseForm):
    """Until when reminders are paused, and why."""

    until = DateField(
        _l("Do not remind me of this before"), [InputRequired(_l("Write a date."))], format=DATES
    )
    reason = TextAreaField(_l("Why?"), [InputRequired(_l("Say why.")), Longest(1000)])
