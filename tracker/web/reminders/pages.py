"""What will be sent and what was: the pages about reminders, and their health for machines."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Any

from flask import jsonify, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tracker.domain.calendar import DAY
from tracker.domain.errors import InvalidError
from tracker.services import (
    reminder_calendar,
    reminder_health,
    reminder_log,
    reminder_page,
    reminders,
    tasks,
)
from tracker.web import access
from tracker.web.context import db, now, person, streamed, tracker
from tracker.web.forms import row_id
from tracker.web.reminders import exports
from tracker.web.reminders.blueprint import blueprint
from tracker.web.reminders.forms import (
    CalendarForm,
    LogForm,
    UpcomingForm,
    address_of_place,
    place_in_address,
)

RUNS_SHOWN = 5
MONDAY = dt.date(2024, 1, 1)
"""Any one, for the names of the weekdays."""


@blueprint.get("/reminders")
@access.signed_in
def index() -> tuple[str, int]:
    """Show the coming reminders by date and receiver."""
    settings = tracker().settings
    form = UpcomingForm(person(), tasks.owners(db()))
    valid = form.validate()
    day, after = place_in_address()
    coming = reminder_page.page(
        db(),
        by=person(),
        settings=settings,
        now=now(),
        first=reminders.next_run_day(db(), settings=settings, now=now()),
        filters=form.filters(days=int(form.valid("days") or 14), day=day, after=after),
    )
    chosen = form.chosen() | ({"days": days} if (days := form.valid("days")) else {})

    def address_of(day: dt.date, after: tuple[dt.date, int] | None = None) -> str:
        return url_for(".index", **chosen, place=address_of_place(day, after))

    html = render_template(
        "reminders/index.html",
        form=form,
        health=reminder_health.check(db(), settings=settings, now=now()),
        page=coming,
        chosen=chosen,
        address_of=address_of,
    )
    return html, HTTPStatus.OK if valid else HTTPStatus.BAD_REQUEST


@blueprint.get("/reminders/calendar")
@access.signed_in
def calendar() -> tuple[str, int]:
    """Show a month of coming reminders, up to a year ahead."""
    settings = tracker().settings
    first = reminders.next_run_day(db(), settings=settings, now=now())
    months = reminder_calendar.months(first)
    form = CalendarForm(person(), tasks.owners(db()), months)
    valid = form.validate()
    month = reminder_calendar.month(
        db(),
        by=person(),
        settings=settings,
        now=now(),
        first=first,
        of=form.first_of(months),
        filters=form.filters(days=reminder_calendar.AHEAD, day=None, after=None),
    )
    chosen = form.chosen()

    def address_of(day: dt.date) -> str:
        return url_for(
            ".index", **chosen, days=reminder_calendar.AHEAD, place=address_of_place(day)
        )

    html = render_template(
        "reminders/calendar.html",
        form=form,
        month=month,
        weekdays=[MONDAY + number * DAY for number in range(7)],
        chosen=chosen,
        address_of=address_of,
    )
    return html, HTTPStatus.OK if valid else HTTPStatus.BAD_REQUEST


@blueprint.get("/reminders/log")
@access.signed_in
def log() -> tuple[str, int]:
    """Show what was planned and what became of it, newest first."""
    form = LogForm()
    valid = form.validate()
    page = reminder_log.page(
        db(),
        by=person(),
        filters=form.filters(),
        older_than=request.args.get("older_than", type=row_id),
        newer_than=request.args.get("newer_than", type=row_id),
    )
    chosen = form.chosen()
    html = render_template(
        "reminders/log.html",
        form=form,
        page=page,
        chosen=chosen,
        newer=url_for(".log", newer_than=page.newer_than, **chosen) if page.newer_than else None,
        older=url_for(".log", older_than=page.older_than, **chosen) if page.older_than else None,
        runs=reminder_log.last_runs(db(), limit=RUNS_SHOWN),
    )
    return html, HTTPStatus.OK if valid else HTTPStatus.BAD_REQUEST


@blueprint.get("/reminders/log.csv")
@access.signed_in
def export() -> Response:
    """Give the log as a table for spreadsheets, as it is filtered."""
    form = LogForm()
    if not form.validate():
        # Half a filter would give another file than the one that was asked for.
        raise InvalidError("log", "bad_filter")
    by, filters = person(), form.filters()

    def portion(session: Session, place: int | None) -> tuple[str, int | None]:
        page = reminder_log.page(session, by=by, filters=filters, older_than=place)
        head = exports.head() if place is None else ""
        return head + exports.lines(page.entries), page.older_than

    response = Response(streamed(portion), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="reminders.csv"'
    return response


@blueprint.get("/healthz/reminders")
@access.public
def health() -> tuple[Response, int]:
    """Tell machines whether runs and mail keep their times: 200, or 503 with the problems."""
    found = reminder_health.check(db(), settings=tracker().settings, now=now())
    last = found.last_run
    body: dict[str, Any] = {
        "status": "late" if found.problems else "ok",
        "problems": found.problems,
        "last_run_at": last.at.isoformat() if last else None,
        "next_slot_at": found.next_slot.isoformat(),
        "mails_waiting": found.waiting,
        "waiting_since": found.waiting_since.isoformat() if found.waiting_since else None,
    }
    status = HTTPStatus.SERVICE_UNAVAILABLE if found.problems else HTTPStatus.OK
    return jsonify(body), status
