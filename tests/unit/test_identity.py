"""What an installation says of itself, and what is said where it says nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracker.domain.identity import Contact, Identity
from tracker.i18n import use_locale

ROOT = Path(__file__).parents[2]
OF_ONE_INSTALLATION = re.compile(
    r"innovasjon i offentlig|innovasjon i offentleg|innovation in the public"
    r"|samarbeidsforum|coordinating forum",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    ("locale", "purpose", "forum"),
    [
        ("nb", "Anbefalinger og mål, fulgt opp til de er gjennomført.", "forumet"),
        ("nn", "Tilrådingar og mål, følgde opp til dei er gjennomførte.", "forumet"),
        ("en", "Recommendations and goals, followed up until they are done.", "the forum"),
    ],
)
def test_an_installation_without_words_of_its_own_has_neutral_ones(
    locale: str, purpose: str, forum: str
) -> None:
    with use_locale(locale):
        assert Identity().title == "Oppfølging"
        assert Identity().purpose == (purpose, locale)
        assert Identity().forum == (forum, locale)


def test_a_text_that_lacks_a_language_is_shown_in_another_and_says_which() -> None:
    identity = Identity(purpose_nb="Klimatiltak.", purpose_en="Climate measures.")
    for locale, expected in (
        ("nb", ("Klimatiltak.", "nb")),
        ("nn", ("Klimatiltak.", "nb")),
        ("en", ("Climate measures.", "en")),
    ):
        with use_locale(locale):
            assert identity.purpose == expected


def test_the_contact_is_a_link_and_else_where_answers_to_mails_go() -> None:
    page = "https://nfk.example/kontakt"
    assert Identity(contact=page).contact_or("a@b.example") == Contact(page, page)
    assert Identity().contact_or("a@b.example") == Contact("a@b.example", "mailto:a@b.example")
    assert Identity().contact_or(None) is None


@pytest.mark.parametrize(
    ("size", "shown"), [((240, 80), (84, 28)), ((10, 10), (10, 10)), ((2000, 20), (168, 2))]
)
def test_a_logo_is_shown_small_and_in_its_own_proportions(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert Identity(logo_width=size[0], logo_height=size[1]).logo_size(28) == shown


def test_what_an_older_program_does_not_know_is_left_alone() -> None:
    assert Identity.of({"name": "Klima", "motto": "Fram"}) == Identity(name="Klima")


def test_no_page_mail_or_translation_speaks_of_one_installation() -> None:
    texts = [*(ROOT / "templates").rglob("*.*"), *(ROOT / "tracker").rglob("*.po")]
    texts += [path for path in (ROOT / "tracker").rglob("*.py") if "data" not in path.parts]
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in texts
        for line in path.read_text().splitlines()
        if OF_ONE_INSTALLATION.search(line) and '"""' not in line
    ]
    assert found == []
