"""Pages about actors."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.services import actors
from tracker.web import access
from tracker.web.actors.forms import ActorForm
from tracker.web.context import db, person, today
from tracker.web.differences import between, newer
from tracker.web.forms import attempt

Page = Response | tuple[str, int]

blueprint = Blueprint("actors", __name__)


@blueprint.get("/actors")
@access.signed_in
def index() -> str:
    """List the actors with how their tasks stand."""
    return render_template(
        "actors/index.html",
        listed=actors.listed(db(), by=person(), today=today()),
        may_edit=actors.may_edit(person()),
    )


@blueprint.get("/actors/<int:actor_id>")
@access.signed_in
def show(actor_id: int) -> str:
    """Show an actor with its people and open tasks."""
    return render_template(
        "actors/show.html",
        detail=actors.read(db(), by=person(), actor_id=actor_id, today=today()),
        may_edit=actors.may_edit(person()),
        may_note_absences=actors.may_edit(person()) or actor_id in person().lead_of,
    )


@blueprint.route("/actors/new", methods=["GET", "POST"])
@access.role(Role.COORDINATOR, Role.ADMIN)
def new() -> Page:
    """Add an actor."""
    form = ActorForm.of(None)
    tried = attempt(form, lambda: actors.create(db(), by=person(), facts=form.facts()))
    if tried.result is not None:
        flash(_("The organisation is entered."), "success")
        return redirect(url_for("actors.show", actor_id=tried.result.id), 303)
    return render_template("actors/edit.html", form=form, actor=None), tried.status


@blueprint.route("/actors/<int:actor_id>/edit", methods=["GET", "POST"])
@access.role(Role.COORDINATOR, Role.ADMIN)
def edit(actor_id: int) -> Page:
    """Correct what is known about an actor."""
    actor = actors.get(db(), actor_id=actor_id)
    form = ActorForm.of(actor)
    tried = attempt(
        form,
        lambda: actors.edit(
            db(), by=person(), actor_id=actor_id, facts=form.facts(), seen=form.version.data
        ),
    )
    if tried.result is not None:
        flash(_("The changes are saved."), "success")
        return redirect(url_for("actors.show", actor_id=actor_id), 303)
    present = actors.facts_of(actor)
    differences = newer(form, tried, present, lambda: between(form, present, form.facts()))
    page = render_template(
        "actors/edit.html",
        form=form,
        actor=actor,
        conflict=tried.conflict,
        differences=differences,
    )
    return page, tried.status
