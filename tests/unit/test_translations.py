"""Every string that a person sees exists in bokmål and nynorsk, with its places filled alike."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from tracker import i18n

ROOT = Path(__file__).parents[2]
KEYWORDS = {
    "_": None,
    "_l": None,
    "N_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
}
PLACE = re.compile(r"%\((\w+)\)[sd]|%[sd]")


@cache
def _used() -> frozenset[str | tuple[str, ...]]:
    """The msgids that stand in code and templates."""
    found: set[str | tuple[str, ...]] = set()
    for folder, method in (
        ("tracker", [("**.py", "python")]),
        ("templates", [("**.html", "jinja2"), ("**.txt", "jinja2")]),
    ):
        options = {"**.html": {"trimmed": "false"}}
        for _file, _line, message, _comments, _context in extract_from_dir(
            str(ROOT / folder), method, options, KEYWORDS
        ):
            found.add(message)
    return frozenset(found)


def _catalogue(locale: str) -> Catalog:
    path = ROOT / "tracker" / "translations" / locale / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def _texts(value: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


@pytest.mark.parametrize("locale", ["nb", "nn"])
def test_every_string_is_translated(locale: str) -> None:
    catalogue = _catalogue(locale)
    missing = []
    for msgid in _used():
        message = catalogue.get(msgid[0] if isinstance(msgid, tuple) else msgid)
        if message is None or message.fuzzy or not all(_texts(message.string)):
            missing.append(msgid)

    assert not sorted(map(str, missing))


@pytest.mark.parametrize("locale", ["nb", "nn"])
def test_no_translation_is_left_over(locale: str) -> None:
    used = {msgid[0] if isinstance(msgid, tuple) else msgid for msgid in _used()}
    left_over = [text for message in _catalogue(locale) if (text := _texts(message.id)[0])]

    assert not sorted(set(left_over) - used)


@pytest.mark.parametrize("locale", ["nb", "nn"])
def test_places_to_fill_are_those_of_the_english_text(locale: str) -> None:
    wrong = []
    for message in _catalogue(locale):
        wanted = {match.group() for match in PLACE.finditer(_texts(message.id)[-1])}
        for text in _texts(message.string):
            found = {match.group() for match in PLACE.finditer(text)}
            # A singular may leave out its number; nothing may ask for what is not given.
            if message.id and (found - wanted or (wanted - found - {"%(num)s", "%(count)s"})):
                wrong.append(message.id)

    assert not wrong


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("nb", "torsdag 31. desember 2026"),
        ("nn", "torsdag 31. desember 2026"),
        ("en", "Thursday 31 December 2026"),
    ],
)
def test_dates_are_written_in_full_with_their_weekday(locale: str, expected: str) -> None:
    with i18n.use_locale(locale):
        assert i18n.format_date_long(dt.date(2026, 12, 31)).replace(",", "") == expected
