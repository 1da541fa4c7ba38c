"""What each kind of person sees first is what the reminders and the rules say it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests import factories as make
from tests.factories import NOW, TODAY
from tracker.db import Database
from tracker.domain.flags import Flag
from tracker.domain.roles import Person, Role
from tracker.domain.rollup import Mismatch
from tracker.domain.status import Assessment, Kind, Precision, Status
from tracker.models import Task, User
from tracker.services import overview, progress, sessions

DAY = dt.timedelta(days=1)


def _adviser(session: Session) -> tuple[User, Person]:
    user = make.user(session, "Kari Nordmann", at=make.actor(session, "KS"))
    return user, sessions.person_of(user)


def _waiting(session: Session, by: Person) -> list[str]:
    return [row.task.ref for row in overview.mine(session, by=by, now=NOW, today=TODAY).waiting]


@pytest.mark.parametrize(
    ("case", "values", "waits"),
    [
        ("overdue", {"deadline": TODAY - DAY, "last_update_at": NOW}, True),
        ("due within 30 days", {"deadline": TODAY + 30 * DAY}, True),
        ("due later", {"deadline": TODAY + 31 * DAY}, False),
        (
            "a year's end is asked about earlier",
            {"deadline": TODAY + 90 * DAY, "deadline_precision": Precision.YEAR},
            True,
        ),
        ("answered within a week", {"deadline": TODAY + DAY, "last_update_at": NOW}, False),
        (
            "answered more than a week ago",
            {"deadline": TODAY + DAY, "last_update_at": NOW - 8 * DAY},
            True,
        ),
        ("no deadline and recent news", {"last_update_at": NOW - 90 * DAY}, False),
        ("no deadline and long silence", {"last_update_at": NOW - 91 * DAY}, True),
        (
            "a lasting duty in silence",
            {"status": Status.ONGOING, "deadline": TODAY + 300 * DAY, "created_at": NOW - 91 * DAY},
            True,
        ),
        (
            "on hold until later",
            {"status": Status.ON_HOLD, "deadline": TODAY - DAY, "look_again_on": TODAY + DAY},
            False,
        ),
        ("on hold until today", {"status": Status.ON_HOLD, "look_again_on": TODAY}, True),
        (
            "reported done waits for others",
            {"status": Status.REPORTED_DONE, "deadline": TODAY - DAY},
            False,
        ),
        ("an unsettled status is not late", {"status": None, "deadline": TODAY - DAY}, False),
    ],
)
def test_what_waits_for_the_responsible_person(
    database: Database, case: str, values: dict[str, Any], waits: bool
) -> None:
    with database.session(write=True) as session:
        user, by = _adviser(session)
        make.task(session, ref="X-1", owner=user.memberships[0].actor, responsible=user, **values)
        assert _waiting(session, by) == (["X-1"] if waits else []), case


def test_a_request_for_a_new_deadline_waits_for_the_secretariat_instead(database: Database) -> None:
    with database.session(write=True) as session:
        user, by = _adviser(session)
        late = make.task(
            session,
            ref="X-1",
            owner=user.memberships[0].actor,
            responsible=user,
            deadline=TODAY - DAY,
        )
        make.deadline_change(session, late, TODAY + 60 * DAY)
        assert _waiting(session, by) == []
        decisions = overview.decisions(session, by=make.coordinator(session))
        assert [task.ref for task, _ in decisions.new_deadlines] == ["X-1"]


def test_a_task_without_a_responsible_person_waits_for_the_lead(database: Database) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        lead = make.person(session, at=ks, role=Role.LEAD)
        member = make.person(session, at=ks)
        make.task(session, ref="X-1", owner=ks, deadline=TODAY - DAY)
        assert _waiting(session, lead) == ["X-1"]
        assert _waiting(session, member) == []


def test_the_most_urgent_comes_first_and_only_an_answer_that_can_hold_is_repeated(
    database: Database,
) -> None:
    with database.session(write=True) as session:
        user, by = _adviser(session)
        mine: dict[str, Any] = {"owner": user.memberships[0].actor, "responsible": user}
        soon, late = mine | {"deadline": TODAY + DAY}, mine | {"deadline": TODAY - DAY}
        make.task(session, ref="X-1", assessment=Assessment.ON_TRACK, **soon)
        make.task(session, ref="X-2", **soon)
        make.task(session, ref="X-3", assessment=Assessment.ON_TRACK, **late)
        late |= {"assessment": Assessment.UNCERTAIN}
        make.task(session, ref="X-4", last_update_at=NOW - 8 * DAY, **late)
        make.task(session, ref="X-5", last_update_at=NOW - 7 * DAY, **late)
        rows = overview.mine(session, by=by, now=NOW, today=TODAY).waiting
        assert [(row.task.ref, row.flag, row.may_repeat) for row in rows] == [
            ("X-3", Flag.OVERDUE, False),
            ("X-4", Flag.OVERDUE, True),
            ("X-5", Flag.OVERDUE, False),
            ("X-1", None, True),
            ("X-2", None, False),
        ]


def test_the_secretariat_sees_each_thing_that_it_must_decide_or_mend(database: Database) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, at=ks)
        settled: dict[str, Any] = {"owner": ks, "responsible": kari, "deadline": TODAY}
        make.task(session, ref="X-1", status=Status.REPORTED_DONE, **settled)
        make.task(session, ref="X-2", **(settled | {"deadline": None}))
        make.task(session, ref="X-3", needs_contact_since=NOW, **settled)
        make.task(session, ref="X-4", **settled)
        seen = overview.decisions(session, by=make.coordinator(session))
        assert [task.ref for task in seen.to_confirm.tasks] == ["X-1"]
        assert [(task.ref, parts) for task, parts in seen.unsettled] == [("X-2", ("deadline",))]
        assert [task.ref for task in seen.unreached.tasks] == ["X-3"]
        assert seen.total == 3


def test_a_task_that_its_owner_disowns_waits_until_it_is_given_to_somebody_or_answered(
    database: Database,
) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, at=ks)
        by = make.coordinator(session)
        settled: dict[str, Any] = {"owner": ks, "responsible": kari, "deadline": TODAY}
        given = {"assigned_at": NOW - DAY}
        waits, answered, assigned, closed = (
            make.task(session, ref=ref, **(settled | given | more))
            for ref, more in (
                ("X-1", {}),
                ("X-2", {}),
                ("X-3", {"assigned_at": NOW + DAY}),
                ("X-4", {"status": Status.CLOSED}),
            )
        )
        for task in (waits, waits, answered, assigned, closed):
            make.update(session, task, kari, not_mine=True, comment="Spør Ola.")
        make.update(session, waits, by=None, actor_id=None)
        make.update(session, answered, kari)
        seen = overview.decisions(session, by=by)
        assert [(task.ref, said.comment) for task, said in seen.disowned] == [("X-1", "Spør Ola.")]
        assert (seen.disowned_total, seen.total) == (1, 1)


def test_long_lists_are_cut_but_counted(database: Database) -> None:
    with database.session(write=True) as session:
        for _ in range(overview.SHOWN + 2):
            make.task(session, status=Status.REPORTED_DONE)
        seen = overview.decisions(session, by=make.coordinator(session)).to_confirm
        assert (len(seen.tasks), seen.total) == (overview.SHOWN, overview.SHOWN + 2)


def test_actors_with_open_tasks_have_answered_lately_or_are_missing(database: Database) -> None:
    with database.session(write=True) as session:
        names = ("KS", "Difi", "DogA", "Innovasjon Norge")
        ks, difi, doga, idle = (make.actor(session, name) for name in names)
        make.task(session, owner=ks, last_update_at=NOW - 30 * DAY)
        make.task(session, owner=ks, last_update_at=NOW - 300 * DAY)
        make.task(session, owner=difi, last_update_at=NOW - 31 * DAY)
        make.task(session, owner=doga)
        make.task(session, owner=idle, status=Status.CLOSED)
        done = make.actor(session, "Forskningsrådet")
        make.task(session, owner=done)
        make.task(session, owner=done, status=Status.REPORTED_DONE, last_update_at=NOW)
        numbers = progress.by_actor(session, by=make.coordinator(session))
        found = overview.answers(numbers, now=NOW)
        assert [actor.name for actor in found.answered] == ["Forskningsrådet", "KS"]
        assert [actor.name for actor in found.missing] == ["Difi", "DogA"]


def test_a_director_sees_how_the_own_actor_stands_and_what_is_new(database: Database) -> None:
    with database.session(write=True) as session:
        ours, theirs = make.actor(session, "Helsedirektoratet"), make.actor(session, "KS")
        director = make.person(session, at=ours, role=Role.READER)
        late = make.task(session, ref="X-1", owner=ours, deadline=TODAY - DAY)
        make.task(session, ref="X-2", owner=ours, assessment=Assessment.UNCERTAIN)
        make.task(session, ref="X-3", owner=ours, status=Status.CLOSED, deadline=TODAY - DAY)
        other = make.task(session, ref="X-4", owner=theirs, deadline=TODAY - DAY)
        make.update(session, late, created_at=NOW - 30 * DAY, comment="Nytt")
        make.update(session, late, created_at=NOW - 31 * DAY, comment="Gammelt")
        make.update(session, other, comment="Andres")
        seen = overview.actor_standing(session, by=director, now=NOW, today=TODAY)
        assert (seen.total, seen.overdue, seen.uncertain, seen.off_track) == (2, 1, 1, 0)
        assert [(task.ref, flag) for task, flag in seen.attention] == [
            ("X-1", Flag.OVERDUE),
            ("X-2", None),
        ]
        assert [update.comment for update, _ in seen.news] == ["Nytt"]


def test_recommendations_come_first_with_what_their_measures_say(database: Database) -> None:
    with database.session(write=True) as session:
        make.goal(session, ref="M-1")
        top = make.task(session, ref="D-10", kind=Kind.RECOMMENDATION, status=Status.CLOSED)
        make.task(session, ref="D-9", kind=Kind.RECOMMENDATION)
        make.task(session, parent=top, status=Status.CLOSED, last_update_at=NOW - 5 * DAY)
        make.task(session, parent=top, status=None, last_update_at=NOW - 9 * DAY)
        rows = progress.standings(session, by=make.coordinator(session), today=TODAY)
        assert [row.task.ref for row in rows] == ["D-9", "D-10", "M-1"]
        assert rows[1].measures == {Status.CLOSED: 1, None: 1}
        assert rows[1].mismatch is Mismatch.DONE_WITH_OPEN_MEASURES
        assert rows[1].news_at == NOW - 5 * DAY


def _coverage(session: Session) -> progress.Coverage:
    by = make.coordinator(session)
    rows = progress.standings(session, by=by, today=TODAY)
    return progress.coverage(session, by=by, of=rows)


def test_coverage_counts_a_recommendation_and_its_measures_and_names_what_is_empty(
    database: Database,
) -> None:
    with database.session(write=True) as session:
        served, direct, lonely = (make.goal(session, ref=f"M-{n}") for n in (1, 2, 3))
        top = make.task(session, ref="D-1", kind=Kind.RECOMMENDATION, goals=(served,))
        idle = make.task(session, ref="D-2", kind=Kind.RECOMMENDATION)
        make.task(session, parent=top, goals=(served,))
        make.task(session, parent=idle)
        make.task(session, parent=direct)
        found = _coverage(session)
        assert found.serving == {(top.id, served.id): 2}
        assert found.elsewhere == {direct.id: 1}
        assert [goal.id for goal in found.goals_without_task()] == [lonely.id]
        assert [task.id for task in found.recommendations_without_goal()] == [idle.id]


def test_a_measure_under_a_goal_that_also_names_it_counts_once(database: Database) -> None:
    with database.session(write=True) as session:
        goal = make.goal(session, ref="M-1")
        make.task(session, parent=goal, goals=(goal,))
        assert _coverage(session).elsewhere == {goal.id: 1}


def test_numbers_by_actor_put_the_unsettled_owner_last(database: Database) -> None:
    with database.session(write=True) as session:
        ks, difi = make.actor(session, "KS"), make.actor(session, "Difi")
        make.task(session, owner=ks, status=Status.CLOSED)
        make.task(session, owner=ks)
        make.task(session, owner=difi)
        make.task(session, status=None)
        make.goal(session, owner=difi)
        rows = progress.by_actor(session, by=make.coordinator(session))
        assert [(row.actor.name if row.actor else None, row.measures) for row in rows] == [
            ("Difi", {Status.IN_PROGRESS: 1}),
            ("KS", {Status.CLOSED: 1, Status.IN_PROGRESS: 1}),
            (None, {None: 1}),
        ]


def _queries(database: Database, by: Person) -> int:
    """Read everything that the page shows to somebody with all roles, and count the queries."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        with database.session(write=False) as session:
            rows = progress.standings(session, by=by, today=TODAY)
            progress.coverage(session, by=by, of=rows)
            overview.answers(progress.by_actor(session, by=by), now=NOW)
            waiting = overview.mine(session, by=by, now=NOW, today=TODAY).waiting
            decisions = overview.decisions(session, by=by)
            standing = overview.actor_standing(session, by=by, now=NOW, today=TODAY)
            # What the templates read besides columns must have been loaded along.
            shown: list[Task] = [row.task for row in waiting]
            shown += [task for task, _ in decisions.new_deadlines]
            shown += decisions.to_confirm.tasks
            assert {task.owner.name for task in shown if task.owner} == {"KS"}
            assert {update.user.name for update, _ in standing.news if update.user}
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(statements)


def test_the_number_of_queries_does_not_grow_with_the_data(database: Database) -> None:
    def grow(session: Session, user: User) -> None:
        ks = user.memberships[0].actor
        top = make.task(session, kind=Kind.RECOMMENDATION, owner=ks, responsible=user)
        goal = make.goal(session, owner=ks, responsible=user)
        for status in (Status.IN_PROGRESS, Status.REPORTED_DONE, None):
            task = make.task(
                session,
                owner=ks,
                responsible=user,
                parent=top,
                goals=(goal,),
                status=status,
                deadline=TODAY - DAY,
            )
            make.update(session, task, user)
            make.deadline_change(session, task, TODAY + DAY)

    with database.session(write=True) as session:
        user = make.user(session, at=make.actor(session, "KS"))
        make.membership(session, user, Role.COORDINATOR)
        grow(session, user)
        by = sessions.person_of(user)
    few = _queries(database, by)
    with database.session(write=True) as session:
        user = session.get_one(User, by.user_id)
        for _ in range(4):
            grow(session, user)
    assert _queries(database, by) == few


def test_news_of_a_measure_is_news_of_its_recommendation(database: Database) -> None:
    with database.session(write=True) as session:
        silent = NOW - 300 * DAY
        for _ in range(2):
            top = make.task(session, kind=Kind.RECOMMENDATION, created_at=silent)
        make.task(session, parent=top, last_update_at=NOW)
        rows = progress.standings(session, by=make.coordinator(session), today=TODAY)
        assert [row.flag for row in rows] == [Flag.STALE, None]
