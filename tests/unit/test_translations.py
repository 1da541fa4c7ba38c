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


# Forms that were in use once beside the one to use, and words that read as translated.
REJECTED: dict[str, dict[str, str]] = {
    "nb": {
        r"(?i)\bvars(el|l)": "påminnelse",
        r"(?i)\baktør": "virksomhet",
        r"(?i)\bløfte[st]?\b|\bløft\b": "sende videre",
        r"(?i)\bskal avklares$|til avklaring": "ikke avklart",
        r"(?i)\b(lista|mappa|mellomtida|fila|sida)\b": "listen, mappen, …",
        r"(?i)\bpostmottak": "felles postkasse",
        r"^Skal ikke ha ": "Følges opp uten",
        r"Hva dette sender|ville sende": "hva endringen fører til",
        r"Hva den ellers sier": "Mer fra kilden",
        r"stolpe er": "stolpe viser",
        r"Uten frist, et": "Spørsmål om oppgaver uten frist",
        r"^Tomt": "La feltet stå tomt",
        r"^Mer$": "what there is more of",
    },
    "nn": {
        r"(?i)\btenar": "e-postserver",
        r"(?i)\b(finst|har|er|som) alt\b(?! i )": "allereie",
        r"(?i)\batt\b": "igjen",
        r"(?i)\bbegyn": "byrje",
        r"(?i)\bhenne\b": "ho",
        r"(?i)\b(honom|blei|vorte|korkje)\b": "han, vart, blitt, verken",
        r"(?i)(^|[,.:] )om (nokon|ingen|det|du|han|ho)\b": "dersom",
        r"(?i)\bkva mål": "kva for mål",
        r"\. (Han|Ho) (er|blir) (ikkje )?rekna": "name what it is",
        r"grunnen til han": "grunnen til pausen",
        r"(?i)\bvars(el|l)": "påminning",
        r"(?i)\baktør": "verksemd",
        r"(?i)\bløfta?\b": "sende vidare",
        r"(?i)\bskal avklarast$|til avklaring": "ikkje avklart",
        r"^Skal ikkje ha ": "Blir følgd opp utan",
        r"Kva dette sender|ville sende": "kva endringa fører til",
        r"Kva (ho|han|den) elles seier": "Meir frå kjelda",
        r"stolpe er": "stolpe viser",
        r"Utan frist, eit": "Spørsmål om oppgåver utan frist",
        r"^Tomt": "La feltet stå tomt",
        r"^Meir$": "what there is more of",
    },
    "en": {
        r"(?i)\bserve[sd]?\b": "contribute to",
        r"(?i)\bsettle": "to be decided",
        r"(?i)(?<!%\()\bactors?\b": "organisation",
        r"(?i)(?<![-\w])mails?\b(?! server)": "e-mail",
        r"(?i)\banew\b": "again",
        r"There is to be no": "needed",
        r"\bWhat else it says\b|\bWhat this sends\b": "what stands there",
        r"^Empty": "Leave this empty",
        r"\d{1,2}/\d{1,2}/\d{4}": "31 Dec 2026",
    },
}


def _shown(locale: str) -> list[str]:
    if locale == "en":
        return [text for msgid in _used() for text in _texts(msgid)]
    return [text for message in _catalogue(locale) if message.id for text in _texts(message.string)]


@pytest.mark.parametrize(
    ("locale", "rejected", "instead"),
    [(locale, *form) for locale, forms in REJECTED.items() for form in forms.items()],
)
def test_one_form_of_a_word_is_used_everywhere(locale: str, rejected: str, instead: str) -> None:
    found = [text for text in _shown(locale) if re.search(rejected, text)]

    assert not found, f"instead: {instead}"


DAY = dt.date(2026, 12, 3)
NOON = dt.datetime(2026, 12, 3, 12, tzinfo=dt.UTC)
DATES: dict[str, dict[str, tuple[str, ...]]] = {
    "format_date_short": {
        "nb": ("03.12.2026",),
        "nn": ("03.12.2026",),
        "en": ("3 Dec 2026",),
    },
    "format_date_long": {
        "nb": ("torsdag 3. desember 2026",),
        "nn": ("torsdag 3. desember 2026",),
        "en": ("Thursday 3 December 2026",),
    },
    "format_datetime_short": {
        "nb": ("03.12.2026 kl. 13.00",),
        "nn": ("03.12.2026 kl. 13.00",),
        "en": ("3 Dec 2026 at 13:00",),
    },
    "format_deadline": {
        "nb": ("03.12.2026", "i løpet av desember 2026", "i løpet av 2026"),
        "nn": ("03.12.2026", "i løpet av desember 2026", "i løpet av 2026"),
        "en": ("3 Dec 2026", "during December 2026", "during 2026"),
    },
    "format_month": {
        "nb": ("desember 2026",),
        "nn": ("desember 2026",),
        "en": ("December 2026",),
    },
    "format_weekday": {"nb": ("torsdag",), "nn": ("torsdag",), "en": ("Thursday",)},
}


def _written(name: str) -> tuple[str, ...]:
    write = getattr(i18n, name)
    match name:
        case "format_datetime_short":
            return (write(NOON, "Europe/Oslo"),)
        case "format_deadline":
            return tuple(write(DAY, precision) for precision in ("day", "month", "year"))
        case _:
            return (write(DAY),)


def test_every_way_to_write_a_date_is_tested_here() -> None:
    ways = {name for name in vars(i18n) if name.startswith("format_")}

    assert ways - {"format_date", "format_list"} == set(DATES)


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_dates_are_written_in_full_with_their_weekday(locale: str) -> None:
    with i18n.use_locale(locale):
        written = i18n.format_date_long(DAY)
        assert written.startswith(f"{i18n.format_weekday(DAY)} ")
        assert written.endswith(f" {i18n.format_month(DAY)}")


@pytest.mark.parametrize("locale", i18n.LOCALES)
@pytest.mark.parametrize("name", DATES)
def test_a_date_is_short_or_long_and_never_with_slashes(name: str, locale: str) -> None:
    with i18n.use_locale(locale):
        written = _written(name)

    assert written == DATES[name][locale]
    assert not [text for text in written if re.search(r"\d+/\d+", text)]
