"""The main job, from end to end, in a real browser: reminded, answered, confirmed, read."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from playwright.sync_api import Page, expect

from tests.client import Clock
from tests.conftest import Live
from tests.demonstration import MONDAY_SEVEN, run_reminders, user
from tracker.db import Database

pytestmark = pytest.mark.browser


def _choose_on_sign_in_page(live: Live, name: str) -> Page:
    """Sign in with the one-click card, as a person who tries the demonstration does."""
    page = live.open("/sign-in")
    page.get_by_role("button", name=re.compile(rf"^Logg inn\b.*{name}")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Oversikt")
    return page


def test_from_the_mail_to_what_the_director_reads(
    demonstrated: Live, database: Database, now: Clock
) -> None:
    live = demonstrated
    kari = user(database, "adviser")
    run_reminders(live.app, live.url, now, MONDAY_SEVEN)

    # 07:00: Kari has a mail that says what is urgent, and whose link needs no password.
    mailbox = live.open(f"/mailbox?to={kari.email}", who=kari)
    mailbox.get_by_role("link", name="1 over fristen").first.click()
    mail = mailbox.frame_locator("iframe")
    expect(mail.get_by_text("Hei, Kari")).to_be_visible()
    answer_address = mail.get_by_role("link", name="Svar på DIFI-4.2").get_attribute("href")
    assert answer_address
    assert answer_address.startswith(live.url)

    # The link opens the task itself; three taps from the mail to the answer.
    phone = live.open(answer_address.removeprefix(live.url), viewport={"width": 320, "height": 640})
    expect(phone.get_by_text("Du svarer som Kari Nordmann, KS")).to_be_visible()
    phone.get_by_label("Det er gjennomført").check()
    phone.get_by_label("Kommentar").fill("Avtalen er undertegnet av alle sju.")
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Takk")

    # The secretariat sees without a click that there is something to confirm.
    secretariat = _choose_on_sign_in_page(live, "Ingrid Solvang")
    to_confirm = secretariat.get_by_role("link", name="Felles avtale for hospitering")
    expect(to_confirm).to_be_visible()
    to_confirm.click()
    expect(secretariat.get_by_text("Avtalen er undertegnet av alle sju.").first).to_be_visible()
    secretariat.get_by_role("link", name="Bekreft").first.click()
    secretariat.get_by_role("button", name="Bekreft").first.click()
    expect(secretariat.get_by_role("status")).to_be_visible()
    expect(secretariat.locator("main")).to_contain_text("Gjennomført, bekreftet")

    # The director reads it on the first page.
    director = _choose_on_sign_in_page(live, "Astrid Myhre")
    row = director.get_by_role("row").filter(has_text="Hospiteringsordning").first
    expect(row).to_contain_text("2 av 4")

    # A task that is closed reminds nobody, and Kari is told that it was confirmed.
    run_reminders(live.app, live.url, now, MONDAY_SEVEN + dt.timedelta(days=1))
    mailbox = live.open(f"/mailbox?to={kari.email}", who=kari)
    mailbox.get_by_role("main").get_by_role("row").get_by_role("link").first.click()
    mailbox.get_by_text("Samme e-post som tekst").press("Enter")
    body = mailbox.locator("main").inner_text()
    assert "DIFI-4.2" in body
    assert "purring" not in body
