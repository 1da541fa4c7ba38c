"""Pages on which people give status, correct it and end tasks."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from tracker.domain.roles import Role
from tracker.domain.updates import Author, Step
from tracker.i18n import N_, _, gettext
from tracker.services import closing, ledger, tasks, updates
from tracker.web import access
from tracker.web.context import db, now, person, timezone, today
from tracker.web.forms import attempt, row_id
from tracker.web.update_form import NotMineForm, UpdateForm, saved_words
from tracker.web.updates.blueprint import blueprint
from tracker.web.updates.forms import ConfirmForm, StepForm

Page = Response | tuple[str, int]

_DONE = {
    Step.CONFIRM: N_("Confirmed as done."),
    Step.SEND_BACK: N_("Sent back. The owner is told why."),
    Step.TAKE_BACK: N_("Taken back. The task is in progress again."),
    Step.REOPEN: N_("Reopened. The task is in progress again."),
    Step.DROP: N_("The task is dropped."),
}


@blueprint.route("/tasks/<int:task_id>/update", methods=["GET", "POST"])
@access.signed_in
def update(task_id: int) -> Page:
    """Say how it goes; with `correct` in the address, correct one's own latest answer."""
    author = Author(person=person())
    corrects = request.args.get("correct", type=row_id)
    found = updates.situation(
        db(),
        by=author,
        task_id=task_id,
        corrects=corrects,
        today=today(),
        lock=request.method == "POST",
    )
    form = UpdateForm.for_situation(found)
    tried = attempt(
        form,
        lambda: updates.give(
            db(),
            by=author,
            found=found,
            answer=form.answer(),
            seen=form.seen_update,
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        flash(saved_words(tried.result, asked=bool(form.answer().expected_on)), "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    if tried.conflict:
        found = updates.situation(db(), by=author, task_id=task_id, today=today())
        form.has_seen(found.seen)
    return _update_page(found, form, conflict=tried.conflict), tried.status


@blueprint.post("/tasks/<int:task_id>/no-change")
@access.signed_in
def no_change(task_id: int) -> Response:
    """Repeat the last assessment in one click, and stay where it was pressed."""
    updates.repeat(
        db(), by=Author(person=person()), task_id=task_id, now=now(), timezone=timezone()
    )
    flash(_("Saved: no change."), "success")
    came_from = urlsplit(request.referrer or "")
    is_own = came_from.netloc == request.host and not came_from.path.startswith("//")
    if is_own and not came_from.path.endswith("/update"):
        return redirect(came_from._replace(scheme="", netloc="").geturl(), 303)
    return redirect(url_for("tasks.show", task_id=task_id), 303)


@blueprint.post("/tasks/<int:task_id>/not-mine")
@access.signed_in
def not_mine(task_id: int) -> Page:
    """Tell the secretariat that the task is somebody else's."""
    author = Author(person=person())
    form = NotMineForm.for_receiver(action=request.path)
    tried = attempt(
        form,
        lambda: updates.not_mine(
            db(),
            by=author,
            task_id=task_id,
            comment=form.comment.data or "",
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        flash(_("Thank you. The secretariat is told that the task is not yours."), "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    found = updates.situation(db(), by=author, task_id=task_id, today=today())
    update_form = UpdateForm.for_situation(found, is_other_sent=True)
    return _update_page(found, update_form, not_mine_form=form), tried.status


@blueprint.route("/tasks/<int:task_id>/confirm", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def confirm(task_id: int) -> Page:
    """Show what was reported done; confirm it."""
    return _decide(task_id, Step.CONFIRM)


@blueprint.route("/tasks/<int:task_id>/send-back", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def send_back(task_id: int) -> Page:
    """Send what was reported done back to work, with a reason."""
    return _decide(task_id, Step.SEND_BACK)


@blueprint.route("/tasks/<int:task_id>/take-back", methods=["GET", "POST"])
@access.signed_in
def take_back(task_id: int) -> Page:
    """Take back the report that the task is done."""
    return _step(task_id, Step.TAKE_BACK)


@blueprint.route("/tasks/<int:task_id>/reopen", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def reopen(task_id: int) -> Page:
    """Put a finished task back to work."""
    return _step(task_id, Step.REOPEN)


@blueprint.route("/tasks/<int:task_id>/drop", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def drop(task_id: int) -> Page:
    """Give a task up."""
    return _step(task_id, Step.DROP)


def _update_page(
    found: updates.Situation,
    form: UpdateForm,
    *,
    conflict: str = "",
    not_mine_form: NotMineForm | None = None,
) -> str:
    address = url_for("updates.not_mine", task_id=found.task.id)
    return render_template(
        "updates/update.html",
        found=found,
        task=found.task,
        form=form,
        conflict=conflict,
        not_mine_form=not_mine_form or NotMineForm.for_receiver(action=address),
        today=today(),
    )


def _decide(task_id: int, step: Step) -> Page:
    by, is_confirming = person(), step is Step.CONFIRM
    task = tasks.get(db(), by=by, task_id=task_id)
    report = closing.report_of(db(), task=task)
    if request.method != "POST":
        closing.ready(db(), by=by, task_id=task_id, step=step)
    forms = {
        Step.CONFIRM: ConfirmForm(),
        Step.SEND_BACK: StepForm.for_step(
            Step.SEND_BACK, action=url_for("updates.send_back", task_id=task_id)
        ),
    }
    tried = attempt(forms[step], lambda: _take(step, task_id, forms[step]))
    if tried.result is not None:
        flash(gettext(_DONE[step]), "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    page = render_template(
        "updates/confirm.html",
        task=task,
        report=report,
        form=forms[step],
        confirm_form=forms[Step.CONFIRM],
        send_back_form=forms[Step.SEND_BACK],
        is_sending_back=not is_confirming,
        conflict=tried.conflict,
        latest=ledger.latest(db(), task_id=task_id) if tried.conflict else None,
    )
    return page, tried.status


def _step(task_id: int, step: Step) -> Page:
    if request.method != "POST":
        closing.ready(db(), by=person(), task_id=task_id, step=step)
    form = StepForm.for_step(step)
    tried = attempt(form, lambda: _take(step, task_id, form))
    if tried.result is not None:
        flash(gettext(_DONE[step]), "success")
        return redirect(url_for("tasks.show", task_id=task_id), 303)
    page = render_template(
        "updates/step.html",
        task=tasks.get(db(), by=person(), task_id=task_id),
        step=step,
        form=form,
        conflict=tried.conflict,
        latest=ledger.latest(db(), task_id=task_id) if tried.conflict else None,
    )
    return page, tried.status


def _take(step: Step, task_id: int, form: ConfirmForm | StepForm) -> object:
    by, at, zone = person(), now(), timezone()
    if isinstance(form, ConfirmForm):
        return closing.confirm(
            db(), by=by, task_id=task_id, comment=form.comment.data or "", now=at, timezone=zone
        )
    reason = form.reason.data or ""
    if step is Step.DROP:
        return closing.drop(
            db(),
            by=by,
            task_id=task_id,
            reason=reason,
            risk=form.risk.data or "",
            now=at,
            timezone=zone,
        )
    take = {
        Step.SEND_BACK: closing.send_back,
        Step.TAKE_BACK: closing.take_back,
        Step.REOPEN: closing.reopen,
    }[step]
    return take(db(), by=by, task_id=task_id, reason=reason, now=at, timezone=zone)
