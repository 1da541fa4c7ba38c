"""What will be sent and what was: the pages about reminders, and their health for machines."""

from __future__ import annotations

from http import HTTPStatus
from itertools import groupby
from typing import Any

from flask import Blueprint, jsonify, render_template, request, url_for
from werkzeug.wrappers import Response

from tracker.services import reminder_health, reminder_log, reminder_preview, reminders
from tracker.services.reminder_log import Filters, Outcome
from tracker.web import access
from tracker.web.context import db, now, person, tracker
from tracker.web.forms import row_id
from tracker.web.reminders.forms import LogForm, UpcomingForm

blueprint = Blueprint("reminders", __name__)

MOST_LINES = 300
RUNS_SHOWN = 5


@blueprint.get("/reminders")
@access.signed_in
def index() -> tuple[str, int]:
    """Show the coming reminders by date and receiver."""
    settings = tracker().settings
    form = UpcomingForm()
    valid = form.validate()
    coming = reminder_preview.preview(
        db(),
        settings=settings,
        now=now(),
        first=reminders.next_run_day(db(), settings=settings, now=now()),
        days=int(form.valid("days") or 14),
        wanted=form.valid("q") or "",
    )
    html = render_template(
        "reminders/index.html",
        form=form,
        health=reminder_health.check(db(), settings=settings, now=now()),
        days=[
            (day, list(lines))
            for day, lines in groupby(coming[:MOST_LINES], key=lambda line: line.send_on)
        ],
        left_out=max(0, len(coming) - MOST_LINES),
    )
    return html, HTTPStatus.OK if valid else HTTPStatus.BAD_REQUEST


@blueprint.get("/reminders/log")
@access.signed_in
def log() -> tuple[str, int]:
    """Show what was planned and what became of it, newest first."""
    form = LogForm()
    valid = form.validate()
    outcome = form.valid("outcome")
    page = reminder_log.page(
        db(),
        by=person(),
        filters=Filters(
            outcome=Outcome(outcome) if outcome else None,
            receiver=form.valid("receiver") or "",
            ref=form.valid("ref") or "",
        ),
        older_than=request.args.get("older_than", type=row_id),
        newer_than=request.args.get("newer_than", type=row_id),
    )
    chosen: dict[str, Any] = {
        name: value for name in ("outcome", "receiver", "ref") if (value := form.valid(name))
    }
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
