"""The first page: what waits, what must be decided, and how the whole stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from flask import Blueprint, render_template, url_for

from tracker.domain.status import Status
from tracker.i18n import _
from tracker.services import absences, overview, progress, snoozes
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


class Bar(NamedTuple):
    """The measures of a recommendation, goal or actor, divided by status."""

    label: str
    name: str
    href: str | None
    counts: tuple[tuple[Status | None, int], ...]
    """Each status of the chart with its number."""


@blueprint.get("/")
@signed_in
def index() -> str:
    """Show what is urgent for the person's roles, and below it how the whole stands."""
    by, at, day = person(), now(), today()
    standings = progress.standings(db(), by=by, today=day)
    actors = progress.by_actor(db(), by=by)
    measures = sum((Counter(row.measures) for row in actors), Counter[str | None]())
    series = tuple(status for status in SERIES if measures[status])
    return render_template(
        "overview/index.html",
        absences=absences.concerning(db(), by=by, today=day),
        failing_address=overview.failing_address(db(), by=by),
        mine=overview.mine(db(), by=by, now=at, today=day) if by.member_of else None,
        actor=overview.actor_standing(db(), by=by, now=at, today=day) if by.actor_ids else None,
        decisions=overview.decisions(db(), by=by) if by.is_coordinator else None,
        answers=overview.answers(actors, now=at) if by.is_coordinator else None,
        paused=snoozes.current(db(), by=by, today=day) if by.is_coordinator else None,
        standings=standings,
        coverage=progress.coverage(db(), by=by, of=standings),
        measures=measures,
        series=series,
        by_recommendation=tuple(
            _task_bar(row, series) for row in standings if any(row.measures.values())
        ),
        by_actor=tuple(_actor_bar(row, series) for row in actors if row.measures),
    )


def _task_bar(row: progress.Standing, series: Sequence[Status | None]) -> Bar:
    task = row.task
    return Bar(
        label=task.ref,
        name=f"{task.ref} {words.title(task)}",
        href=url_for("tasks.show", task_id=task.id),
        counts=tuple((status, row.measures.get(status, 0)) for status in series),
    )


def _actor_bar(row: progress.ActorNumbers, series: Sequence[Status | None]) -> Bar:
    actor = row.actor
    name = actor.name if actor else _("To be decided")
    return Bar(
        label=name,
        name=name,
        href=url_for("tasks.index", owner=actor.id) if actor else None,
        counts=tuple((status, row.measures.get(status, 0)) for status in series),
    )
