"""`reminders run` and `reminders preview`, as scripts use them."""

from __future__ import annotations

import datetime as dt
import json
from importlib import import_module
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import factories as make
from tests.client import Clock
from tracker.db import Database
from tracker.domain.status import Precision
from tracker.models import OutgoingEmail, Reminder, ReminderRun
from tracker.services import installation

COUNTS = ("planned", "superseded", "cancelled", "queued", "sent", "failed", "possibly_duplicate")


@pytest.fixture(autouse=True)
def due(database: Database) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, "Kari", at=ks, email="kari@ks.example")
        make.task(session, ref="DIFI-1", owner=ks, responsible=kari, deadline=make.TODAY)
        make.task(
            session,
            ref="DIFI-2",
            owner=ks,
            responsible=kari,
            deadline=dt.date(2026, 12, 31),
            deadline_precision=Precision.YEAR,
        )


def call(app: Flask, *arguments: str, code: int = 0) -> str:
    result = app.test_cli_runner().invoke(args=["reminders", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def run(app: Flask, *arguments: str) -> dict[str, int]:
    found = json.loads(call(app, "run", *arguments).splitlines()[-1])
    assert tuple(found) == COUNTS
    return dict(found)


def preview(app: Flask, *arguments: str) -> list[dict[str, Any]]:
    found = json.loads(call(app, "preview", "--json", *arguments))
    assert isinstance(found, list)
    return found


def test_a_run_plans_and_sends_and_tells_how_much(app: Flask, database: Database) -> None:
    counts = run(app)
    assert (counts["planned"], counts["superseded"], counts["queued"]) == (1, 2, 1)
    assert (counts["sent"], counts["failed"], counts["cancelled"]) == (1, 0, 0)
    assert set(run(app).values()) == {0}
    with database.session(write=False) as session:
        kept = session.scalars(select(ReminderRun).order_by(ReminderRun.id)).all()
        assert [row.slot for row in kept] == [None, None]
        assert kept[0].counts == counts


def test_a_long_run_tells_on_the_way_how_far_it_has_come(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By its name, `tracker.cli` gives the group of commands.
    monkeypatch.setattr(import_module("tracker.cli.reminders"), "TELL_EVERY", 1)
    with database.session(write=True) as session:
        doga = make.actor(session)
        ola = make.user(session, at=doga)
        make.task(session, owner=doga, responsible=ola, deadline=make.TODAY)

    result = app.test_cli_runner().invoke(args=["reminders", "run"])

    assert result.stderr == "1 mails done\n"
    assert json.loads(result.stdout)["sent"] == 2


def test_the_preview_lists_what_the_run_then_sends(app: Flask) -> None:
    assert preview(app, "--days", "1") == [
        {
            "person": "kari@ks.example",
            "task": "DIFI-1",
            "step": 0,
            "send_on": "2026-03-02",
            "deadline": "2026-03-02",
        }
    ]
    run(app)
    assert preview(app, "--days", "1") == []


def test_the_preview_writes_nothing(app: Flask, database: Database) -> None:
    preview(app, "--days", "400")
    with database.session(write=False) as session:
        for model in (Reminder, OutgoingEmail, ReminderRun):
            assert session.scalar(select(func.count()).select_from(model)) == 0


def test_the_preview_reaches_as_far_as_asked_from_the_date_of_at(app: Flask) -> None:
    year = preview(app, "--days", "92", "--at", "2026-10-01T12:00")
    assert [(row["send_on"], row["step"]) for row in year if row["task"] == "DIFI-2"] == [
        ("2026-10-02", -90),
        ("2026-12-01", -30),
        ("2026-12-30", 0),
    ]


def test_the_preview_can_be_read_by_people(app: Flask) -> None:
    assert call(app, "preview", "--days", "1") == "2026-03-02  kari@ks.example  DIFI-1  0\n"
    assert call(app, "preview", "--days", "1", "--at", "2026-03-07") == "Nothing will be sent.\n"


@pytest.mark.parametrize(
    ("at", "send_on"),
    [
        ("2026-03-02T00:30", "2026-03-02"),
        ("2026-03-01T23:30Z", "2026-03-02"),
        ("2026-03-02T00:30+01:00", "2026-03-02"),
        ("2026-03-02", "2026-03-02"),
    ],
)
def test_a_time_without_offset_is_local(app: Flask, at: str, send_on: str) -> None:
    assert [row["send_on"] for row in preview(app, "--days", "1", "--at", at)] == [send_on]


def test_at_governs_the_run(app: Flask) -> None:
    assert run(app, "--at", "2026-03-01T12:00")["planned"] == 0  # a Sunday
    assert run(app, "--at", "2026-02-23T12:00")["planned"] == 1  # 7 days before


def test_a_time_ahead_is_refused_unless_forced(app: Flask, database: Database) -> None:
    assert "--force" in call(app, "run", "--at", "2026-03-03T07:00", code=1)
    with database.session(write=False) as session:
        assert session.scalars(select(ReminderRun)).all() == []
    assert run(app, "--at", "2026-03-03T07:00", "--force")["planned"] == 1


def test_five_minutes_ahead_is_no_time_ahead(app: Flask, now: Clock) -> None:
    run(app, "--at", (now.now + dt.timedelta(minutes=5)).isoformat())


def test_a_demonstration_may_walk_ahead(app: Flask, database: Database) -> None:
    with database.session(write=True) as session:
        installation.set_demonstration(session, on=make.TODAY)
    assert run(app, "--at", "2026-03-03T07:00")["planned"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--at", "2026-13-01"),
        ("run", "--at", "soon"),
        ("preview", "--days", "0"),
        ("preview", "--days", "many"),
        ("preview", "--at", ""),
    ],
)
def test_bad_input_is_refused_with_the_options_name(app: Flask, arguments: tuple[str, ...]) -> None:
    assert arguments[1] in call(app, *arguments, code=2)
