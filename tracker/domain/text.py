"""Text that people write: made safe to store, to show on a page and to put into a mail."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from tracker.domain.errors import InvalidError

LONGEST_NAME: Final = 200
"""Characters in a person's name."""
MOST_MARKS: Final = 30
"""Combining marks in a row: no language needs more (Unicode Standard Annex 15, section 13)."""

# Word processors end lines with these: vertical tab, form feed, NEL, and U+2028 and U+2029.
_BREAKS: Final = str.maketrans(dict.fromkeys("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\n"))
_DIRECTIONS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# A domain needs no "https://" to be made a link by a mail program.
_WEB_ADDRESS: Final = re.compile(r"://|\bwww\.|\w{2}\.[^\W\d_]{2}", re.IGNORECASE)


def paragraphs(text: str) -> str:
    """Return `text` without outer space and control characters, in Unicode's form NFC.

    Every kind of line break becomes a line feed. The work of NFC grows with the square of a run
    of combining marks, so runs are cut to `MOST_MARKS` first; the caller bounds the length.
    """
    text = text.replace("\r\n", "\n").translate(_BREAKS)
    text = unicodedata.normalize("NFC", text if text.isascii() else _with_few_marks(text))
    # PostgreSQL refuses NUL, and no header of a mail may hold a control character.
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


def one_line(text: str) -> str:
    """Return `text` like `paragraphs`, with a space in place of each line break and tab."""
    return paragraphs(text).replace("\n", " ").replace("\t", " ").strip()


def person_name(field: str, text: str) -> str:
    """Return a person's name with single spaces; raises InvalidError at `field`.

    Official mails quote names, so a name must not be able to pass for a message with a link.
    """
    if len(text) > LONGEST_NAME:
        raise InvalidError(field, "bad_name", longest=LONGEST_NAME)
    name = " ".join(one_line(text).split())
    if not name:
        raise InvalidError(field, "bad_name", longest=LONGEST_NAME)
    if _WEB_ADDRESS.search(name):
        raise InvalidError(field, "name_has_address")
    if _DIRECTIONS.search(name):
        raise InvalidError(field, "name_has_directions")
    return name


def _with_few_marks(text: str) -> str:
    def kept() -> Iterable[str]:
        marks = 0
        for character in text:
            marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
            if marks <= MOST_MARKS:
                yield character

    return "".join(kept())
