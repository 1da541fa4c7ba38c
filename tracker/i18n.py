"""Words and dates in bokmål, nynorsk and English. A leaf that web, mail and commands share.

The msgid of every string is its English text. Catalogues are read from the `.po` files the
first time a locale is used.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.lists import format_list as babel_format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import LazyProxy, NullTranslations, Translations

LOCALES: Final = ("nb", "nn", "en")
_CLDR: Final = {"nb": "nb_NO", "nn": "nn_NO", "en": "en_GB"}
# The two forms in which a date is written. Not 31/12/2026, which some read as month and day.
_SHORT: Final = {"nb": "dd.MM.y", "nn": "dd.MM.y", "en": "d MMM y"}
_LONG: Final = {"nb": "EEEE d. MMMM y", "nn": "EEEE d. MMMM y", "en": "EEEE d MMMM y"}
_DIRECTORY: Final = Path(__file__).parent / "translations"
_locale: ContextVar[str] = ContextVar("locale", default="nb")


@cache
def translations(locale: str) -> NullTranslations:
    """Return the catalogue of `locale`; English is the text of the msgids themselves."""
    path = _DIRECTORY / locale / "LC_MESSAGES" / "messages.po"
    if locale == "en" or not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=locale))
    compiled.seek(0)
    return Translations(compiled)


def get_locale() -> str:
    """Return the locale in force: `nb`, `nn` or `en`."""
    return _locale.get()


def set_locale(locale: str) -> None:
    """Use `locale` from here on in this context (a request); unknown ones are refused."""
    if locale not in LOCALES:
        message = f"unknown locale {locale!r}"
        raise ValueError(message)
    _locale.set(locale)


@contextmanager
def use_locale(locale: str) -> Iterator[None]:
    """Use `locale` inside the block, as a job does for each receiver."""
    before = _locale.get()
    set_locale(locale)
    try:
        yield
    finally:
        _locale.set(before)


def gettext(message: str, **variables: Any) -> str:
    """Translate `message`, then fill in its `%(name)s` places."""
    text = str(translations(_locale.get()).ugettext(message))
    return text % variables if variables else text


def ngettext(singular: str, plural: str, num: int, **variables: Any) -> str:
    """Translate by number; `%(num)s` is filled in with `num`."""
    text = str(translations(_locale.get()).ungettext(singular, plural, num))
    return text % {"num": num, **variables}


def lazy_gettext(message: str, **variables: Any) -> Any:
    """Return a text that is translated when it is shown (labels of form classes)."""
    return LazyProxy(gettext, message, enable_cache=False, **variables)


def N_(message: str) -> str:  # noqa: N802 - the customary name
    """Mark `message` for translation and return it unchanged."""
    return message


_ = gettext
_l = lazy_gettext


def format_date_short(date: dt.date) -> str:
    """Return 31.12.2026 (en: 31 Dec 2026)."""
    return _format_date(date, _SHORT[_locale.get()], _locale.get())


def format_date_long(date: dt.date) -> str:
    """Return torsdag 31. desember 2026 (en: Thursday 31 December 2026)."""
    return _format_date(date, _LONG[_locale.get()], _locale.get())


def format_month(date: dt.date) -> str:
    """Return desember 2026."""
    return _format_date(date, "LLLL y", _locale.get())


def format_weekday(date: dt.date) -> str:
    """Return torsdag."""
    return _format_date(date, "EEEE", _locale.get())


@lru_cache(maxsize=4096)
def _format_date(date: dt.date, pattern: str, locale: str) -> str:
    # Babel reads its pattern anew each time, and a list has the same days again and again.
    return format_date(date, pattern, locale=_CLDR[locale])


def format_datetime_short(moment: dt.datetime, timezone: str) -> str:
    """Return 31.12.2026 kl. 07.00 in `timezone` (IANA name) for an aware datetime."""
    local = moment.astimezone(ZoneInfo(timezone))
    time = f"{local:%H:%M}" if _locale.get() == "en" else f"{local:%H.%M}"
    return gettext("%(date)s at %(time)s", date=format_date_short(local.date()), time=time)


def format_deadline(date: dt.date, precision: str) -> str:
    """Return a deadline as precisely as it was set: `day`, `month` or `year`.

    `date` is the last day of the period, when the task is due.
    """
    if precision == "year":
        return gettext("during %(period)s", period=str(date.year))
    if precision == "month":
        period = format_month(date)
        return gettext("during %(period)s", period=period)
    return format_date_short(date)


def format_list(items: Sequence[str]) -> str:
    """Return `a, b og c`."""
    return babel_format_list(items, locale=_CLDR[_locale.get()])
