"""The log of the reminders as CSV: for spreadsheets, and as proof."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from tracker.i18n import _
from tracker.services.reminder_log import Entry
from tracker.web.context import timezone
from tracker.web.reminders.forms import OUTCOMES

BOM = "\ufeff"
"""Without it Excel takes the letters æ, ø and å for others."""


def lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Give the table line by line, with the names of the columns first."""
    yield BOM + _line(
        [
            _("Task"),
            _("Receiver"),
            _("E-mail"),
            _("Step"),
            _("Day"),
            _("Deadline"),
            _("What became of it"),
            _("Why"),
            _("When"),
            _("What the mail server said"),
            _("May have arrived twice"),
        ]
    )
    for entry in entries:
        yield _line(
            [
                entry.task.ref,
                entry.receiver,
                entry.to_address,
                entry.label,
                entry.send_on,
                entry.deadline,
                _(OUTCOMES[entry.outcome]),
                entry.reason,
                entry.at.astimezone(ZoneInfo(timezone())).isoformat(timespec="minutes"),
                entry.answer,
                _("yes") if entry.possibly_duplicate else "",
            ]
        )


def _line(cells: Iterable[Any]) -> str:
    line = StringIO()
    csv.writer(line, delimiter=";").writerow([_harmless(cell) for cell in cells])
    return line.getvalue()


def _harmless(cell: Any) -> str:
    """Return the cell as text that no spreadsheet takes for a formula."""
    if isinstance(cell, dt.date):
        return cell.isoformat()
    text = "" if cell is None else str(cell)
    is_number = isinstance(cell, int)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} and not is_number else text
