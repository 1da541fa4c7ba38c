"""`reminders run`, `reminders preview`: what the scheduler does, by hand, and what it will do."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from flask.cli import with_appcontext

from tracker.cli.common import Group, the_tracker, transaction
from tracker.clock import local_date
from tracker.mail.senders import make_sender
from tracker.services import delivery, installation, reminder_preview
from tracker.services import reminders as services
from tracker.services.reminder_preview import Coming

TELL_EVERY: Final = 100
"""Mails between two words about how far a run has come."""
AHEAD: Final = dt.timedelta(minutes=5)
COUNTS: Final = (
    "planned",
    "superseded",
    "cancelled",
    "queued",
    "sent",
    "failed",
    "possibly_duplicate",
)


class Moment(click.ParamType[dt.datetime]):
    """A date or a date with a time, as ISO 8601 writes it."""

    name = "ISO8601"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Return the moment, which may still lack its time zone."""
        try:
            return dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a moment such as 2026-12-01T07:00", param, ctx)


at_option = click.option(
    "--at", type=Moment(), help="Act as if it were this time (default: now, local unless it says)."
)


@click.group(cls=Group)
def reminders() -> None:
    """Plan and send reminders, or show the coming ones."""


@reminders.command()
@at_option
@click.option("--force", is_flag=True, help="Allow a time more than five minutes ahead.")
@with_appcontext
def run(at: dt.datetime | None, *, force: bool) -> None:
    """Plan and deliver what is due, without taking a slot.

    The last line is JSON with the counts.
    """
    tracker = the_tracker()
    settings = tracker.settings
    with transaction(write=True) as (session, now):
        moment = _moment(at, now, settings.timezone)
        ahead = moment - now > AHEAD
        if ahead and not force and not installation.is_demonstration(session):
            raise click.ClickException(
                "That time is ahead: the mails would leave too early. Use --force to send them."
            )
        planned = services.plan_run(session, settings=settings, now=moment)
    with closing(make_sender(settings.smtp)) as sender:
        delivered = delivery.deliver_due(
            tracker.database,
            sender,
            settings=settings,
            now=(lambda: moment) if at else tracker.now,
            progress=_tell,
        )
    counts = delivered.as_dict()
    if planned is not None:
        counts |= asdict(planned.counts)
        with transaction(write=True) as (session, _):
            services.finish(session, run_id=planned.id, counts=counts)
    click.echo(json.dumps({name: counts[name] for name in COUNTS}))


@reminders.command()
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 3660))
@at_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of rows for scripts.")
@with_appcontext
def preview(days: int, at: dt.datetime | None, *, as_json: bool) -> None:
    """Show what will be sent on the coming dates, the first of them that of --at."""
    settings = the_tracker().settings
    with transaction(write=False) as (session, now):
        moment = _moment(at, now, settings.timezone)
        coming = reminder_preview.preview(
            session,
            settings=settings,
            now=moment,
            first=local_date(moment, settings.timezone),
            days=days,
        )
        # Printed one by one: there may be more than fit in memory.
        (_print_json if as_json else _print_text)(_row(line) for line in coming)


def _row(line: Coming) -> dict[str, Any]:
    deadline = line.task.deadline
    return {
        "person": line.receiver.email,
        "task": line.task.ref,
        "step": line.label,
        "send_on": line.send_on.isoformat(),
        "deadline": deadline.isoformat() if deadline else None,
    }


def _print_json(rows: Iterator[dict[str, Any]]) -> None:
    separator = "["
    for row in rows:
        click.echo(separator + json.dumps(row, ensure_ascii=False), nl=False)
        separator = ",\n "
    click.echo("[]" if separator == "[" else "]")


def _print_text(rows: Iterator[dict[str, Any]]) -> None:
    row = None
    for row in rows:
        click.echo("{send_on}  {person}  {task}  {step}".format_map(row))
    if row is None:
        click.echo("Nothing will be sent.")


def _tell(counts: delivery.Counts) -> None:
    done = counts.sent + counts.failed
    if done and done % TELL_EVERY == 0:
        click.echo(f"{done} mails done", err=True)


def _moment(at: dt.datetime | None, now: dt.datetime, timezone: str) -> dt.datetime:
    """Return the time that governs, aware UTC; without an offset `at` is local."""
    if at is None:
        return now
    aware = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))
    return aware.astimezone(dt.UTC)
