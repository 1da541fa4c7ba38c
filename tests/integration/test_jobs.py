"""The jobs that the scheduler ticks, and the scheduler itself."""

from __future__ import annotations

import datetime as dt
import logging
import threading

import pytest
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests.client import Clock
from tracker import jobs
from tracker.db import Database
from tracker.jobs import deliver, plan
from tracker.models import OutgoingEmail, ReminderRun, UserSession, Way
from tracker.services import audit, reminders, sessions

SLOT = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)


def due_task(database: Database) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session)
        make.task(session, owner=ks, responsible=make.user(session, at=ks), deadline=make.TODAY)


def runs(database: Database) -> list[ReminderRun]:
    with database.session(write=False) as session:
        return list(session.scalars(select(ReminderRun).order_by(ReminderRun.id)))


def test_nothing_is_run_before_the_slot(database: Database, settings: Settings) -> None:
    plan.tick(database, settings=settings, now=Clock(SLOT - dt.timedelta(seconds=1)))
    assert runs(database) == []


def test_a_worker_that_starts_after_the_slot_makes_up_for_it_once(
    database: Database, settings: Settings
) -> None:
    due_task(database)
    clock = Clock(SLOT + dt.timedelta(minutes=5))
    for _ in range(3):
        plan.tick(database, settings=settings, now=clock)
        clock.advance(minutes=1)
    assert [run.slot for run in runs(database)] == [SLOT]
    assert runs(database)[0].counts["planned"] == 1


def test_a_day_without_a_worker_is_made_up_for_by_the_next_run(
    database: Database, settings: Settings
) -> None:
    due_task(database)
    clock = Clock(SLOT + dt.timedelta(days=1))
    plan.tick(database, settings=settings, now=clock)
    assert [run.counts["planned"] for run in runs(database)] == [1]


def test_the_date_begins_with_the_slot_and_not_at_midnight(
    database: Database, settings: Settings
) -> None:
    due_task(database)
    plan.tick(database, settings=settings, now=Clock(SLOT + dt.timedelta(hours=18)))
    assert runs(database) == []


def test_a_run_that_fails_is_noted_and_tried_again(
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    due_task(database)
    clock = Clock(SLOT)

    def broken(*_args: object, **_options: object) -> None:
        raise OSError("disk is full")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(reminders, "plan_run", broken)
        plan.tick(database, settings=settings, now=clock)
    assert [(run.slot, run.error) for run in runs(database)] == [(None, "OSError: disk is full")]
    assert "failed" in caplog.text
    plan.tick(database, settings=settings, now=clock)
    assert [run.slot for run in runs(database)] == [None, SLOT]


def test_what_is_queued_is_sent(database: Database, settings: Settings) -> None:
    due_task(database)
    clock = Clock(SLOT)
    plan.tick(database, settings=settings, now=clock)
    deliver.send_due(database, settings=settings, now=clock, stopping=lambda: False)
    with database.session(write=False) as session:
        assert session.scalars(select(OutgoingEmail.state)).all() == ["sent"]


def test_a_process_that_is_told_to_stop_begins_no_further_mail(
    database: Database, settings: Settings
) -> None:
    due_task(database)
    clock = Clock(SLOT)
    plan.tick(database, settings=settings, now=clock)
    deliver.send_due(database, settings=settings, now=clock, stopping=lambda: True)
    with database.session(write=False) as session:
        assert session.scalars(select(OutgoingEmail.state)).all() == ["queued"]


def test_the_scheduler_runs_the_slot_as_soon_as_it_starts_and_ends_cleanly(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    due_task(database)
    done = threading.Event()
    tick = plan.tick

    def tick_and_tell(*args: object, **options: object) -> None:
        tick(*args, **options)  # type: ignore[arg-type]
        done.set()

    monkeypatch.setattr(plan, "tick", tick_and_tell)
    before = threading.active_count()
    stop = jobs.start(database, settings=settings, now=Clock(SLOT))
    assert done.wait(timeout=20)
    stop()
    assert [run.slot for run in runs(database)] == [SLOT]
    assert threading.active_count() == before


def test_the_head_of_the_audit_log_is_noted_outside_the_database_each_day(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with database.session(write=True) as session:
        audit.record(session, by=None, action="x", entity="task", entity_id=1)
    with database.session(write=False) as session:
        number, head = audit.head(session)
    clock = Clock(SLOT)
    with caplog.at_level(logging.INFO, logger="tracker"):
        for _ in range(3):
            plan.tick(database, settings=settings, now=clock)
            clock.advance(minutes=1)
    assert caplog.text.count(f"audit log: {number} events, last hash {head}") == 1


def test_sessions_that_ran_out_long_ago_are_forgotten_and_others_kept(
    database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        user = make.user(session)
        for days in (100, 1):
            sessions.start(session, user=user, way=Way.PASSWORD, now=SLOT - dt.timedelta(days=days))
    plan.tick(database, settings=settings, now=Clock(SLOT))
    with database.session(write=False) as session:
        kept = session.scalars(select(UserSession.created_at)).all()
    assert kept == [SLOT - dt.timedelta(days=1)]
