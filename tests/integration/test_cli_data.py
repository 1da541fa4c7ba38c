"""`seed` and `demo` as commands: repeatable, and refused where they could do harm."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, update

from config import Settings, SmtpSettings
from tests import factories
from tests.client import Clock
from tests.conftest import make_app
from tracker import create_app
from tracker.db import Database
from tracker.models import StatusUpdate, Task, User


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments))


def test_seeding_says_what_was_added_and_then_that_nothing_was(app: Flask) -> None:
    first = run(app, "seed")
    assert first.exit_code == 0, first.output
    assert "5 sources" in first.output
    assert "6 recommendations" in first.output
    assert "nothing was changed" in run(app, "seed").output


def test_a_demonstration_is_kept_by_a_second_start(app: Flask) -> None:
    assert run(app, "demo").stdout == "The demonstration is made.\n"
    before = run(app, "tasks", "list", "--json").output
    kept = run(app, "demo")
    assert (kept.exit_code, kept.output.count("is kept")) == (0, 1)
    assert run(app, "tasks", "list", "--json").output == before


def test_a_reset_throws_away_what_was_done_and_gives_the_same_again(
    app: Flask, database: Database
) -> None:
    run(app, "demo")
    before = run(app, "tasks", "list", "--json").output, run(app, "users", "list").output
    with database.session(write=True) as session:
        factories.task(session, ref="X-1")
    again = run(app, "demo", "--reset")
    assert again.exit_code == 0, again.output
    assert (run(app, "tasks", "list", "--json").output, run(app, "users", "list").output) == before
    assert "the chain holds" in run(app, "audit", "verify").output


def test_real_people_are_never_mixed_with_invented_ones(app: Flask, database: Database) -> None:
    with database.session(write=True) as session:
        factories.user(session, email="kari@ks.no")
    for arguments in (["demo"], ["demo", "--reset"], ["demo", "--tasks", "5"]):
        refused = run(app, *arguments)
        assert refused.exit_code == 1
        assert "other people" in refused.output
    with database.session(write=False) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1
        assert session.scalar(select(func.count()).select_from(Task)) == 0


def test_a_reset_is_refused_once_real_people_have_come_in(app: Flask, database: Database) -> None:
    run(app, "demo")
    with database.session(write=True) as session:
        factories.user(session, email="kari@ks.no")
    assert run(app, "demo", "--reset").exit_code == 1
    assert run(app, "demo").exit_code == 0
    with database.session(write=False) as session:
        assert session.scalar(select(func.count()).where(User.email == "kari@ks.no")) == 1


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("host", "exit_code"), [("mail.ks.no", 1), ("127.0.0.1", 0)])
def test_nothing_is_invented_where_mail_leaves_this_machine(
    settings: Settings, database: Database, now: Clock, host: str, exit_code: int
) -> None:
    app = make_app(replace(settings, smtp=SmtpSettings(host, 25)), database, now)
    assert run(app, "demo").exit_code == exit_code


def test_the_log_of_a_demonstration_holds_when_it_is_made_and_when_it_is_enlarged(
    app: Flask, database: Database
) -> None:
    for arguments in (["demo"], ["demo", "--tasks", "400", "--people", "20"]):
        assert run(app, *arguments).exit_code == 0
        verified = run(app, "audit", "verify")
        assert "the chain holds" in verified.output, verified.output
    with database.session(write=True) as session:
        last = session.scalars(select(func.max(StatusUpdate.id))).one()
        session.execute(
            update(StatusUpdate).where(StatusUpdate.id == last).values(comment="Alt er ferdig.")
        )
    refused = run(app, "audit", "verify")
    assert refused.exit_code == 1
    assert f"status update {last} was changed" in refused.output


def test_a_demonstration_can_be_enlarged(app: Flask) -> None:
    run(app, "demo")
    before = len(json.loads(run(app, "tasks", "list", "--json").output))
    enlarged = run(app, "demo", "--tasks", "40", "--people", "20")
    assert enlarged.exit_code == 0, enlarged.output
    again = run(app, "demo", "--tasks", "2")
    assert again.exit_code == 0, again.output
    tasks = json.loads(run(app, "tasks", "list", "--json").output)
    assert len(tasks) == before + 42
    assert len(json.loads(run(app, "users", "list", "--json").output)) == 40


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", ["-1", "many", "1000001"])
def test_a_number_that_is_none_is_refused(app: Flask, number: str) -> None:
    refused = run(app, "demo", "--tasks", number)
    assert refused.exit_code == 2
    assert "--tasks" in refused.output


@pytest.mark.parametrize("command", ["seed", "demo"])
def test_every_command_explains_itself(app: Flask, command: str) -> None:
    assert "Usage:" in run(app, command, "--help").output


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Kjære alle sammen, dette er ingen database. " * 20)
    app = create_app(Settings(database_url=f"sqlite:///{file}", secret_key="k" * 32))
    for command in (("db", "upgrade"), ("seed",)):
        refused = run(app, *command)
        assert refused.exit_code == 75
        assert refused.output == "Error: The database cannot be reached: file is not a database\n"
