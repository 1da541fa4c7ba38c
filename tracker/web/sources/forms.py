"""The forms in which the secretariat adds sources and what they say."""

from __future__ import annotations

from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Optional

from tracker.domain.versions import version_of
from tracker.i18n import _l
from tracker.models import Source
from tracker.services import sources
from tracker.web import words
from tracker.web.forms import DATES, BaseForm


class SourceForm(BaseForm):
    """What is written about a source."""

    title = StringField(_l("Title"), [DataRequired(_l("Write the title."))])
    key = StringField(
        _l("Abbreviation"),
        [DataRequired(_l("Write an abbreviation, such as DIFI."))],
        description=_l("Such as DIFI: references of its tasks begin with it. It never changes."),
    )
    publisher = StringField(
        _l("Publisher"), description=_l("Leave this empty if the source does not say.")
    )
    date_text = StringField(
        _l("Date as the source writes it"), description=_l("Such as “våren 2013”.")
    )
    sort_date = DateField(
        _l("Date to sort by"),
        [Optional()],
        format=DATES,
        description=_l("Only where it is known to the day; it is not shown."),
    )
    address = StringField(_l("Address on the web"))
    language = SelectField(_l("Language"))
    summary_nb = TextAreaField(_l("Summary in bokmål"))
    summary_nn = TextAreaField(_l("Summary in nynorsk"))
    version = HiddenField()

    @classmethod
    def empty(cls) -> SourceForm:
        """Return the form for a new source."""
        form = cls(data={"language": "nb"})
        form.language.choices = words.choices(words.LANGUAGES)
        return form

    @classmethod
    def of(cls, source: Source) -> SourceForm:
        """Return the form filled with what is written about `source`; its key stays."""
        facts = sources.facts_of(source)
        form = cls(obj=facts, data={"version": version_of(facts)})
        form.language.choices = words.choices(words.LANGUAGES)
        del form.key
        return form

    def facts(self) -> sources.Facts:
        """Return what was typed."""
        return sources.Facts(
            title=self.title.data,
            publisher=self.publisher.data or "",
            date_text=self.date_text.data or "",
            sort_date=self.sort_date.data,
            address=self.address.data or "",
            language=self.language.data,
            summary_nb=self.summary_nb.data or "",
            summary_nn=self.summary_nn.data or "",
        )


class NoteForm(BaseForm):
    """Something that a source says and that is no task."""

    kind = SelectField(_l("Kind"))
    quote = TextAreaField(_l("Quote"), description=_l("Word for word from the source."))
    text_nb = TextAreaField(_l("Explanation in bokmål"))
    text_nn = TextAreaField(_l("Explanation in nynorsk"))

    @classmethod
    def empty(cls) -> NoteForm:
        """Return the form with its choices in the person's language."""
        form = cls()
        form.kind.choices = words.choices(words.NOTE_KINDS)
        return form

    def note(self) -> sources.Note:
        """Return what was typed."""
        return sources.Note(
            kind=self.kind.data,
            quote=self.quote.data or "",
            text_nb=self.text_nb.data or "",
            text_nn=self.text_nn.data or "",
        )
