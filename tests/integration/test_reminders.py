"""Planning on both databases: what is written, once, and what a change takes back."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config import Settings
from tests import factories as make
from tests.databases import count_queries
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.domain.status import Channel, Status
from tracker.models import OutgoingEmail, Reminder, ReminderRun, Task, User
from tracker.services import reminder_preview, reminders
from tracker.services.reminders import Run

MONDAY = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)
"""Seven in the morning in Oslo."""
TODAY = MONDAY.date()
DAY = dt.timedelta(days=1)


def plan(session: Session, settings: Settings, now: dt.datetime = MONDAY) -> Run:
    run = reminders.plan_run(session, settings=settings, now=now)
    assert run is not None
    return run


def sent(session: Session) -> list[tuple[str, str]]:
    rows = session.execute(
        select(Reminder.addressee, Reminder.step)
        .where(Reminder.state == "planned")
        .order_by(Reminder.id)
    )
    return [(addressee, step) for addressee, step in rows]


def someone(session: Session, **values: Any) -> tuple[User, Task]:
    ks = make.actor(session)
    kari = make.user(session, at=ks)
    values = {"deadline": TODAY, **values}
    return kari, make.task(session, owner=ks, responsible=kari, **values)


def test_a_run_puts_one_digest_per_receiver_into_the_outbox(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        kari, task = someone(session)
        make.task(session, owner=task.owner, responsible=kari, deadline=TODAY - 5 * DAY)
        run = plan(session, settings)
        email = session.scalars(select(OutgoingEmail)).one()
        assert (email.kind, email.addressee, email.user_id) == (
            "digest",
            f"user:{kari.id}",
            kari.id,
        )
        assert (email.local_date, email.run_id, email.state) == (TODAY, run.id, "queued")
        planned = session.scalars(select(Reminder).where(Reminder.email_id == email.id)).all()
        assert {(row.step, row.state, row.user_id) for row in planned} == {
            ("0", "planned", kari.id),
            ("week", "planned", kari.id),
        }
        assert {
            (row.step, row.reason)
            for row in session.scalars(select(Reminder).where(Reminder.state == "superseded"))
        } == {("-30", "later_step"), ("-7", "later_step"), ("0", "later_step"), ("1", "later_step")}
        assert vars(run.counts) == {"planned": 2, "superseded": 6, "queued": 1}
        row = session.get_one(ReminderRun, run.id)
        assert row.counts == vars(run.counts)
        assert row.finished_at is not None


def test_a_second_run_of_the_day_plans_nothing_twice(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        someone(session)
        plan(session, settings)
    with database.session(write=True) as session:
        run = plan(session, settings, MONDAY + dt.timedelta(hours=5))
        assert vars(run.counts) == {"planned": 0, "superseded": 0, "queued": 0}


def test_what_is_found_after_todays_digest_waits_for_the_next_run_day(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        kari, task = someone(session)
        plan(session, settings)
        make.task(session, owner=task.owner, responsible=kari, deadline=TODAY + 7 * DAY)
        assert plan(session, settings, MONDAY + dt.timedelta(hours=5)).counts.planned == 0
        plan(session, settings, MONDAY + DAY)
        assert (f"user:{kari.id}", "-7") in sent(session)


def test_a_closed_day_leaves_a_run_and_nothing_else(database: Database, settings: Settings) -> None:
    with database.session(write=True) as session:
        someone(session, deadline=TODAY - 5 * DAY)
        plan(session, settings, MONDAY - DAY)
        assert session.scalars(select(Reminder)).all() == []
        assert session.scalars(select(ReminderRun)).one().counts["planned"] == 0


def test_the_date_of_a_run_is_that_of_the_installations_time_zone(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        someone(session)
        late_on_sunday_in_utc = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC)
        assert plan(session, settings, late_on_sunday_in_utc).counts.planned == 1


def test_a_cancelled_reminder_that_is_due_again_is_sent_after_all(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        _, task = someone(session, deadline=TODAY + 6 * DAY)
        plan(session, settings)
        task.status, task.look_again_on = Status.ON_HOLD, TODAY + 60 * DAY
        session.flush()
        cancelled = reminders.cancel_stale(
            session, task_id=task.id, now=MONDAY, timezone=settings.timezone
        )
        assert cancelled == 1
        assert sent(session) == []
        task.status, task.look_again_on = Status.IN_PROGRESS, None
        session.flush()
        assert plan(session, settings, MONDAY + DAY).counts.planned == 1
        row = session.scalars(
            select(Reminder)
            .where(Reminder.state == "planned")
            .execution_options(populate_existing=True)
        ).one()
        assert (row.step, row.reason, row.settled_at) == ("-7", None, None)
        assert row.email is not None
        assert row.email.local_date == TODAY + DAY


def test_an_unchanged_task_keeps_its_waiting_reminders(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        _, task = someone(session)
        plan(session, settings)
        assert not reminders.cancel_stale(
            session, task_id=task.id, now=MONDAY, timezone=settings.timezone
        )
        assert len(sent(session)) == 1


def test_reports_requests_and_decisions_reach_those_they_concern(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        secretary = make.coordinator(session)
        far: dict[str, Any] = {"deadline": TODAY + 200 * DAY}
        kari, task = someone(session, status=Status.REPORTED_DONE, **far)
        before = {"status_before": Status.IN_PROGRESS}
        make.update(session, task, kari, status_after=Status.REPORTED_DONE, **before)
        back = make.task(session, owner=task.owner, responsible=kari, **far)
        done = {"status_before": Status.REPORTED_DONE, "actor_id": None}
        make.update(
            session,
            back,
            session.get_one(User, secretary.user_id),
            status_after=Status.IN_PROGRESS,
            **done,
        )
        closed = make.task(session, owner=task.owner, responsible=kari, status=Status.CLOSED, **far)
        make.update(session, closed, None, status_after=Status.CLOSED, **done)
        taken_back = make.task(session, owner=task.owner, responsible=kari, **far)
        make.update(
            session,
            taken_back,
            make.user(session),
            status_before=Status.REPORTED_DONE,
            status_after=Status.IN_PROGRESS,
        )
        asking = make.task(session, owner=task.owner, responsible=kari, **far)
        make.deadline_change(session, asking, TODAY + 300 * DAY, requested_by_id=kari.id)
        decided = make.task(session, owner=task.owner, responsible=kari, **far)
        author = make.user(session)
        make.deadline_change(
            session,
            decided,
            TODAY + 300 * DAY,
            requested_by_id=author.id,
            outcome="rejected",
            decided_by_id=secretary.user_id,
            decided_at=make.NOW,
        )
        wrong = make.task(session, owner=task.owner, responsible=kari, **far)
        make.update(session, wrong, kari, channel=Channel.EMAIL_LINK, not_mine=True)
        given = make.task(
            session,
            owner=task.owner,
            responsible=kari,
            assignment=1,
            assigned_at=make.NOW,
            assigned_by_id=secretary.user_id,
            **far,
        )
        plan(session, settings, make.NOW)
        rows = session.execute(
            select(Reminder.task_id, Reminder.step, Reminder.addressee).where(
                Reminder.state == "planned"
            )
        )
        office, hers = f"user:{secretary.user_id}", f"user:{kari.id}"
        assert Counter(tuple(row) for row in rows) == Counter(
            [
                (task.id, "confirm", office),
                (back.id, "sent_back", hers),
                (closed.id, "confirmed", hers),
                (asking.id, "decide_deadline", office),
                (decided.id, "deadline_decided", hers),
                (decided.id, "deadline_decided", f"user:{author.id}"),
                (wrong.id, "not_mine", office),
                (given.id, "assigned", hers),
            ]
        )


def test_who_cannot_be_reached_is_stood_in_for(database: Database, settings: Settings) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, email="post@ks.example")
        lead = make.user(session, at=ks, role=Role.LEAD)
        for unreachable in ({"active": False}, {"email_failed_at": make.NOW}):
            gone = make.user(session, at=ks, **unreachable)
            make.task(session, owner=ks, responsible=gone, deadline=TODAY)
        make.user(session, at=ks, role=Role.LEAD, active=False)
        plan(session, settings)
        assert set(sent(session)) == {(f"user:{lead.id}", "0"), (f"actor:{ks.id}", "0")}


def test_a_mailbox_that_refuses_mail_is_not_written_to(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, email="post@ks.example", email_failed_at=make.NOW)
        secretary = make.coordinator(session)
        make.task(session, owner=ks, deadline=TODAY)
        plan(session, settings)
        assert {addressee for addressee, _ in sent(session)} == {f"user:{secretary.user_id}"}


def test_the_unsettled_reach_the_secretariat_once_a_month(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        secretary = make.coordinator(session)
        make.task(session, status=None, created_at=MONDAY - 40 * DAY)
        for number in range(40):
            plan(session, settings, MONDAY + number * DAY)
        rows = session.execute(select(Reminder.send_on, Reminder.step, Reminder.addressee)).all()
        assert [tuple(row) for row in rows] == [
            (dt.date(2026, 3, 2), "unsettled", f"user:{secretary.user_id}"),
            (dt.date(2026, 4, 1), "unsettled", f"user:{secretary.user_id}"),
        ]


def test_a_slot_is_taken_by_one_of_many_workers(database: Database, settings: Settings) -> None:
    with database.session(write=True) as session:
        someone(session)
    runs: list[Run | None] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        with database.session(write=True) as session:
            runs.append(reminders.plan_run(session, settings=settings, now=MONDAY, slot=MONDAY))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [run is None for run in runs].count(False) == 1
    with database.session(write=False) as session:
        assert len(session.scalars(select(OutgoingEmail)).all()) == 1
        assert reminders.is_taken(session, slot=MONDAY)
        assert not reminders.is_taken(session, slot=MONDAY + DAY)


def test_runs_by_hand_at_the_same_time_plan_everything_once(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        someone(session)
    start = threading.Barrier(4)
    planned: list[int] = []

    def work() -> None:
        start.wait()
        with database.session(write=True) as session:
            planned.append(plan(session, settings).counts.planned)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(planned) == [0, 0, 0, 1]


def test_a_run_that_fails_leaves_its_slot_free(database: Database, settings: Settings) -> None:
    with database.session(write=True) as session:
        reminders.plan_run(session, settings=settings, now=MONDAY, slot=MONDAY)
        session.rollback()
    with database.session(write=True) as session:
        assert reminders.plan_run(session, settings=settings, now=MONDAY, slot=MONDAY) is not None


def test_a_failure_that_goes_on_is_told_of_once(database: Database) -> None:
    with database.session(write=True) as session:
        for minute in range(3):
            at = MONDAY + dt.timedelta(minutes=minute)
            reminders.record_failure(session, at=at, error="disk is full")
        rows = session.scalars(select(ReminderRun)).all()
        assert [(row.error, row.at) for row in rows] == [
            ("disk is full", MONDAY + dt.timedelta(minutes=2))
        ]


def test_the_preview_is_what_the_runs_of_the_coming_days_send(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        kari, task = someone(session)
        session.execute(update(Task).values(created_at=MONDAY - 100 * DAY))
        make.coordinator(session)
        make.user(session, at=task.owner, role=Role.LEAD)
        for number in range(-25, 60, 5):
            make.task(session, owner=task.owner, responsible=kari, deadline=TODAY + number * DAY)
        make.task(session, status=Status.REPORTED_DONE, owner=task.owner, responsible=kari)
    with database.session(write=False) as session:
        foreseen = list(
            reminder_preview.preview(session, settings=settings, now=MONDAY, first=TODAY, days=45)
        )
        assert session.scalars(select(Reminder)).all() == []
    for number in range(45):
        with database.session(write=True) as session:
            plan(session, settings, MONDAY + number * DAY)
    with database.session(write=False) as session:
        rows = session.execute(
            select(OutgoingEmail.local_date, Reminder.addressee, Reminder.task_id)
            .join(OutgoingEmail, OutgoingEmail.id == Reminder.email_id)
            .where(Reminder.state == "planned")
            .distinct()
        )
        done = sorted(tuple(row) for row in rows)
    assert len(done) > 50
    assert sorted((row.send_on, row.receiver.addressee, row.task.id) for row in foreseen) == done


def test_a_run_reads_with_as_many_queries_for_many_tasks_as_for_few(
    database: Database, settings: Settings
) -> None:
    def queries(tasks: int) -> int:
        with database.session(write=True) as session:
            kari, task = someone(session)
            for _ in range(tasks):
                make.task(session, owner=task.owner, responsible=kari, deadline=TODAY)
        with database.session(write=True) as session, count_queries(database) as seen:
            plan(session, settings)
        return len(seen)

    few = queries(1)
    assert queries(40) == few


def test_the_preview_reads_with_as_many_queries_for_many_tasks_as_for_few(
    database: Database, settings: Settings
) -> None:
    def queries(tasks: int) -> int:
        with database.session(write=True) as session:
            kari, task = someone(session)
            for _ in range(tasks):
                make.task(session, owner=task.owner, responsible=kari, deadline=TODAY)
        with database.session(write=False) as session, count_queries(database) as seen:
            coming = reminder_preview.preview(
                session, settings=settings, now=MONDAY, first=TODAY, days=14
            )
            assert list(coming)
        return len(seen)

    few = queries(1)
    assert queries(40) == few


SLOTS = (dt.time(7), dt.time(12, 30))


@pytest.mark.parametrize(
    ("now", "passed", "following"),
    [
        ("2026-03-02T05:59", None, "2026-03-02T06:00"),
        ("2026-03-02T06:00", "2026-03-02T06:00", "2026-03-02T11:30"),
        ("2026-03-02T20:00", "2026-03-02T11:30", "2026-03-03T06:00"),
        # The first of April is summer time; Maundy Thursday to Easter Monday are closed.
        ("2026-04-01T10:30", "2026-04-01T10:30", "2026-04-07T05:00"),
        ("2026-04-04T05:00", "2026-04-04T05:00", "2026-04-07T05:00"),
    ],
)
def test_slots_are_local_and_only_those_of_the_day_are_made_up_for(
    now: str, passed: str | None, following: str
) -> None:
    settings = Settings(database_url="sqlite:///x", secret_key="k" * 20, slots=SLOTS)

    def utc(text: str) -> dt.datetime:
        return dt.datetime.fromisoformat(text + "+00:00")

    assert reminders.passed_slot(utc(now), settings=settings) == (utc(passed) if passed else None)
    assert reminders.next_slot(utc(now), settings=settings) == utc(following)
