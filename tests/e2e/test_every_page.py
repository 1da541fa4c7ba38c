"""Every page, as everybody who may read it, in every language: no obstacles, nothing cut off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from tests import demonstration
from tests.browser import violations
from tests.conftest import Live
from tests.demonstration import PEOPLE
from tracker.db import Database
from tracker.models import User

pytestmark = [
    pytest.mark.browser,
    # How a page looks does not depend on the database.
    pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True),
]


MAILED = ("/answer/", "/unsubscribe/")
"""Pages in the language of whom the mail went to."""


def _visit(page: Page, live: Live, database: Database) -> Iterator[tuple[str, int]]:
    for address in demonstration.addresses(live.app, database):
        answer = page.goto(live.url + address)
        assert answer is not None
        if answer.headers["content-type"].startswith("text/html"):
            yield address, answer.status


@pytest.mark.parametrize(
    ("who", "locale"),
    [
        ("secretariat", "nb"),
        ("secretariat", "nn"),
        ("secretariat", "en"),
        ("adviser", "nn"),
        ("director", "nb"),
        ("administrator", "en"),
    ],
)
def test_no_page_has_obstacles(
    demonstrated: Live, database: Database, who: str, locale: str
) -> None:
    with database.session(write=True) as session:
        user = session.scalars(select(User).where(User.email == PEOPLE[who])).one()
        user.locale = locale
    page = demonstrated.open("/account", who=user)
    found: list[str] = []
    crashed: list[str] = []
    for address, status in _visit(page, demonstrated, database):
        if status >= 500:
            crashed.append(f"{address}: {status}")
        if page.locator("html").get_attribute("lang") != locale and not address.startswith(MAILED):
            crashed.append(f"{address}: not in {locale}")
        # A page that this person may not read is an error page, tested like any other.
        found += violations(page)

    assert crashed == []
    assert found == []


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_no_page_is_cut_off_on_a_narrow_screen(
    demonstrated: Live, database: Database, color_scheme: str
) -> None:
    page = demonstrated.open(
        "/account",
        who=demonstration.user(database, "secretariat"),
        viewport={"width": 320, "height": 640},
        color_scheme=color_scheme,
    )
    wide: list[str] = []
    faint: list[str] = []
    for address, _status in _visit(page, demonstrated, database):
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            wide.append(address)
        faint += violations(page)

    assert wide == []
    assert faint == []
