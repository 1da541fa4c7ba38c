"""The page behind a mailed link, as a person on a small telephone meets it."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.browser import violations
from tests.conftest import Live
from tests.integration.test_answers import mail
from tests.integration.updating import updates_of
from tracker.db import Database
from tracker.models import User

pytestmark = [
    pytest.mark.browser,
    # How a page looks and behaves is the same on either database.
    pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True),
]


@pytest.mark.parametrize("locale", ["nb", "nn", "en"])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_two_taps_answer_on_a_small_screen(
    live: Live, app: Flask, database: Database, locale: str, color_scheme: str
) -> None:
    mailed = mail(app, database, others=1)
    with database.session(write=True) as session:
        session.get_one(User, mailed.scene.kari.id).locale = locale
    page = live.open(
        mailed.link,
        viewport={"width": 320, "height": 640},
        color_scheme=color_scheme,
        has_touch=True,
    )
    assert page.locator("html").get_attribute("lang") == locale
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 320
    assert violations(page) == []
    page.locator("label[for=progress-1]").tap()
    page.locator("form:has([name=progress]) button[type=submit]").tap()
    page.wait_for_url("**/thanks")
    assert page.evaluate(width) <= 320
    assert violations(page) == []
    (update,) = updates_of(database, mailed.scene)
    assert update.assessment == "uncertain"


def test_the_form_is_filled_in_by_keyboard_alone(
    live: Live, app: Flask, database: Database
) -> None:
    mailed = mail(app, database)
    page = live.open(mailed.link)
    page.locator("#progress-0").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("Avtalen er på høring.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#evidence").is_visible()
    page.keyboard.press("Enter")
    page.locator("form:has([name=progress]) button[type=submit]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/thanks")
    (update,) = updates_of(database, mailed.scene)
    assert (update.assessment, update.comment) == ("uncertain", "Avtalen er på høring.")
