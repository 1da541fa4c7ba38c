"""From an empty folder to the first answer: the commands of the README, then a browser."""

from __future__ import annotations

import datetime as dt
import os
import re
import select
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import factories as make
from tests.e2e.test_serve import DEADLINE, port, run, started
from tests.smtp_server import SmtpServer, running_smtp_server
from tracker.clock import now
from tracker.db import Database
from tracker.domain.versions import version_of
from tracker.models import Actor, User
from tracker.services import audit, task_assign
from tracker.services.sessions import person_of

__all__ = ["port"]

README = Path(__file__).parents[2] / "README.md"
HEADING = "## Start without demonstration data"
pytestmark = pytest.mark.browser


def commands() -> list[list[str]]:
    """Return the arguments of each `tracker …` in the first block of the README's real start."""
    section = README.read_text().partition(HEADING)[2].partition("\n## ")[0]
    block = section.partition("`serve`")[0].partition("The link signs in once")[0]
    lines = re.findall(r"^    tracker (.+)$", block, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def links(server: SmtpServer, receiver: str) -> list[str]:
    """Return the addresses in the text of the last mail to `receiver`."""
    mail = next(mail for mail in reversed(server.received) if mail.to == receiver)
    body = mail.message.get_body(("plain",))
    assert body is not None
    return re.findall(r"http://\S+", body.get_content())


def follow(browser: Browser, address: str) -> Page:
    """Open the link of a mail in a browser of its own."""
    page = browser.new_context(locale="nb-NO").new_page()
    page.goto(address)
    return page


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with running_smtp_server() as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path, server: SmtpServer, port: int) -> dict[str, str]:
    """An empty folder, and what the README sets, with a mail server and a host of the test's."""
    inherited = {name: value for name, value in os.environ.items() if "TRACKER_" not in name}
    return inherited | {
        "TRACKER_DATABASE_URL": f"sqlite:///{tmp_path / 'tracker.db'}",
        "TRACKER_BASE_URL": f"http://127.0.0.1:{port}",
        "TRACKER_SMTP_URL": f"smtp://127.0.0.1:{server.settings.port}?starttls=off",
        "TRACKER_MAIL_FROM": "Oppfølging <oppfolging@example.no>",
        "TRACKER_REPLY_TO": "sekretariatet@example.no",
        "PYTHONUNBUFFERED": "1",
    }


def invite(page: Page, name: str, address: str, actor: str) -> None:
    """Enter the actor and invite somebody there, by what the first page offers."""
    page.get_by_role("link", name="Legg inn virksomhetene").click()
    page.get_by_label("Navn", exact=True).fill(actor)
    page.get_by_role("button", name="Lagre").click()
    page.get_by_role("banner").get_by_role("link", name="Personer").click()
    page.get_by_role("link", name="Inviter noen").click()
    page.get_by_label("Navn", exact=True).fill(name)
    page.get_by_label("E-postadresse").fill(address)
    page.get_by_label("Virksomhet").select_option(label=actor)
    page.get_by_role("button", name="Send invitasjonen").click()
    expect(page.get_by_role("status")).to_contain_text(address)


def give_a_task(environment: dict[str, str], to: str) -> None:
    """Give the invited person a task, as the secretariat does."""
    database = Database(environment["TRACKER_DATABASE_URL"], before_commit=audit.write_pending)
    with database.session(write=True) as session:
        people = {user.email: user for user in session.query(User)}
        actor = session.query(Actor).one()
        [secretary] = [person_of(user) for email, user in people.items() if email != to]
        task = make.task(session, "Felles klimabudsjett", description="Et budsjett for utslipp.")
        wanted = task_assign.Assignment(owner=actor.id, responsible=people[to].id)
        present = task_assign.read(session, by=secretary, task_id=task.id)
        task_assign.assign(
            session,
            by=secretary,
            task_id=task.id,
            wanted=wanted,
            seen=version_of(present),
            now=now(),
            timezone="Europe/Oslo",
        )
    database.dispose()


def server_has(server: SmtpServer, receiver: str) -> None:
    """Wait until the mail server has got a mail for `receiver`."""
    deadline = time.monotonic() + DEADLINE
    while receiver not in server.receivers:
        assert time.monotonic() < deadline, "no mail has come"
        select.select([], [], [], 0.1)


def remind(environment: dict[str, str], server: SmtpServer, receiver: str) -> None:
    """Run the reminders of the days to come until one has brought `receiver` a mail."""
    had = server.receivers.count(receiver)
    for days in range(1, 15):
        at = f"{now().date() + dt.timedelta(days=days)}T07:00"
        done = run(environment, "reminders", "run", "--force", "--at", at)
        assert done.returncode == 0, done.stderr
        if server.receivers.count(receiver) > had:
            mail = server.received[-1].message.get_body(("plain",))
            assert mail is not None
            assert "Et budsjett for utslipp." in mail.get_content()
            return
    pytest.fail("no reminder has come")


def test_the_readmes_commands_lead_to_the_first_answer_by_mail(
    environment: dict[str, str], server: SmtpServer, port: int, chromium_browser: Browser
) -> None:
    *before, serve = commands()
    said = {}
    for arguments in before:
        done = run(environment, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        said[" ".join(arguments[:2])] = done.stdout
    assert "also administrator" in said["users create"]
    assert server.receivers == ["kari@example.no"], "the test mail"
    with started(environment, *serve, "--port", str(port)) as process:
        process.get(port, "/healthz")

        # The first person comes in by the link, and lets in somebody who is to answer.
        first = follow(chromium_browser, said["users login-link"].strip())
        first.get_by_role("button", name="Logg inn").click()
        invite(first, "Ola Hansen", "ola@nordland.example", "Nordland fylkeskommune")

        # Who was invited comes in by the link of the mail.
        server_has(server, "ola@nordland.example")
        link = next(url for url in links(server, "ola@nordland.example") if "/sign-in/link/" in url)
        invited = follow(chromium_browser, link)
        invited.get_by_role("button", name="Logg inn").click()
        expect(invited.get_by_role("heading", level=1)).to_contain_text("Oversikt")
        first.get_by_role("banner").get_by_role("link", name="Personer").click()
        expect(first.get_by_role("row", name="Ola Hansen")).to_contain_text("Sist logget inn")

        # The first task comes by mail, with what it says; its link needs no signing in.
        give_a_task(environment, "ola@nordland.example")
        remind(environment, server, "ola@nordland.example")
        link = next(url for url in links(server, "ola@nordland.example") if "/answer/" in url)
        answer = follow(chromium_browser, link)
        answer.get_by_label("Det er gjennomført").check()
        answer.get_by_label("Kommentar").fill("Budsjettet er vedtatt.")
        answer.get_by_role("button", name="Send").click()
        expect(answer.get_by_role("heading", level=1)).to_have_text("Takk")
