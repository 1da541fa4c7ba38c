"""The mailbox in a real browser: a mail's link leads out of its frame, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from tests import mails
from tests.browser import violations
from tests.client import tracker_of
from tests.conftest import Live
from tracker.db import Database
from tracker.mail.senders import MailboxSender
from tracker.models import User
from tracker.services import delivery

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True),
]


@pytest.fixture
def kari(live: Live, database: Database) -> User:
    """Somebody who has got a mail."""
    (address,) = mails.queue_digests(database, 1)
    tracker = tracker_of(live.app)
    delivery.deliver_due(
        database,
        MailboxSender(),
        settings=replace(tracker.settings, base_url=live.url),
        now=tracker.now,
    )
    with database.session(write=False) as session:
        return session.scalars(select(User).where(User.email == address)).one()


def test_the_link_in_the_mail_opens_the_answer_in_the_whole_window(live: Live, kari: User) -> None:
    page = live.open("/mailbox", who=kari)
    page.get_by_role("link", name="1 med frist 09.03.2026 – status fra deg").click()
    page.frame_locator("iframe").get_by_role("link", name="Svar på").click()
    page.wait_for_url("**/answer/**")

    assert page.get_by_role("heading", level=1).count() == 1


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_mailbox_has_no_obstacles(live: Live, kari: User, color_scheme: str) -> None:
    page = live.open("/mailbox", who=kari, color_scheme=color_scheme)
    assert violations(page) == []
    page.get_by_role("link", name="1 med frist 09.03.2026 – status fra deg").click()
    page.get_by_text("Samme e-post som tekst").press("Enter")
    page.get_by_text("Hei, Person").wait_for()
    assert violations(page) == []


def test_the_mail_can_be_read_on_a_narrow_screen(live: Live, kari: User) -> None:
    page = live.open("/mailbox", who=kari, viewport={"width": 320, "height": 640})
    page.get_by_role("link", name="1 med frist 09.03.2026 – status fra deg").click()

    page.frame_locator("iframe").get_by_role("link", name="Svar på").wait_for()

    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wide) is False
    frame = page.frame(url="**/html")
    assert frame is not None
    assert frame.evaluate(wide) is False
