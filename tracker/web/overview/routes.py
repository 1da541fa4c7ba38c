"""The first page: what waits, what must be decided, and how the whole stands."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from flask import Blueprint, render_template, url_for

from tracker.domain.status import Status
from tracker.i18n import _
from tracker.services import overview, progress
from tracker.web import words
from tracker.web.access import signed_in
from tracker.web.context import db, now, person, today

blueprint = Blueprint("overview", __name__)

SERIES: Final = (
    Status.CLOSED,
    Status.REPORTED_DONE,
    Status.ONGOING,
    Status.IN_PROGRESS,
    Status.ON_HOLD,
    Status.NOT_STARTED,
    Status.DROPPED,
    None,
)
"""The parts of a bar, from done to not settled."""


@blueprint.get("/")
@signed_in
def index() -> str:
    """Show what is urgent for the person's roles, and below it how the whole stands."""
    by, at, day = person(), now(), today()
    standings = progress.standings(db(), by=by, today=day)
    actors = progress.by_actor(db(), by=by)
    measures = sum((Counter(row.measures) for row in actors), Counter[str | None]())
    return render_template(
        "overview/index.html",
        mine=overview.mine(db(), by=by, now=at, today=day) if by.member_of else None,
        actor=overview.actor_standing(db(), by=by, now=at, today=day) if by.actor_ids else None,
        decisions=overview.decisions(db(), by=by) if by.is_coordinator else None,
        answers=overview.answers(actors, now=at) if by.is_coordinator else None,
        standings=standings,
        coverage=progress.coverage(db(), by=by, of=standings),
        measures=measures,
        series=[status for status in SERIES if measures[status]],
        by_recommendation=[_task_bar(row) for row in standings if any(row.measures.values())],
        by_actor=[_actor_bar(row) for row in actors if row.measures],
    )


def _task_bar(row: progress.Standing) -> dict[str, Any]:
    task = row.task
    return {
        "label": task.ref,
        "name": f"{task.ref} {words.title(task)}",
        "href": url_for("tasks.show", task_id=task.id),
        "counts": row.measures,
    }


def _actor_bar(row: progress.ActorNumbers) -> dict[str, Any]:
    actor = row.actor
    return {
        "label": actor.name if actor else _("Not settled"),
        "href": url_for("tasks.index", owner=actor.id) if actor else None,
        "counts": row.measures,
    }
