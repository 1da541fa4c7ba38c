"""Pages on which the secretariat settles what nobody has decided yet, and sets deadlines."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from tracker.domain.roles import Role
from tracker.i18n import _, ngettext
from tracker.services import deadlines, task_settle, tasks
from tracker.services.task_list import Filters, Sort
from tracker.web import access
from tracker.web.context import db, now, person, timezone
from tracker.web.forms import attempt
from tracker.web.tasks.blueprint import blueprint
from tracker.web.tasks.forms import DeadlineForm, SettleForm
from tracker.web.tasks.pages import read_page

Page = Response | tuple[str, int]


@blueprint.route("/tasks/<int:task_id>/set-deadline", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def deadline(task_id: int) -> Page:
    """Set a deadline, or that there is to be none."""
    task = tasks.get(db(), by=person(), task_id=task_id)
    form = DeadlineForm(
        data={"deadline": task.deadline, "precision": task.deadline_precision or "day"}
    )
    form.offer_precisions()
    tried = attempt(
        form,
        lambda: task_settle.set_deadline(
            db(),
            by=person(),
            task_id=task_id,
            deadline=form.wanted(),
            reason=form.reason.data or "",
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        flash(_("The deadline is set."), "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    page = render_template(
        "tasks/deadline.html",
        task=task,
        form=form,
        conflict=tried.conflict,
        pending=deadlines.pending(db(), task_id=task_id),
    )
    return page, tried.status


@blueprint.route("/tasks/<int:task_id>/settle", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def settle(task_id: int) -> Page:
    """Settle what is not settled about one task."""
    task = tasks.get(db(), by=person(), task_id=task_id)
    form = _form()
    tried = attempt(form, _settle(form, lambda: [task_id]))
    if tried.result is not None:
        flash(_("What you decided is saved."), "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    page = render_template(
        "tasks/settle.html",
        task=task,
        form=form,
        unsettled=tasks.unsettled_parts(task),
        conflict=tried.conflict,
    )
    return page, tried.status


@blueprint.route("/unsettled", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def unsettled() -> Page:
    """List what the forum has to settle, and settle several tasks in one decision."""
    form = _form()
    tried = attempt(form, _settle(form, lambda: form.tasks.data or []))
    if tried.result is not None:
        words = ngettext("Decided for %(num)s task.", "Decided for %(num)s tasks.", tried.result)
        flash(words, "success")
        return redirect(url_for("tasks.unsettled"), 303)
    page, unreadable = read_page(Filters(unsettled=True), Sort.REFERENCE, request.args.get("page"))
    html = render_template(
        "tasks/unsettled.html",
        form=form,
        page=page,
        unreadable=unreadable,
        conflict=tried.conflict,
    )
    return html, 400 if unreadable else tried.status


def _form() -> SettleForm:
    form = SettleForm()
    form.offer(owners=tasks.owners(db()), people=tasks.people_of(db()))
    return form


def _settle(form: SettleForm, task_ids: Callable[[], list[int]]) -> Callable[[], int]:
    return lambda: task_settle.settle(
        db(),
        by=person(),
        task_ids=task_ids(),
        decision=form.decision(),
        now=now(),
        timezone=timezone(),
    )
