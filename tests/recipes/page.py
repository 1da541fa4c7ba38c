"""The recipes of docs/operations.md for mail and web servers: the files that they show."""

from __future__ import annotations

import re

from tests.integration.operating import PAGE

_LINES = re.MULTILINE | re.DOTALL


def section(heading: str) -> str:
    """Return what the page says between a heading and the next."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ \S|\Z)", _without_files(), _LINES)
    assert found, f"docs/operations.md has no heading {heading}"
    return re.sub(r"^\0", "#", found[1], flags=re.MULTILINE)


def files(heading: str) -> dict[str, str]:
    """Return what stands under a heading in blocks that begin with a file's name, by that name."""
    found: dict[str, str] = {}
    for block in re.findall(r"^```\w*\n(# [/.].*?)^```", section(heading), _LINES):
        parts = re.split(r"^# ([/.]\S+)\n", block, flags=re.MULTILINE)
        found |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return found


def _without_files() -> str:
    """Return the page with its blocks' comments marked, so that they are no headings."""
    hidden = re.compile(r"^```.*?^```", _LINES)
    return hidden.sub(lambda block: re.sub(r"^#", "\0", block[0], flags=re.MULTILINE), PAGE)
