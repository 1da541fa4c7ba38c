"""What every form shares: words in the person's language, limits, and what was typed before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeVar

from flask import flash, request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field, HiddenField, PasswordField, StringField, TextAreaField
from wtforms.validators import StopValidation

from tracker import i18n
from tracker.domain import text as texts
from tracker.domain.errors import ConflictError, InvalidError
from tracker.i18n import N_, _, gettext
from tracker.services.tasks import LARGEST_ID
from tracker.web import context
from tracker.web.errors import explanation

DATES: Final = ["%Y-%m-%d", "%d.%m.%Y"]
"""As date fields of browsers write it, and as people here do."""
Result = TypeVar("Result")

# WTForms has no catalogue for nynorsk, and its English speaks of programs, so the words are ours.
_WORDS: Final = {
    "This field is required.": N_("Fill in this field."),
    "Not a valid choice.": N_("Choose one of the alternatives."),
    "Invalid Choice: could not coerce.": N_("Choose one of the alternatives."),
    "Not a valid date value.": N_("Write a date that exists, such as 31.12.2026."),
    "Not a valid integer value.": N_("Write a whole number."),
    "Number must be at least %(min)s.": N_("Write a number that is at least %(min)s."),
    "Number must be at most %(max)s.": N_("Write a number that is at most %(max)s."),
    "Number must be between %(min)s and %(max)s.": N_(
        "Write a number between %(min)s and %(max)s."
    ),
    "'%(value)s' is not a valid choice for this field.": N_("Choose among the alternatives."),
}


class Longest:
    """Refuses more than `most` characters; text fields without one have the limits below."""

    def __init__(self, most: int) -> None:
        """Take the number of characters that fit."""
        self.most = most

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        """Stop the validation of a field that holds too much."""
        length = len(field.data or "")
        if length > self.most:
            raise StopValidation(
                _(
                    "The text has %(length)s characters, and %(most)s is the most that fits.",
                    length=length,
                    most=self.most,
                )
            )


LONGEST_HIDDEN: Final = 500
"""Characters in a hidden field, which no person fills in, unless it says otherwise."""
RAW: Final = 4
"""Times the limit: text that is longer as it arrives is refused before any work on it. Browsers
send two characters for a line break, and some three for a letter with two marks."""
# The first class that a field is an instance of decides.
_LIMITS: Final[tuple[tuple[type[Field], int], ...]] = (
    (HiddenField, LONGEST_HIDDEN),
    (TextAreaField, 10_000),
    (PasswordField, 200),
    (StringField, 500),
)


class _Words:
    """WTForms' interface to a catalogue; the locale is that of the moment."""

    @staticmethod
    def gettext(message: str) -> str:
        return gettext(_WORDS.get(message, message))

    @staticmethod
    def ngettext(singular: str, plural: str, number: int) -> str:
        if singular in _WORDS:
            return gettext(_WORDS[singular])
        return str(i18n.translations(i18n.get_locale()).ungettext(singular, plural, number))


class BaseForm(FlaskForm):
    """A form with our words, limits on text, and what was typed before a sign-in.

    On GET, a form that posts to `action` (default: the page itself) is filled with what was typed
    into it when the session had expired, and the page says so. Choices are `{value: label}` with
    plain strings, or a list of SelectChoice; WTForms is about to drop tuples.
    """

    class Meta(FlaskForm.Meta):
        def get_translations(self, _form: FlaskForm) -> _Words:
            """Give WTForms the words above."""
            return _Words()

        def bind_field(self, form: FlaskForm, unbound_field: Any, options: dict[str, Any]) -> Field:
            """Limit the length of what is typed into text fields, and clean it."""
            field = super().bind_field(form, unbound_field, options)
            if not isinstance(field, StringField):
                return field
            limits = [one.most for one in field.validators if isinstance(one, Longest)]
            usual = next(most for kind, most in _LIMITS if isinstance(field, kind))
            most = limits[0] if limits else usual
            if isinstance(field, HiddenField):
                field.filters = [_within(most), *field.filters]
                return field
            if not limits:
                field.validators = [Longest(most), *field.validators]
            if not isinstance(field, PasswordField):
                field.filters = [_cleaner(field, most), *field.filters]
            return field

    page_order: ClassVar[tuple[str, ...]] = ()
    """The fields that stand first on the page, where that is not the order of the class."""

    def __init__(self, *, action: str | None = None, **kwargs: Any) -> None:
        """Take the path that the form posts to, where that is not the page's own."""
        if "formdata" not in kwargs and (kept := _kept(action or request.path)):
            kwargs["formdata"] = kept
            flash(
                _("You had to sign in first. What you typed is still here, but is not sent yet."),
                "warning",
            )
        elif action not in {None, request.path}:
            # Another form on the same page was sent.
            kwargs.setdefault("formdata", None)
        super().__init__(**kwargs)

    @property
    def refused(self) -> list[Field]:
        """Return the fields that have errors, from the top of the page."""
        places = {name: place for place, name in enumerate(self.page_order)}
        fields = [field for field in self if field.errors]
        return sorted(fields, key=lambda field: places.get(field.short_name, len(places)))

    def refuse(self, error: InvalidError) -> None:
        """Put the words of what a service refused at its field, or above all fields."""
        words = explanation(error) or error.code
        if error.field in self:
            field = self[error.field]
            field.errors = [*field.errors, words]
        else:
            self.form_errors.append(words)


class VersionedForm(BaseForm):
    """A form that knows which version of a row it was made from."""

    version = HiddenField()

    @property
    def seen_version(self) -> int:
        """Return that version; 0 where there was no row, -1 for what is no version."""
        text = str(self.version.data or "")
        return int(text) if text.isdecimal() and len(text) < 10 else -1


class AddressForm(BaseForm):
    """What the address of a list asks for; what is not valid is named beside its field."""

    class Meta(BaseForm.Meta):
        csrf = False

    def __init__(self) -> None:
        """Read the address of the request."""
        super().__init__(formdata=request.args)

    def valid(self, name: str) -> Any:
        """Return what field `name` holds, or None where it is empty or was refused."""
        return None if self[name].errors else self[name].data or None


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Result]):
    """What came of a form: a result, or the status of the page that shows it again."""

    result: Result | None
    status: int
    conflict: str = ""
    """Why it could not be done any more, in words."""

    @property
    def is_done(self) -> bool:
        """Return whether it was done, for what has no result."""
        return self.status == 303


def attempt(form: BaseForm, act: Callable[[], Result]) -> Attempt[Result]:
    """Do `act` if the form was sent and is in order; what it refuses is shown in the form."""
    if not form.validate_on_submit():
        return Attempt(None, 400 if form.is_submitted() else 200)
    try:
        return Attempt(act(), 303)
    except InvalidError as error:
        form.refuse(error)
        return Attempt(None, 400)
    except ConflictError as error:
        return Attempt(None, 409, explanation(error))


def row_id(text: str) -> int:
    """Return the id that `text` from an address writes.

    For `request.args.get(type=row_id)`: raises ValueError for what no row of a database has.
    """
    number = int(text)
    if not 0 < number <= LARGEST_ID:
        raise ValueError(number)
    return number


def search_words(name: str, most: int) -> str:
    """Return what field `name` of the address searches for, of at most `most` characters."""
    return texts.one_line(request.args.get(name, "")[:most])


def _cleaner(field: Field, most: int) -> Callable[[str | None], str | None]:
    """Return what cleans the text of `field`: of one line, unless it is a text area.

    Too long a text is left alone, so that no work is done on it before it is refused.
    """
    clean = texts.paragraphs if isinstance(field, TextAreaField) else texts.one_line

    def cleaned(text: str | None) -> str | None:
        return clean(text) if text is not None and len(text) <= RAW * most else text

    return cleaned


def _within(most: int) -> Callable[[Any], Any]:
    """Return what takes too long a value for a missing one."""
    return lambda value: value if len(str(value)) <= most else None


def _kept(path: str) -> MultiDict[str, str] | None:
    kept = context.kept_form() if request.method == "GET" else None
    if kept is None or kept["path"] != path:
        return None
    return MultiDict((name, value) for name, value in kept["fields"])
