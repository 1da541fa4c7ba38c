"""The list of tasks and a task's page."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from tracker.domain.errors import InvalidError
from tracker.i18n import _
from tracker.services import (
    absences,
    reminder_log,
    reminder_rules,
    snoozes,
    task_detail,
    task_list,
    tasks,
)
from tracker.web import access
from tracker.web.context import db, person, today
from tracker.web.forms import row_id
from tracker.web.tasks import history
from tracker.web.tasks.blueprint import blueprint
from tracker.web.tasks.filters import FilterForm, address_without, list_address


@blueprint.get("/tasks")
@access.signed_in
def index() -> Response | tuple[str, int]:
    """Show the tasks that the address asks for."""
    owners = tasks.owners(db())
    form = FilterForm(owners, task_list.themes(db(), by=person()))
    valid = form.validate()
    # Tasks under one recommendation or serving one goal: links lead here, no field does.
    related = {
        name: number
        for name in ("under", "goal")
        if (number := request.args.get(name, type=row_id))
    }
    args = form.address() | {name: str(task_id) for name, task_id in related.items()}
    if valid and "" in request.args.values():
        return redirect(list_address(args))
    cursor = request.args.get("page")
    filters = form.filters(under_id=related.get("under"), goal_id=related.get("goal"))
    page, unreadable = read_page(filters, form.order(), cursor)
    chosen = form.chosen(args) + [
        (_related_words(name, task_id), address_without(args, name))
        for name, task_id in related.items()
    ]
    html = render_template(
        "tasks/index.html",
        form=form,
        page=page,
        related=related,
        chosen=chosen,
        unreadable=unreadable,
        address_of=lambda place: list_address(args | {"page": place}),
        first_address=list_address(args),
        clear=list_address({"sort": args["sort"]} if "sort" in args else {}),
    )
    return html, HTTPStatus.OK if valid and not unreadable else HTTPStatus.BAD_REQUEST


@blueprint.get("/tasks/<int:task_id>")
@access.signed_in
def show(task_id: int) -> str:
    """Show a task with its history; `?history=all` shows all of that."""
    detail = task_detail.read(
        db(),
        by=person(),
        task_id=task_id,
        today=today(),
        whole_history=request.args.get("history") == "all",
    )
    return render_template(
        "tasks/show.html",
        detail=detail,
        changes=history.changes,
        away=absences.soon(db(), by=person(), user_id=detail.task.responsible_id, today=today()),
        rules=reminder_rules.book(db()).of(task_id, detail.task.kind, detail.task.owner_id),
        snoozes=snoozes.of_task(db(), task_id=task_id, today=today()),
        may_pause=snoozes.may_pause(db(), by=person(), task=detail.task),
        reminders_sent=reminder_log.of_task(db(), by=person(), task_id=task_id),
    )


def read_page(
    filters: task_list.Filters, sort: task_list.Sort, cursor: str | None
) -> tuple[task_list.Page, bool]:
    """Return the page at `cursor`, or the first one and that the cursor could not be read."""
    read = partial(task_list.page, db(), by=person(), today=today(), filters=filters, sort=sort)
    try:
        return read(cursor=cursor), False
    except InvalidError:
        return read(), True


def _related_words(name: str, task_id: int) -> str:
    task = tasks.get(db(), by=person(), task_id=task_id)
    if name == "under":
        return _("Under %(ref)s", ref=task.ref)
    return _("Contributes to %(ref)s", ref=task.ref)
