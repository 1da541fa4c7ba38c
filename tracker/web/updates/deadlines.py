"""Pages on which a new deadline is asked for and decided."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from tracker.domain.errors import ConflictError
from tracker.domain.roles import Role
from tracker.domain.status import Precision
from tracker.i18n import _
from tracker.services import deadlines, tasks
from tracker.services.tasks import id_in
from tracker.web import access
from tracker.web.context import db, now, person, timezone
from tracker.web.forms import attempt
from tracker.web.updates.blueprint import blueprint
from tracker.web.updates.forms import APPROVE, DeadlineForm, DecisionForm


@blueprint.route("/tasks/<int:task_id>/deadline", methods=["GET", "POST"])
@access.signed_in
def deadline(task_id: int) -> Response | tuple[str, int]:
    """Ask for a new deadline."""
    task = deadlines.askable(db(), by=person(), task_id=task_id)
    form = DeadlineForm.create()
    tried = attempt(
        form,
        lambda: deadlines.request(
            db(),
            by=person(),
            task_id=task_id,
            new=form.new_deadline.data,
            precision=Precision(form.precision.data),
            reason=form.reason.data or "",
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        flash(_("Saved. The secretariat decides on the new deadline."), "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    page = render_template(
        "updates/deadline.html",
        task=task,
        form=form,
        pending=deadlines.pending(db(), task_id=task_id),
        conflict=tried.conflict,
    )
    return page, tried.status


@blueprint.route("/tasks/<int:task_id>/deadline/decide", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def decide_deadline(task_id: int) -> Response | tuple[str, int]:
    """Approve the new deadline, perhaps with another date, or say no."""
    task = tasks.get(db(), by=person(), task_id=task_id)
    pending = deadlines.pending(db(), task_id=task_id)
    if pending is None:
        raise ConflictError("deadline_decided_meanwhile")
    form = DecisionForm.for_request(pending)
    tried = attempt(
        form,
        lambda: deadlines.decide(
            db(),
            by=person(),
            task_id=task_id,
            request_id=id_in(form.request_id.data or ""),
            approve=form.decision.data == APPROVE,
            new=form.new_deadline.data,
            precision=Precision(form.precision.data),
            reason=form.reason.data or "",
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        is_approved = tried.result.outcome == "approved"
        words = _("The new deadline is set.") if is_approved else _("The deadline stays.")
        flash(words, "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    page = render_template(
        "updates/decide_deadline.html",
        task=task,
        form=form,
        pending=pending,
        may_decide=pending.requested_by_id != person().user_id,
        conflict=tried.conflict,
    )
    return page, tried.status


@blueprint.post("/tasks/<int:task_id>/deadline/withdraw")
@access.signed_in
def withdraw_deadline(task_id: int) -> Response:
    """Take back the request for a new deadline."""
    deadlines.withdraw(db(), by=person(), task_id=task_id, now=now(), timezone=timezone())
    flash(_("The request for a new deadline is withdrawn."), "success")
    return redirect(url_for("tasks.show", task_id=task_id), 303)
