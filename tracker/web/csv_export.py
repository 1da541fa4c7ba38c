"""Tables as CSV for spreadsheets, in which no cell is taken for a formula."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable
from io import StringIO
from typing import Any, Final

BOM: Final = "\ufeff"
"""Without it Excel takes the letters æ, ø and å for others."""

# Where a cell begins, also for a program that splits at another separator than ours or takes a line
# break in a cell for a new row: before a sign that begins a formula, or that is skipped before one.
_BEGINNING_OF_FORMULA: Final = re.compile(
    r"""(?:\A | \r\n | [,;|\t\n\v\f\r\x85\u2028\u2029])
        (?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20] | [\t\r])""",
    re.VERBOSE,
)


def head(names: Iterable[str]) -> str:
    """Return what a table begins with: the names of its columns."""
    return BOM + lines([names])


def lines(rows: Iterable[Iterable[Any]]) -> str:
    """Return `rows` as lines.

    Every cell is quoted. Where one could be a formula there is an apostrophe, which makes it text.
    """
    text = StringIO()
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> str:
    """Return the cell as text that no spreadsheet takes for a formula."""
    if isinstance(cell, dt.date):
        return cell.isoformat()
    text = "" if cell is None else str(cell)
    return _BEGINNING_OF_FORMULA.sub(r"\g<0>'", text)
