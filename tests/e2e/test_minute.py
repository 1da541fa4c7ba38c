"""What it costs a person: every touch, key and field is counted in the browser itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import demonstration
from tests.client import Clock
from tests.conftest import Live
from tracker.db import Database

pytestmark = [
    pytest.mark.browser,
    # What a page asks of a person is the same on either database.
    pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True),
]

MAIL = "https://mail.example/"
COUNT_WHAT_A_PERSON_DOES = """
  addEventListener("pointerdown", event => event.isTrusted && counted("tap", ""), true);
  addEventListener("keydown", event => event.isTrusted && counted("key", event.key), true);
  addEventListener("change", event => counted("field", event.target.name), true);
"""


@dataclass
class Effort:
    """What a person has done in all pages of a browser, as the pages saw it."""

    taps: int = 0
    keys: int = 0
    fields: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page) -> Effort:
        """Begin to count in the pages that `page` opens from now on."""
        effort = cls()
        page.context.expose_function("counted", effort._count)
        page.context.add_init_script(COUNT_WHAT_A_PERSON_DOES)
        return effort

    def _count(self, kind: str, name: str) -> None:
        self.taps += kind == "tap"
        self.keys += kind == "key"
        if kind == "field":
            self.fields.append(name)


def test_three_taps_and_one_field_from_the_mail_to_answered(
    demonstrated: Live, database: Database, now: Clock
) -> None:
    live = demonstrated
    demonstration.run_reminders(live.app, live.url, now, demonstration.MONDAY_SEVEN)
    mail = demonstration.latest_mail(database, "adviser")
    phone = live.open("/sign-in", viewport={"width": 320, "height": 640}, has_touch=True)
    phone.context.route(
        MAIL,
        lambda route: route.fulfill(body=mail.html_body, content_type="text/html; charset=utf-8"),
    )
    effort = Effort.of(phone)

    phone.goto(MAIL)
    answer = phone.get_by_role("link", name="Svar på DIFI-4.2")
    assert _is_on_first_screen(answer)
    answer.tap()
    expect(phone.get_by_text("Du svarer som Kari Nordmann, KS")).to_be_visible()
    expect(phone.locator("input[type=password]")).to_have_count(0)
    phone.get_by_text("Det er gjennomført").tap()
    phone.get_by_role("button", name="Send").tap()
    expect(phone.get_by_role("status")).to_be_visible()

    assert effort == Effort(taps=3, keys=0, fields=["progress"])


def test_the_secretariat_sees_what_to_decide_without_a_click(demonstrated: Live) -> None:
    page = demonstrated.open("/sign-in", viewport={"width": 1280, "height": 900})
    effort = Effort.of(page)
    page.reload()
    page.get_by_role("button", name=re.compile(r"^Logg inn\b.*Ingrid Solvang")).click()

    waiting = page.get_by_role("heading", name="Venter på sekretariatet")
    expect(waiting).to_be_visible()
    section = page.locator("section").filter(has=waiting)
    groups = section.get_by_role("heading", level=3).all()
    assert sum(map(_count, groups)) == _count(waiting) > 0
    decisions = section.get_by_role(
        "link", name=re.compile("^(Bekreft|Avgjør|Avklar|Tildel)")
    ).all()
    assert len(decisions) >= len(groups) > 1
    assert all(map(_is_on_first_screen, [waiting, *groups, *decisions]))
    # The one click is the choice of who to be.
    assert effort == Effort(taps=1)


def _count(heading: Locator) -> int:
    number = re.search(r"\((\d+)\)", heading.inner_text())
    assert number
    return int(number[1])


def _is_on_first_screen(locator: Locator) -> bool:
    """Say whether all of it can be seen before anybody scrolls."""
    box, screen = locator.bounding_box(), locator.page.viewport_size
    assert box
    assert screen
    return box["y"] >= 0 and box["y"] + box["height"] <= screen["height"]
