"""What roles are called, what they may do, and what their holders are asked; msgids in English."""

from __future__ import annotations

from typing import Final

from tracker.domain.roles import Role
from tracker.i18n import N_

ROLES: Final[dict[str, str]] = {
    Role.READER: N_("Reader"),
    Role.MEMBER: N_("Staff"),
    Role.LEAD: N_("Lead"),
    Role.FORUM_MEMBER: N_("Forum member"),
    Role.COORDINATOR: N_("Secretariat"),
    Role.ADMIN: N_("Administrator"),
}
MAY: Final[dict[str, str]] = {
    Role.READER: N_("Reads tasks, sources and meetings, and changes nothing."),
    Role.MEMBER: N_("Answers for the tasks of one organisation."),
    Role.LEAD: N_(
        "Answers for the tasks of one organisation, is told when an answer is missing, and invites "
        "colleagues."
    ),
    Role.FORUM_MEMBER: N_("Reads everything, and can have the meetings in the calendar."),
    Role.COORDINATOR: N_(
        "Enters sources and tasks, confirms what is reported done, decides on deadlines, and "
        "invites people."
    ),
    Role.ADMIN: N_("Runs people and roles, and says what the installation is called."),
}
_NOTHING: Final = N_("Nothing is asked of you.")
ASKED: Final[dict[str, str]] = {
    Role.READER: _NOTHING,
    Role.MEMBER: N_(
        "When a deadline comes near, and when it has passed, you get an e-mail that asks how it is "
        "going. It has a button for each task, and answering takes less than a minute."
    ),
    Role.LEAD: N_(
        "You get an e-mail when nobody has answered for a task of your organisation. For tasks "
        "that are your own, you are asked before the deadline and when it has passed."
    ),
    Role.FORUM_MEMBER: _NOTHING,
    Role.COORDINATOR: N_(
        "You get an e-mail when something waits for the secretariat: a report to confirm, a "
        "deadline to decide on, or a task that nobody answers for."
    ),
    Role.ADMIN: N_("Nothing about tasks is asked of you. You see to it that people come in."),
}
