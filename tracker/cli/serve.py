"""`serve` and `worker`: the processes that stay."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import cast

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from werkzeug.local import LocalProxy

from config import Settings
from tracker import jobs
from tracker import serve as processes
from tracker.cli.common import Command, the_tracker
from tracker.services import installation, sign_in
from tracker.web.context import EXTENSION, Tracker

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - recognised, never the default


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or IP address.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@with_appcontext
def serve(host: str, port: int) -> None:
    """Run web, scheduler and delivery in one process."""
    app = cast("LocalProxy[Flask]", current_app)._get_current_object()  # noqa: SLF001 - documented
    tracker = the_tracker()
    shown = EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    if tracker.settings.base_url == Settings.base_url:
        # Nobody has said how the product is reached, so links lead to where it listens.
        settings = replace(tracker.settings, base_url=f"http://{shown}:{port}")
        app.extensions[EXTENSION] = tracker = replace(tracker, settings=settings)
    try:
        listener = processes.listen(host, port)
    except processes.PortTakenError as error:
        raise click.ClickException(
            f"Cannot listen on {shown}:{port}: {error}. Try --port 8001, or: make run PORT=8001"
        ) from error
    click.echo(f"Open {tracker.settings.base_url}/")
    for line in _hints(tracker):
        click.echo(line)
    click.echo("Stop with Ctrl-C.")
    tracker.database.dispose()
    processes.serve(app, listener, start_jobs=_jobs_of(tracker))


@click.command(cls=Command)
@with_appcontext
def worker() -> None:
    """Run scheduler and delivery without web."""
    tracker = the_tracker()
    stopped = processes.stop_requests()
    click.echo("Reminders are planned and sent from here.")
    for line in _hints(tracker):
        click.echo(line)
    click.echo("Stop with Ctrl-C.")
    processes.work(_jobs_of(tracker), stopped)


def _jobs_of(tracker: Tracker) -> processes.Starter:
    return partial(jobs.start, tracker.database, settings=tracker.settings, now=tracker.now)


def _hints(tracker: Tracker) -> list[str]:
    """Return what whoever starts the product should know, one line each."""
    settings = tracker.settings
    with tracker.database.session(write=False) as session:
        if installation.is_demonstration(session):
            people = sign_in.demonstration_people(session)
            offered = (people.adviser, people.secretariat, people.director)
            names = [f"  {person.name} ({person.email})" for person in offered if person]
            return [
                "A demonstration: choose who to be on the sign-in page, without password:",
                *names,
                f"No mail leaves. The mails are shown at {settings.base_url}/mailbox",
            ]
    if settings.smtp is None:
        return [
            "No mail leaves: TRACKER_SMTP_URL is not set.",
            f"Everybody finds their own mails at {settings.base_url}/mailbox",
        ]
    if settings.is_local and not settings.smtp.is_local:
        return [f"Links in mails lead to {settings.base_url}; TRACKER_BASE_URL is not set."]
    return []
