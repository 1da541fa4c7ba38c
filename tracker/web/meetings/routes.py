"""Pages about the forum's meetings."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.services import meetings
from tracker.web import access
from tracker.web.context import db, now, person, today
from tracker.web.forms import attempt, row_id
from tracker.web.meetings.forms import MeetingForm

blueprint = Blueprint("meetings", __name__)


@blueprint.get("/meetings")
@access.signed_in
def index() -> str:
    """List the meetings ahead and those that were held."""
    return render_template(
        "meetings/index.html",
        is_invited=meetings.is_invited(person().roles),
        coming=meetings.coming(db(), by=person(), today=today()),
        held=meetings.held(
            db(),
            today=today(),
            older_than=request.args.get("older_than", type=row_id),
            newer_than=request.args.get("newer_than", type=row_id),
        ),
    )


@blueprint.route("/meetings/new", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def new() -> ResponseReturnValue:
    """Enter a meeting."""
    form = MeetingForm.of(None)
    tried = attempt(
        form,
        lambda: meetings.add(db(), by=person(), facts=form.facts(), now=now(), today=today()),
    )
    if tried.result is not None:
        flash(
            _("The meeting is entered. Members who subscribe to their calendar see it there."),
            "success",
        )
        return redirect(url_for("meetings.index"), HTTPStatus.SEE_OTHER)
    return render_template("meetings/edit.html", form=form, meeting=None), tried.status


@blueprint.route("/meetings/<int:meeting_id>/edit", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def edit(meeting_id: int) -> ResponseReturnValue:
    """Change when or where a meeting is."""
    meeting = meetings.get(db(), meeting_id=meeting_id)
    form = MeetingForm.of(meeting)
    tried = attempt(
        form,
        lambda: meetings.edit(
            db(),
            by=person(),
            meeting_id=meeting_id,
            facts=form.facts(),
            seen=form.seen_version,
            now=now(),
            today=today(),
        ),
    )
    if tried.result is not None:
        flash(_("The changes are saved."), "success")
        return redirect(url_for("meetings.index"), HTTPStatus.SEE_OTHER)
    html = render_template(
        "meetings/edit.html", form=form, meeting=meeting, conflict=tried.conflict
    )
    return html, tried.status


@blueprint.post("/meetings/<int:meeting_id>/call-off")
@access.role(Role.COORDINATOR)
def call_off(meeting_id: int) -> ResponseReturnValue:
    """Call a meeting off."""
    meetings.call_off(db(), by=person(), meeting_id=meeting_id, now=now())
    flash(_("The meeting is called off. Calendars show it as called off."), "success")
    return redirect(url_for("meetings.index"), HTTPStatus.SEE_OTHER)
