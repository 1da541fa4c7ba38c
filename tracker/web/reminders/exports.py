"""The log of the reminders as CSV: for spreadsheets, and as proof."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from flask import get_template_attribute

from tracker.domain.status import Precision
from tracker.i18n import _, format_deadline
from tracker.services.reminder_log import Entry
from tracker.web import csv_export, words
from tracker.web.context import timezone
from tracker.web.reminders.forms import OUTCOMES


def head() -> str:
    """Give the names of the columns."""
    columns = [
        _("Task"),
        _("Title"),
        _("Receiver"),
        _("For"),
        _("Receives as"),
        _("E-mail"),
        _("Why it is sent"),
        _("Day"),
        _("Deadline"),
        _("What happened"),
        _("Reason"),
        _("When"),
        _("What the mail server said"),
        _("May have arrived twice"),
    ]
    return csv_export.head(columns)


def lines(entries: Iterable[Entry]) -> str:
    """Give one line for each entry, in the words of the page, so that both say the same."""
    why, audience, reason = (
        get_template_attribute("components/reminders.html", name)
        for name in ("why", "audience_name", "reason_name")
    )
    zone = ZoneInfo(timezone())
    rows = (
        [
            entry.task.ref,
            words.title(entry.task),
            entry.receiver,
            entry.absent,
            audience(entry.audience),
            entry.to_address,
            why(entry.why, entry.step),
            entry.send_on,
            _deadline(entry),
            _(OUTCOMES[entry.outcome]),
            reason(entry.reason),
            f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M}",
            entry.answer,
            _("yes") if entry.possibly_duplicate else "",
        ]
        for entry in entries
    )
    return csv_export.lines(rows)


def _deadline(entry: Entry) -> dt.date | str | None:
    """Return the deadline: a date where it is one, else as vaguely as it was set."""
    task = entry.task
    if entry.deadline != task.deadline or task.deadline_precision in {None, Precision.DAY}:
        return entry.deadline
    return format_deadline(task.deadline, task.deadline_precision) if task.deadline else None
