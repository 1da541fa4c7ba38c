"""The names of codes, for forms' choices and for templates (as `words`); msgids in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tracker.domain.reminder_rules import RuleAudience
from tracker.domain.status import Assessment, Hindrance, Kind, Precision, Status
from tracker.i18n import N_, get_locale, gettext
from tracker.mail import digest, role_words
from tracker.models import Task, Way
from tracker.services.task_list import TaskRow

KINDS: Final[dict[str, str]] = {
    Kind.RECOMMENDATION: N_("Recommendation"),
    Kind.GOAL: N_("Goal"),
    Kind.MEASURE: N_("Measure"),
}
STATUSES: Final[dict[str, str]] = {
    Status.NOT_STARTED: N_("Not started"),
    Status.IN_PROGRESS: N_("In progress"),
    Status.ONGOING: N_("Ongoing"),
    Status.ON_HOLD: N_("On hold"),
    Status.REPORTED_DONE: N_("Reported done"),
    Status.CLOSED: N_("Closed"),
    Status.DROPPED: N_("Dropped"),
}
PRECISIONS: Final[dict[str, str]] = {
    Precision.DAY: N_("That day"),
    Precision.MONTH: N_("Some time in that month"),
    Precision.YEAR: N_("Some time in that year"),
}
ROLES: Final = role_words.ROLES
ROLE_MAY: Final = role_words.MAY
ROLE_ASKED: Final = role_words.ASKED
ASSESSMENTS: Final[dict[str, str]] = {
    Assessment.ON_TRACK: N_("On track"),
    Assessment.UNCERTAIN: N_("Uncertain"),
    Assessment.OFF_TRACK: N_("Off track"),
}
HINDRANCES: Final[dict[str, str]] = {
    Hindrance.LAW: N_("Law and regulations"),
    Hindrance.MONEY: N_("Money"),
    Hindrance.COMPETENCE: N_("Competence"),
    Hindrance.TRUST: N_("Trust"),
    Hindrance.CAPACITY: N_("Capacity"),
    Hindrance.OTHER: N_("Something else"),
}
NOTE_KINDS: Final[dict[str, str]] = {
    "mandate": N_("Mandate"),
    "definition": N_("Definition"),
    "weakness": N_("Weakness"),
    "obstacle": N_("Obstacle"),
    "proposal": N_("Proposal"),
    "theme": N_("Topic"),
    "remark": N_("Remark"),
}
KINDS_IN_PLURAL: Final[dict[str, str]] = {
    Kind.RECOMMENDATION: N_("Recommendations"),
    Kind.GOAL: N_("Goals"),
    Kind.MEASURE: N_("Measures"),
}
RULE_AUDIENCES: Final[dict[str, str]] = {
    RuleAudience.RESPONSIBLE: N_("The responsible person"),
    RuleAudience.LEADS: N_("The owner's leads"),
    RuleAudience.CONTRIBUTORS: N_("The contributing organisations' leads"),
    RuleAudience.COORDINATOR: N_("The secretariat"),
}
OPTIONAL_MAIL: Final = digest.OPTIONAL_MAIL
PARTS: Final = digest.PARTS
WAYS: Final[dict[str, str]] = {
    Way.PASSWORD: N_("Password"),
    Way.LINK: N_("Link by e-mail"),
    Way.DEMONSTRATION: N_("Demonstration"),
}
LANGUAGES: Final[dict[str, str]] = {"nb": N_("Bokmål"), "nn": N_("Nynorsk"), "en": N_("English")}


def choices(names: Mapping[str, str], first: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `{code: name}` in the person's language, after `first`, which is so already."""
    return {**(first or {})} | {str(code): gettext(name) for code, name in names.items()}


def title(task: Task | TaskRow) -> str:
    """Return a task's title in the person's language where there is one, else in bokmål."""
    return (task.title_nn if get_locale() == "nn" else "") or task.title_nb
