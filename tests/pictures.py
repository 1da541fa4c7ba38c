"""Take the pictures that the documentation shows: `python -m tests.pictures`.

They show the demonstration on a certain Monday, so that they change only when the product does.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page
from sqlalchemy import select

from config import Settings
from tests import demonstration
from tests.browser import chromium, listening_socket, served
from tests.client import Clock
from tests.conftest import Live, make_app
from tests.databases import migrate
from tracker.db import Database
from tracker.models import Task
from tracker.services import audit

PICTURES: Final = Path(__file__).parents[1] / "docs" / "pictures"
DESK: Final = {"width": 1120, "height": 840}
PHONE: Final = {"width": 360, "height": 960}
PANE: Final = {"width": 480, "height": 960}
MAIL: Final = "https://mail.example/"


@dataclass(frozen=True)
class Camera:
    """Visits the demonstration as somebody, and keeps what the screen shows."""

    live: Live
    database: Database

    def take(self, name: str, path: str, *, who: str | None = None, **options: Any) -> None:
        """Keep the first screen of `path` as `name`.png; `options` are those of a browser."""
        user = demonstration.user(self.database, who) if who else None
        self._keep(name, self.live.open(path, who=user, **({"viewport": DESK} | options)))

    def take_mail(self, name: str, html: str, **options: Any) -> None:
        """Keep a mail as a mail program shows it."""
        page = self.live.open("/sign-in", **options)
        page.route(MAIL, lambda route: route.fulfill(body=html, content_type="text/html"))
        page.goto(MAIL)
        self._keep(name, page)

    def _keep(self, name: str, page: Page) -> None:
        page.evaluate("document.fonts.ready")
        page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
        page.context.close()


def take_all(camera: Camera, now: Clock) -> None:
    """Take each picture of docs/pictures.md."""
    app, database = camera.live.app, camera.database
    demonstration.make(app, database, now)
    demonstration.run_reminders(app, Settings.base_url, now, demonstration.MONDAY_SEVEN)
    now.advance(hours=1)
    mail = demonstration.latest_mail(database, "adviser").html_body or ""
    answer = mail.partition(f'href="{Settings.base_url}/answer/')[2].partition('"')[0]
    with database.session(write=False) as session:
        task = session.scalars(select(Task.id).where(Task.ref == "DIFI-4.2")).one()
    camera.take("overview-secretariat", "/", who="secretariat")
    camera.take("overview-adviser", "/", who="adviser")
    camera.take("overview-director", "/", who="director")
    camera.take("overview-dark", "/", who="secretariat", color_scheme="dark")
    camera.take("tasks", "/tasks", who="secretariat")
    camera.take("task", f"/tasks/{task}", who="secretariat")
    camera.take("reminders", "/reminders?whose=all", who="secretariat")
    camera.take(
        "reminders-calendar", "/reminders/calendar?whose=all&month=2026-12", who="secretariat"
    )
    camera.take("answer-phone", f"/answer/{answer}", viewport=PHONE)
    camera.take_mail("mail", mail, viewport=PANE)


def main() -> None:
    """Make an installation of its own, and take the pictures in it."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        settings = Settings(
            database_url=f"sqlite:///{folder}/tracker.db",
            secret_key="a key for pictures only, never elsewhere",
        )
        migrate(settings.database_url)
        database = Database(settings.database_url, before_commit=audit.write_pending)
        now = Clock(demonstration.FRIDAY)
        app = make_app(settings, database, now)
        with served(app, listening_socket()) as url:
            take_all(Camera(Live(app, url, browser, []), database), now)
        database.dispose()


if __name__ == "__main__":
    main()
