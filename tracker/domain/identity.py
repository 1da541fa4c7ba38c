"""What an installation is called, what it is for, and who is behind it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from tracker.i18n import LOCALES, N_, get_locale, gettext

UNNAMED: Final = "Oppfølging"
"""The product's own name, where the installation has none."""
_NEUTRAL: Final = {
    "purpose": N_("Recommendations and goals, followed up until they are done."),
    "forum": N_("the forum"),
}


class Said(NamedTuple):
    """A text and the language that it is in."""

    text: str
    locale: str


class Contact(NamedTuple):
    """Whom to ask: as it is written, and as a link."""

    text: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the installation says of itself; what is empty is said in neutral words."""

    name: str = ""
    purpose_nb: str = ""
    purpose_nn: str = ""
    purpose_en: str = ""
    forum_nb: str = ""
    forum_nn: str = ""
    forum_en: str = ""
    """As in the middle of a sentence: “samarbeidsforumet”."""
    contact: str = ""
    """An e-mail address or an https address."""
    privacy_url: str = ""
    accessibility_url: str = ""
    logo_version: str = ""
    """Changes with the picture; empty: there is none."""
    logo_width: int = 0
    logo_height: int = 0

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> Identity:
        """Return what is stored; what an older program does not know is left alone."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in (stored or {}).items() if name in known})

    @property
    def title(self) -> str:
        """What the installation is called."""
        return self.name or UNNAMED

    @property
    def purpose(self) -> Said:
        """What it is for, as a sentence."""
        return self._said("purpose")

    @property
    def forum(self) -> Said:
        """Who reads the answers together, as in the middle of a sentence."""
        return self._said("forum")

    def contact_or(self, reply_to: str | None) -> Contact | None:
        """Return whom to ask: the contact, else where answers to mails go."""
        text = self.contact or reply_to
        if not text:
            return None
        return Contact(text, text if text.startswith("https://") else f"mailto:{text}")

    def logo_size(self, tallest: int) -> tuple[int, int]:
        """Return width and height in which the logo is shown, at most `tallest` high."""
        widest = tallest * 6
        scale = min(1.0, tallest / self.logo_height, widest / self.logo_width)
        return max(1, round(self.logo_width * scale)), max(1, round(self.logo_height * scale))

    def _said(self, what: str) -> Said:
        for locale in dict.fromkeys((get_locale(), *LOCALES)):
            if text := getattr(self, f"{what}_{locale}"):
                return Said(text, locale)
        return Said(gettext(_NEUTRAL[what]), get_locale())
