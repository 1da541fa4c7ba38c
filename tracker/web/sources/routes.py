"""Pages about sources."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.services import sources
from tracker.web import access
from tracker.web.context import db, person, today
from tracker.web.differences import between, newer
from tracker.web.forms import attempt
from tracker.web.sources.forms import NoteForm, SourceForm

Page = Response | tuple[str, int]

blueprint = Blueprint("sources", __name__)


@blueprint.get("/sources")
@access.signed_in
def index() -> str:
    """List the sources."""
    return render_template("sources/index.html", listed=sources.listed(db(), by=person()))


@blueprint.get("/sources/<int:source_id>")
@access.signed_in
def show(source_id: int) -> str:
    """Show what a source says and what came of it."""
    return render_template(
        "sources/show.html",
        detail=sources.read(db(), by=person(), source_id=source_id, today=today()),
    )


@blueprint.route("/sources/new", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def new() -> Page:
    """Add a source."""
    form = SourceForm.empty()
    tried = attempt(
        form,
        lambda: sources.create(db(), by=person(), key=form.key.data, facts=form.facts()),
    )
    if tried.result is not None:
        flash(_("Saved. Now add what it recommends."), "success")
        return _to(tried.result.id)
    return render_template("sources/edit.html", form=form, source=None), tried.status


@blueprint.route("/sources/<int:source_id>/edit", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def edit(source_id: int) -> Page:
    """Correct what is written about a source."""
    source = sources.get(db(), source_id=source_id)
    form = SourceForm.of(source)
    tried = attempt(
        form,
        lambda: sources.edit(
            db(), by=person(), source_id=source_id, facts=form.facts(), seen=form.version.data
        ),
    )
    if tried.result is not None:
        flash(_("The changes are saved."), "success")
        return _to(source_id)
    present = sources.facts_of(source)
    differences = newer(form, tried, present, lambda: between(form, present, form.facts()))
    page = render_template(
        "sources/edit.html",
        form=form,
        source=source,
        conflict=tried.conflict,
        differences=differences,
    )
    return page, tried.status


@blueprint.route("/sources/<int:source_id>/notes/new", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def new_note(source_id: int) -> Page:
    """Add something that the source says and that is no task."""
    source = sources.get(db(), source_id=source_id)
    form = NoteForm.empty()
    tried = attempt(
        form,
        lambda: sources.add_note(db(), by=person(), source_id=source_id, note=form.note()),
    )
    if tried.result is not None:
        flash(_("What the source says is entered."), "success")
        return _to(source_id)
    return render_template("sources/note.html", form=form, source=source), tried.status


def _to(source_id: int) -> Response:
    return redirect(url_for("sources.show", source_id=source_id), 303)
