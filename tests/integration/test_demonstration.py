"""The demonstration holds on whatever day it is made, and tells a story that obeys the rules."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from config import Settings
from tests import factories
from tracker.data import starting_set as facts
from tracker.db import Database
from tracker.domain.calendar import DAY
from tracker.domain.roles import Role
from tracker.domain.rollup import mismatch
from tracker.domain.status import FINISHED, Kind, Status
from tracker.models import (
    Actor,
    AuditEvent,
    DeadlineChange,
    Membership,
    OutgoingEmail,
    Reminder,
    ReminderRun,
    StatusUpdate,
    Task,
    TaskGoal,
    User,
)
from tracker.models.columns import Origin
from tracker.models.tasks import UNSETTLED
from tracker.services import (
    audit,
    demonstration,
    installation,
    listings,
    reminder_health,
    reminder_preview,
    starting_set,
    task_history,
)
from tracker.services.closed_days import calendar

WEDNESDAY = dt.datetime(2026, 3, 4, 5, tzinfo=dt.UTC)
SATURDAY = dt.datetime(2026, 11, 21, 20, tzinfo=dt.UTC)
DAYS = {
    "Saturday": SATURDAY,
    "Monday": dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC),
    "Friday": dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC),
    "Maundy Thursday": dt.datetime(2026, 4, 2, 9, tzinfo=dt.UTC),
    "Christmas Eve": dt.datetime(2026, 12, 24, 9, tzinfo=dt.UTC),
    "midsummer": dt.datetime(2027, 7, 14, 9, tzinfo=dt.UTC),
    "a leap day": dt.datetime(2028, 2, 29, 9, tzinfo=dt.UTC),
}
STEPS = {
    "-30",
    "-7",
    "0",
    "1",
    "week",
    "escalate_lead",
    "escalate_coordinator",
    "question",
    "look_again",
    "confirm",
    "decide_deadline",
    "assigned",
}
"""What has something to do within days; `month` and `unsettled` come with the next month."""


def make(database: Database, settings: Settings, now: dt.datetime) -> None:
    demonstration.make(database, settings=settings, now=now)


@pytest.fixture(scope="module")
def made(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A demonstration made on a Saturday, only to be read."""
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("demonstration") / "demo.db")
    settings = Settings(database_url=f"sqlite:///{path}", secret_key="only for tests, really")
    database = Database(settings.database_url, before_commit=audit.write_pending)
    make(database, settings, SATURDAY)
    with database.session(write=False) as session:
        yield session
    database.dispose()


def tasks(session: Session) -> dict[str, Task]:
    return {task.ref: task for task in session.scalars(select(Task).order_by(Task.ref_key))}


def test_it_is_marked_with_the_day_it_was_made_around(made: Session) -> None:
    assert installation.demonstration_on(made) == SATURDAY.date()


def test_each_body_of_the_forum_has_two_people_and_a_lead_in_both_written_standards(
    made: Session,
) -> None:
    users = made.scalars(
        select(User).options(selectinload(User.memberships).joinedload(Membership.actor))
    ).all()
    employed = Counter(actor for user in users for actor in {m.actor for m in user.memberships})
    bodies = {name for seat in facts().forum.seats for name in seat}
    assert {actor.name for actor in employed if actor is not None} == bodies
    assert min(employed.values()) >= 2
    leads = {m.actor.name for u in users for m in u.memberships if m.role == Role.LEAD and m.actor}
    assert leads == bodies
    assert {"nb", "nn", "en"} == {user.locale for user in users}


def test_all_addresses_lie_where_nobody_can_have_one(made: Session) -> None:
    addresses = [*made.scalars(select(User.email))]
    addresses += made.scalars(select(Actor.email).where(Actor.email.is_not(None))).all()
    addresses += made.scalars(select(OutgoingEmail.to_address)).all()
    assert addresses
    assert all(str(address).endswith(".example") for address in addresses)


def test_three_of_the_nine_are_left_unsettled_and_nothing_else(made: Session) -> None:
    unsettled = made.scalars(select(Task.ref).where(UNSETTLED).order_by(Task.ref_key)).all()
    assert unsettled == ["DIFI-2", "MELDST-1", "MELDST-2"]


def test_one_goal_has_no_measure(made: Session) -> None:
    goals = set(made.scalars(select(Task.ref).where(Task.kind == Kind.GOAL)))
    served = made.scalars(select(Task.ref).join(TaskGoal, TaskGoal.goal_id == Task.id)).all()
    assert goals - set(served) == {"MELDST-2"}


def test_one_recommendation_disagrees_with_its_measures(made: Session) -> None:
    found = tasks(made)
    disagreeing = [
        task.ref
        for task in found.values()
        if task.parent_id is None
        and mismatch(task.status, Counter(t.status for t in found.values() if t.parent is task))
    ]
    assert disagreeing == ["DIFI-3"]


def test_one_measure_waits_to_be_confirmed_and_one_deadline_was_moved_twice(made: Session) -> None:
    found = tasks(made)
    assert [t.ref for t in found.values() if t.status == Status.REPORTED_DONE] == ["DIFI-3.4"]
    moved = made.execute(
        select(Task.ref, func.count())
        .join(DeadlineChange, DeadlineChange.task_id == Task.id)
        .where(DeadlineChange.outcome == "approved", DeadlineChange.old_deadline.is_not(None))
        .group_by(Task.ref)
    ).all()
    assert [tuple(row) for row in moved] == [("DIFI-3.1", 2)]
    original, present = found["DIFI-3.1"].original_deadline, found["DIFI-3.1"].deadline
    assert original is not None
    assert present is not None
    assert present - original > 60 * DAY


def test_the_history_goes_back_some_months_and_lies_in_the_past(made: Session) -> None:
    moments = made.scalars(select(StatusUpdate.created_at).order_by(StatusUpdate.id)).all()
    assert SATURDAY - moments[0] > dt.timedelta(days=150)
    assert max(moments) < SATURDAY
    assert list(moments) == sorted(moments)


def test_every_update_goes_on_from_the_one_before_it(made: Session) -> None:
    corrected = set(made.scalars(select(StatusUpdate.corrects_id)))
    for task in tasks(made).values():
        status = None
        for update in made.scalars(
            select(StatusUpdate)
            .where(StatusUpdate.task_id == task.id, StatusUpdate.as_contributor.is_(False))
            .order_by(StatusUpdate.id)
        ):
            assert update.status_before == status, task.ref
            status = update.status_after if update.id not in corrected else status
        assert task.status == status, task.ref


def test_the_log_tells_the_story_in_the_names_of_its_people(made: Session) -> None:
    assert audit.verify(made).damage is None
    events = made.scalars(select(AuditEvent).where(AuditEvent.entity == "task")).all()
    assert max(event.at for event in events) < SATURDAY
    assert {"user", "link", "system"} == {event.actor for event in events}


def test_the_mailbox_holds_the_mails_of_the_last_working_days(made: Session) -> None:
    mails = made.scalars(select(OutgoingEmail)).all()
    assert {mail.state for mail in mails} == {"sent"}
    assert all(mail.subject and mail.html_body for mail in mails)
    friday = SATURDAY.date() - DAY
    assert max(mail.local_date for mail in mails if mail.local_date) == friday
    runs = made.scalars(select(ReminderRun).order_by(ReminderRun.id)).all()
    days = [run.at.date() for run in runs]
    # A scheduler takes the slots of closed days too, or health would find them missing.
    assert days == [days[0] + number * DAY for number in range(len(days))]
    assert days[-1] == friday
    assert sum(run.counts["sent"] for run in runs) == len(mails)


def test_the_measures_are_marked_as_invented_and_named_in_both_written_standards(
    made: Session,
) -> None:
    measures = made.scalars(select(Task).where(Task.kind == Kind.MEASURE)).all()
    assert {measure.origin for measure in measures} == {Origin.DEMONSTRATION}
    assert all(measure.title_nb and measure.title_nn for measure in measures)
    assert made.scalar(select(func.count()).where(Task.kind != Kind.MEASURE)) == 9


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("day", DAYS)
def test_every_step_has_something_to_do_within_days_whenever_it_is_made(
    database: Database, settings: Settings, day: str
) -> None:
    now = DAYS[day]
    make(database, settings, now)
    with database.session(write=False) as session:
        coming = list(
            reminder_preview.preview(session, settings=settings, now=now, first=now.date(), days=14)
        )
        assert {line.step for line in coming} >= STEPS
        kari = [line for line in coming if line.receiver.name == "Kari Nordmann"]
        first = [line.step for line in kari if line.send_on == kari[0].send_on]
        # Where the day after the deadline is a Monday, the weekly step takes its place.
        assert first[0] in {"1", "week"}
        assert first[1] == "-7"
        closed = calendar(settings.closed_days)
        for task in session.scalars(select(Task).where(Task.deadline_precision == "day")):
            assert task.deadline is not None
            assert not closed.is_closed(task.deadline), task.ref
        assert session.scalars(select(Reminder.id).limit(1)).all()


def test_both_databases_hold_the_same_story(
    database: Database, settings: Settings, made: Session
) -> None:
    def story(session: Session) -> list[Any]:
        updates = select(
            StatusUpdate.id,
            StatusUpdate.task_id,
            StatusUpdate.user_id,
            StatusUpdate.created_at,
            StatusUpdate.status_after,
            StatusUpdate.comment,
        )
        return [
            listings.tasks(session),
            listings.users(session),
            [tuple(row) for row in session.execute(updates.order_by(StatusUpdate.id))],
            session.scalars(select(OutgoingEmail.subject).order_by(OutgoingEmail.id)).all(),
        ]

    make(database, settings, SATURDAY)
    with database.session(write=False) as session:
        assert story(session) == story(made)


def test_what_was_seeded_before_becomes_as_old_as_the_story(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        starting_set.load(session, now=WEDNESDAY)
    make(database, settings, WEDNESDAY)
    with database.session(write=False) as session:
        newest = session.scalar(select(func.max(Task.created_at)).where(Task.kind == Kind.GOAL))
        assert newest is not None
        assert WEDNESDAY - newest > dt.timedelta(days=200)
        for task in session.scalars(select(Task)):
            entries = task_history.of_task(session, task=task, changes=(), everything=True).entries
            assert entries[-1].action == "task.created", task.ref


def test_synthetic_measures_follow_the_rules_that_people_follow(
    database: Database, settings: Settings
) -> None:
    make(database, settings, WEDNESDAY)
    told: list[int] = []
    demonstration.enlarge(
        database, tasks=60, people=14, settings=settings, now=WEDNESDAY, progress=told.append
    )
    assert told == [60]
    with database.session(write=True) as session:
        # The next row that somebody makes by hand must find a free id.
        factories.task(session, ref="X-1")
    with database.session(write=False) as session:
        added = [task for ref, task in tasks(session).items() if ".1" in ref and len(ref) > 9]
        assert len(added) == 60
        for task in added:
            updates = session.scalars(
                select(StatusUpdate)
                .where(StatusUpdate.task_id == task.id)
                .order_by(StatusUpdate.created_at)
            ).all()
            befores = [update.status_before for update in updates]
            afters = [update.status_after for update in updates]
            assert befores == [Status.NOT_STARTED, *afters[:2]]
            assert afters[2] == task.status
            assert task.changed_at == updates[2].created_at < WEDNESDAY
            assert (task.look_again_on is not None) == (task.status == Status.ON_HOLD)
            if task.status in FINISHED:
                assert updates[2].user_id != task.responsible_id
        emails = session.scalars(select(User.email)).all()
        assert len(emails) == 20 + 14
        assert all(email.endswith(".example") for email in emails)


def test_a_demonstration_made_at_night_on_a_weekend_is_not_late(
    database: Database, settings: Settings
) -> None:
    night = dt.datetime(2026, 11, 21, 23, 3, tzinfo=dt.UTC)  # Sunday 00:03 in Oslo
    demonstration.make(database, settings=settings, now=night)
    with database.session(write=False) as session:
        health = reminder_health.check(session, settings=settings, now=night)
    assert health.problems == ()
