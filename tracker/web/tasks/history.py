"""What an audited change says in words: which field, what it was and what it became."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from tracker import i18n
from tracker.i18n import N_, _, gettext
from tracker.services.task_assign import NONE
from tracker.services.task_history import Entry
from tracker.web import words
from tracker.web.differences import Change

_LABELS: Final = {
    "title_nb": N_("Title in bokmål"),
    "title_nn": N_("Title in nynorsk"),
    "description": N_("Description"),
    "theme": N_("Theme"),
    "chosen_alternative": N_("Chosen alternative"),
    "goals": N_("Goals that it contributes to"),
    "context": N_("Context that it answers"),
    "owner": N_("Owner"),
    "responsible": N_("Responsible"),
    "contributors": N_("Contributors"),
    "status": N_("Status"),
    "deadline": N_("Deadline"),
    "owner_none_on": N_("No owner, decided"),
    "responsible_none_on": N_("No responsible person, decided"),
    "deadline_none_on": N_("No deadline, decided"),
    "status_none_on": N_("No status, decided"),
    "reason": N_("Reason"),
}


def changes(entry: Entry) -> list[Change]:
    """Return the fields that an event changed; those that only machines read are left out."""
    return [
        Change(gettext(label), _text(name, entry.before), _text(name, entry.after))
        for name, label in _LABELS.items()
        if name in entry.before or name in entry.after
    ]


def compare(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> list[Change]:
    """Return where what is saved now differs from what somebody else typed meanwhile."""
    return [
        Change(gettext(label), _text(name, theirs), _text(name, mine))
        for name, label in _LABELS.items()
        if theirs.get(name) != mine.get(name)
    ]


def _text(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if value == NONE:
        return _("None, decided")
    if name == "status":
        return gettext(words.STATUSES.get(value, value))
    with suppress(ValueError):
        return i18n.format_date_short(dt.date.fromisoformat(value))
    return str(value)
