"""Pausing one's own reminders about a task."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.errors import ForbiddenError
from tracker.i18n import _
from tracker.services import snoozes, tasks
from tracker.web import access
from tracker.web.context import db, now, person, timezone, today
from tracker.web.forms import attempt
from tracker.web.tasks.blueprint import blueprint
from tracker.web.tasks.forms import SnoozeForm


@blueprint.route("/tasks/<int:task_id>/snooze", methods=["GET", "POST"])
@access.signed_in
def snooze(task_id: int) -> ResponseReturnValue:
    """Pause one's own reminders about a task until a day."""
    task = tasks.get(db(), by=person(), task_id=task_id)
    if not snoozes.may_pause(db(), by=person(), task=task):
        raise ForbiddenError("not_your_task")
    form = SnoozeForm()
    tried = attempt(
        form,
        lambda: snoozes.pause(
            db(),
            by=person(),
            task_id=task_id,
            until=form.until.data,
            reason=form.reason.data or "",
            now=now(),
            today=today(),
            timezone=timezone(),
        ),
    )
    if tried.is_done:
        flash(_("Your reminders about %(ref)s are paused.", ref=task.ref), "success")
        return redirect(url_for("tasks.show", task_id=task_id), HTTPStatus.SEE_OTHER)
    html = render_template(
        "tasks/snooze.html", form=form, task=task, longest=today() + snoozes.LONGEST
    )
    return html, tried.status


@blueprint.post("/tasks/<int:task_id>/snooze/end")
@access.signed_in
def end_snooze(task_id: int) -> ResponseReturnValue:
    """Take one's own pause back."""
    snoozes.resume(db(), by=person(), task_id=task_id, now=now())
    flash(_("Your reminders come again."), "success")
    return redirect(url_for("tasks.show", task_id=task_id), HTTPStatus.SEE_OTHER)
