"""References of tasks (`DIFI-1`, a measure under it `DIFI-1.2`): how they sort and are found."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile(r"\d+")
_WIDTH: Final = 6
"""Digits that each number is padded to: a million measures under one recommendation."""


def sort_key(ref: str) -> str:
    """Return `ref` with its numbers padded, so that 1.10 sorts after 1.2."""
    return _NUMBER.sub(lambda number: number.group().zfill(_WIDTH), ref)


def search_text(ref: str, *texts: str | None) -> str:
    """Return what a search looks in: the reference, titles and quote in lower case."""
    return "\n".join(text for text in (ref, *texts) if text).lower()
