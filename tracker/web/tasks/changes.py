"""Pages on which tasks are entered, edited and assigned."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from tracker.domain.errors import ForbiddenError
from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.models import Task
from tracker.services import sources, task_assign, task_edit, tasks
from tracker.web import access
from tracker.web.context import db, now, person, timezone
from tracker.web.differences import newer
from tracker.web.forms import attempt
from tracker.web.tasks import history
from tracker.web.tasks.blueprint import blueprint
from tracker.web.tasks.forms import AssignForm, EditForm, NewForm, TextsForm

Page = Response | tuple[str, int]


@blueprint.route("/tasks/new", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def new() -> Page:
    """Enter a task; `?under=` and `?source=` say where it belongs, `?kind=` what it is."""
    form = NewForm(
        data={
            "kind": request.args.get("kind") or ("measure" if "under" in request.args else None),
            "under": request.args.get("under", ""),
            "source": request.args.get("source", ""),
            "quote_language": "nb",
        }
    )
    form.offer_origin(
        parents=task_edit.recommendations(db(), by=person()), sources=sources.all_of(db())
    )
    _offer_links(form)
    tried = attempt(
        form,
        lambda: task_edit.create(
            db(), by=person(), origin=form.origin(), texts=form.texts(), now=now()
        ),
    )
    if tried.result is not None:
        words = _(
            "%(ref)s is entered. Nothing about it has been decided yet.", ref=tried.result.ref
        )
        flash(words, "success")
        return _to(tried.result)
    return render_template("tasks/new.html", form=form), tried.status


@blueprint.route("/tasks/<int:task_id>/edit", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def edit(task_id: int) -> Page:
    """Edit the texts of a task; who saves second sees both versions."""
    task = tasks.get(db(), by=person(), task_id=task_id)
    present = task_edit.read(db(), by=person(), task_id=task_id)
    form = EditForm.of(present)
    _offer_links(form)
    tried = attempt(
        form,
        lambda: task_edit.edit(
            db(),
            by=person(),
            task_id=task_id,
            texts=form.texts(),
            seen=form.version.data,
            now=now(),
        ),
    )
    if tried.result is not None:
        flash(_("The changes are saved."), "success")
        return _to(task)
    differences = newer(
        form,
        tried,
        present,
        lambda: history.compare(
            task_edit.readable(db(), present), task_edit.readable(db(), form.texts())
        ),
    )
    page = render_template(
        "tasks/edit.html",
        task=task,
        form=form,
        conflict=tried.conflict,
        differences=differences,
        last=task_edit.last_edit(db(), task_id=task_id) if tried.conflict else None,
    )
    return page, tried.status


@blueprint.route("/tasks/<int:task_id>/assign", methods=["GET", "POST"])
@access.signed_in
def assign(task_id: int) -> Page:
    """Say whose a task is; the owner's lead chooses the responsible only."""
    task = tasks.get(db(), by=person(), task_id=task_id)
    if not task_assign.may_assign(person(), task=task):
        raise ForbiddenError("not_for_your_role")
    present = task_assign.read(db(), by=person(), task_id=task_id)
    form = AssignForm.of(present)
    owners = tasks.owners(db())
    everything = person().is_coordinator
    people = tasks.people_of(db(), actor_id=None if everything else task.owner_id)
    form.offer(owners=owners, people=people, everything=everything)
    tried = attempt(
        form,
        lambda: task_assign.assign(
            db(),
            by=person(),
            task_id=task_id,
            wanted=form.assignment(present),
            seen=form.version.data,
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        flash(_("The task is assigned."), "success")
        return _to(task)
    differences = newer(
        form,
        tried,
        present,
        lambda: history.compare(
            task_assign.names(db(), present), task_assign.names(db(), form.assignment(present))
        ),
    )
    page = render_template(
        "tasks/assign.html",
        task=task,
        form=form,
        conflict=tried.conflict,
        differences=differences,
    )
    return page, tried.status


def _offer_links(form: TextsForm) -> None:
    form.offer(goals=task_edit.goals(db(), by=person()), context=task_edit.context(db()))


def _to(task: Task) -> Response:
    return redirect(url_for("tasks.show", task_id=task.id), 303)
