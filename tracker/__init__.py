"""The follow-up tracker: recommendations and goals as tasks, with reminders that can be trusted."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from config import Settings
from tracker import clock
from tracker.cli import COMMANDS
from tracker.db import Database
from tracker.services import audit
from tracker.services.tasks import LARGEST_ID
from tracker.web import access, context, errors, templating
from tracker.web.accounts import preferences
from tracker.web.accounts.routes import blueprint as accounts
from tracker.web.actors.routes import blueprint as actors
from tracker.web.answers.routes import blueprint as answers
from tracker.web.health.routes import blueprint as health
from tracker.web.help.routes import blueprint as help_pages
from tracker.web.installation.routes import blueprint as installation
from tracker.web.mailbox.routes import blueprint as mailbox
from tracker.web.meetings.routes import blueprint as meetings
from tracker.web.overview.routes import blueprint as overview
from tracker.web.reminders.routes import blueprint as reminders
from tracker.web.sources.routes import blueprint as sources
from tracker.web.tasks.routes import blueprint as tasks
from tracker.web.updates.routes import blueprint as updates

ROOT = Path(__file__).parents[1]
LARGEST_REQUEST = 2 * 1024 * 1024
FEATURES = (
    accounts,
    actors,
    answers,
    health,
    help_pages,
    installation,
    mailbox,
    meetings,
    overview,
    reminders,
    sources,
    tasks,
    updates,
)


class IdConverter(IntegerConverter):
    """A number that the databases can hold; larger ones are an address of nothing (404)."""

    def __init__(self, map_: Map) -> None:
        """Take the application's URL map."""
        super().__init__(map_, max=LARGEST_ID)


def create_app(
    settings: Settings | None = None, *, now: Callable[[], dt.datetime] = clock.now
) -> Flask:
    """Put the application together.

    `settings` default to those of the environment; `now` gives the present as aware UTC and is
    replaced only to walk through days. Raises SettingError for a setting that cannot be used.
    """
    settings = settings or Settings.from_env(os.environ)
    app = context.Application(__name__, template_folder=str(ROOT / "templates"))
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        SESSION_COOKIE_NAME="__Host-tracker" if settings.is_secure else "tracker",
        SESSION_COOKIE_SECURE=settings.is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=dt.timedelta(days=14),
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.url_map.converters["int"] = IdConverter
    if settings.proxies:
        # Without it everybody behind the proxy would share one limit of attempts.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies
        )
    database = Database(settings.database_url, before_commit=audit.write_pending)
    app.extensions[context.EXTENSION] = context.Tracker(settings, database, now)
    context.init_app(app)
    templating.init_app(app)
    for blueprint in FEATURES:
        app.register_blueprint(blueprint)
    access.init_app(app)
    # A mail program that unsubscribes has no cookie; the address in the mail is the proof.
    CSRFProtect(app).exempt(f"{preferences.__name__}.{preferences.unsubscribe_now.__name__}")
    errors.init_app(app)
    for command in COMMANDS:
        app.cli.add_command(command)
    return app
