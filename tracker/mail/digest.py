"""What a digest says: its lines and the phrases that depend on numbers, dates and audience.

Every function here speaks the language in force (`i18n.use_locale`).
"""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tracker import i18n
from tracker.domain.reminder_steps import OptionalKind, Section
from tracker.i18n import N_, _, ngettext

# The receiver is asked how these go.
ASKING: Final = frozenset({Section.OVERDUE, Section.DUE_SOON, Section.QUESTIONS})

_HEADINGS: Final = {
    Section.OVERDUE: N_("Overdue"),
    Section.DUE_SOON: N_("Due soon"),
    Section.QUESTIONS: N_("A while since the last update"),
    Section.RAISED: N_("Overdue and raised with you"),
    Section.TO_DECIDE: N_("Waiting for your decision"),
    Section.NOTICES: N_("News"),
}

_DUE_TODAY: Final = N_("Due today")
_NOTICES: Final = {
    "question": N_("The last answer came on %(what)s."),
    "question_unanswered": N_("No answer has come yet."),
    "assigned": N_("You are now responsible for this task."),
    "sent_back": N_("Sent back: it is not regarded as done yet."),
    "confirmed": N_("Confirmed as done. Thank you."),
    "deadline_approved": N_("The new deadline has been approved."),
    "deadline_set": N_("The secretariat has set this deadline."),
    "no_deadline_set": N_("The secretariat has decided that no deadline is needed."),
    "deadline_rejected": N_("The new deadline was not approved. The old one stands."),
    "confirm": N_("%(who)s has reported this done. Confirm it, or send it back."),
    "decide_deadline": N_("%(who)s asks for a new deadline: %(what)s."),
    "decide_no_deadline": N_("%(who)s asks to have no deadline."),
    "not_mine": N_("%(who)s says that this is somebody else's task."),
    "look_again": N_("On hold until now. Is it time to go on?"),
    "raised": N_("No answer has come from %(who)s."),
    "raised_after_answer": N_("%(who)s is responsible. The last answer came on %(what)s."),
    "sent_before": N_("Reminders sent: %(what)s."),
    "lead_told": N_("The lead was told: %(what)s."),
    "last_sent_before": N_("%(who)s reminders sent, the last: %(what)s."),
    "none_sent_before": N_("No reminder about it has reached anybody."),
    "unsettled": N_("To be decided: %(what)s."),
}

OPTIONAL_MAIL: Final[dict[str, str]] = {
    OptionalKind.DECISIONS: N_(
        "What was decided about what you reported done, or about a new deadline"
    ),
    OptionalKind.UNSETTLED: N_("What the forum has to decide, monthly"),
    OptionalKind.COPIES: N_("Copies of reminders of tasks that others are responsible for"),
}
"""The kinds that a person may do without."""

PARTS: Final = {
    "owner": N_("owner"),
    "responsible": N_("responsible"),
    "deadline": N_("deadline"),
    "status": N_("status"),
}
"""What may not be settled about a task."""

_ROLES: Final = {
    "responsible": N_("responsible for the task"),
    "leads": N_("the lead of %(actor)s"),
    "coordinator": N_("a member of the forum's secretariat"),
    "author": N_("the one who asked for what has been decided"),
    "copy": N_("to be copied in, by the rules for these tasks"),
}
"""What a person is to whom a digest goes; a shared mailbox is no person."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A sentence about a task: what has happened, or what is asked."""

    kind: str
    """Key of `_NOTICES`."""
    who: str = ""
    what: str = ""
    """What it is about, in words: a date, or what is not settled."""
    detail: str = ""
    """What a person wrote, such as the reason for sending it back."""

    def text(self) -> str:
        """Give the sentence."""
        return _(_NOTICES[self.kind]) % {"who": self.who, "what": self.what}

    def quote(self) -> str:
        """Give what a person wrote on one line, cut where it becomes long."""
        return textwrap.shorten(self.detail, 500, placeholder=" …")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One task in a digest, at most one line per task and receiver."""

    section: Section
    ref: str
    title: str
    title_locale: str
    url: str
    by_link: bool = False
    """Whether `url` lets its receiver answer without signing in."""
    deadline: dt.date | None = None
    """The last day of the period that it falls due in."""
    precision: str = "day"
    number: int = 1
    """Which reminder in a row this is, counted apart before and after the deadline."""
    leads_told_on: dt.date | None = None
    secretariat_told_on: dt.date | None = None
    notices: tuple[Notice, ...] = ()
    excerpt: str = ""
    """What the task says, for who has just got it: in the source's words, or else described."""
    excerpt_locale: str = ""

    @property
    def asks(self) -> bool:
        """Whether the receiver is asked how it goes."""
        return self.section in ASKING

    @property
    def decides(self) -> bool:
        """Whether the receiver must do something about it other than to answer."""
        return self.section in {Section.RAISED, Section.TO_DECIDE}

    def deadline_text(self) -> str:
        """Give the deadline with its weekday, or as vaguely as it was set; may be empty."""
        if self.deadline is None:
            return ""
        if self.precision == "day":
            return i18n.format_date_long(self.deadline)
        return i18n.format_deadline(self.deadline, self.precision)

    def number_text(self) -> str:
        """Say which reminder this is; the first needs no number."""
        if self.number < 2:
            return ""
        if self.section is Section.OVERDUE:
            return _("overdue reminder no. %(num)s", num=self.number)
        return _("reminder no. %(num)s", num=self.number)

    def told_text(self) -> str:
        """Say who will be told next if nobody answers, so that it surprises no one."""
        days = [day for day in (self.leads_told_on, self.secretariat_told_on) if day is not None]
        if not days:
            return ""
        day = i18n.format_date_long(min(days))
        if min(days) == self.leads_told_on:
            return _(
                "Unless it is reported done or a new deadline is asked for, your lead will be told "
                "on %(day)s.",
                day=day,
            )
        return _(
            "Unless it is reported done or a new deadline is asked for, the secretariat will be "
            "told on %(day)s.",
            day=day,
        )


class Absent(NamedTuple):
    """Somebody who is away, and whose mail goes to a substitute."""

    name: str
    last_on: dt.date


@dataclass(frozen=True, kw_only=True)
class Digest:
    """One receiver's mail of one local date."""

    today: dt.date
    name: str
    """The person, or the actor whose shared mailbox it is."""
    actor: str
    """On whose behalf the receiver answers; may be empty."""
    shared_mailbox: bool
    audiences: tuple[str, ...]
    """Keys of `_ROLES`, the most personal first; or the shared mailbox alone."""
    lines: tuple[Line, ...]
    absent: Absent | None = None
    """Whose mail it is, where the receiver stands in."""
    unsubscribe_url: str = ""
    """Switches off the kinds in it that its receiver may do without; empty: there are none."""
    optional: tuple[str, ...] = ()
    """Those kinds: keys of `OPTIONAL_MAIL`."""
    is_first: bool = False
    """Whether no digest has come to this person before."""

    def __post_init__(self) -> None:
        """An empty mail is never sent, so it cannot be made either."""
        if not self.lines:
            raise ValueError("a digest without lines")

    def sections(self) -> list[tuple[str, list[Line]]]:
        """Give headings with their lines, the earliest deadline first."""
        return [
            (_(_DUE_TODAY if self._is_due_today(lines) else heading), lines)
            for section, heading in _HEADINGS.items()
            if (lines := self._in(section))
        ]

    def _is_due_today(self, lines: Sequence[Line]) -> bool:
        return all(
            line.section is Section.DUE_SOON and line.deadline == self.today for line in lines
        )

    def subject(self) -> str:
        """Count what waits and name the nearest date; never more than is due."""
        if self.absent:
            return _("For %(name)s: %(subject)s", name=self.absent.name, subject=self._subject())
        return self._subject()

    def _subject(self) -> str:
        parts = self._subject_parts()
        if not parts:
            return _news(self._in(Section.NOTICES))
        counts = ", ".join(parts)
        if any(line.asks for line in self.lines):
            return _("%(counts)s – status from you", counts=counts)
        return _("%(counts)s – waiting for you", counts=counts)

    def greeting(self) -> str:
        """Greet a person by first name, a mailbox by its actor's name."""
        name = self.name if self.shared_mailbox else self.name.split(maxsplit=1)[0]
        return _("Hello, %(name)s", name=name)

    def preview(self) -> str:
        """Name the first tasks, for what a list of mails shows beside the subject."""
        first = [line for _heading, lines in self.sections() for line in lines][:3]
        return ", ".join(f"{line.ref} {line.title}" for line in first)

    def standing_in(self) -> str:
        """Say for whom the receiver stands in; empty where it is the own mail."""
        if self.absent is None:
            return ""
        return _(
            "%(name)s is away until %(day)s, and you stand in.",
            name=self.absent.name,
            day=i18n.format_date_long(self.absent.last_on),
        )

    def introduction(self) -> str:
        """Say in one or two sentences what the mail wants."""
        asked = sum(line.asks for line in self.lines)
        if asked:
            return ngettext(
                "How is it going with this task? It takes less than a minute to answer.",
                "How is it going with these tasks? It takes less than a minute to answer.",
                asked,
            )
        if any(line.section is not Section.NOTICES for line in self.lines):
            return _("This is waiting for you.")
        return _("Here is what is new.")

    def explanation(self) -> str:
        """Say what kind of mail this is, to who has never had one; empty for others."""
        if not self.is_first or self.shared_mailbox:
            return ""
        return _(
            "This is the first such e-mail to you. One comes when something is due or has "
            "happened, at most once a day, and each task has a link of its own."
        )

    def reason(self) -> str:
        """Say why one gets the mail."""
        if self.shared_mailbox:
            return _(
                "You get this because this is the shared mailbox of %(actor)s.", actor=self.actor
            )
        if self.absent:
            return _(
                "You get this because you stand in for %(name)s, who is away until %(day)s.",
                name=self.absent.name,
                day=i18n.format_date_long(self.absent.last_on),
            )
        roles = [_(_ROLES[key]) % {"actor": self.actor} for key in self.audiences]
        return _("You get this because you are %(roles)s.", roles=i18n.format_list(roles))

    def optional_text(self) -> str:
        """Name what the receiver may do without."""
        return i18n.format_list([_(OPTIONAL_MAIL[kind]) for kind in self.optional])

    def readers(self, forum: str) -> str:
        """Say who can read an answer and in whose name it is kept."""
        if self.shared_mailbox:
            return _(
                "Members of %(forum)s can read the answer, and it is stored with the name that you "
                "give (%(actor)s).",
                forum=forum,
                actor=self.actor,
            )
        if self.actor:
            return _(
                "Members of %(forum)s can read the answer, and it is stored in your name "
                "(%(actor)s).",
                forum=forum,
                actor=self.actor,
            )
        return _(
            "Members of %(forum)s can read the answer, and it is stored in your name.", forum=forum
        )

    def links(self) -> str:
        """Say whose the links are, and what to do with a task that is not one's own."""
        if self.shared_mailbox:
            return _("The links belong to this mailbox. Not your task? Say so with the same link.")
        return _("The links are personal. Not your task? Say so with the same link.")

    def _in(self, section: Section) -> list[Line]:
        lines = [line for line in self.lines if line.section is section]
        return sorted(lines, key=lambda line: (line.deadline or dt.date.max, line.ref))

    def _subject_parts(self) -> list[str]:
        counts = {section: len(self._in(section)) for section in Section}
        parts = []
        if number := counts[Section.OVERDUE]:
            parts.append(ngettext("%(num)s overdue", "%(num)s overdue", number))
        if soon := self._in(Section.DUE_SOON):
            parts.append(self._due_soon(soon))
        if number := counts[Section.QUESTIONS]:
            parts.append(ngettext("%(num)s without news", "%(num)s without news", number))
        if number := counts[Section.RAISED]:
            parts.append(ngettext("%(num)s raised with you", "%(num)s raised with you", number))
        if number := counts[Section.TO_DECIDE]:
            parts.append(ngettext("%(num)s to decide", "%(num)s to decide", number))
        return parts

    def _due_soon(self, lines: Sequence[Line]) -> str:
        first = lines[0]
        if first.deadline is None:
            raise ValueError(f"{first.ref} is due soon without a deadline")
        number = len(lines)
        when = i18n.format_deadline(first.deadline, first.precision)
        if len({(line.deadline, line.precision) for line in lines}) == 1:
            return ngettext("%(num)s due %(when)s", "%(num)s due %(when)s", number, when=when)
        if first.precision != "day":
            return ngettext("%(num)s due soon", "%(num)s due soon", number)
        return ngettext("%(num)s due from %(when)s", "%(num)s due from %(when)s", number, when=when)


def _news(lines: Sequence[Line]) -> str:
    if len(lines) == 1:
        sentences = [notice.text() for notice in lines[0].notices]
        return f"{lines[0].ref}: {' '.join(sentences).rstrip('.')}"
    return ngettext("News about %(num)s task", "News about %(num)s tasks", len(lines))
