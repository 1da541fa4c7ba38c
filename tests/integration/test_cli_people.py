"""`users …` and `tasks list`: for whoever runs the installation, and for scripts."""

from __future__ import annotations

import json

import pytest
from click.testing import Result
from flask import Flask

from tests import factories
from tests.factories import NOW
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.services import starting_set


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments))


def create(app: Flask, email: str, *more: str) -> Result:
    return run(app, "users", "create", email, "--name", "Kari Nordmann", *more)


def users(app: Flask) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run(app, "users", "list", "--json").output)
    return found


@pytest.fixture
def seeded(app: Flask, database: Database) -> Flask:
    with database.session(write=True) as session:
        starting_set.load(session, now=NOW)
    return app


def test_a_person_is_let_in_by_the_abbreviation_of_the_actor(seeded: Flask) -> None:
    create(seeded, "first@ks.example", "--role", "admin")
    made = create(seeded, "Kari@KS.example", "--actor", "hdir", "--role", "member")
    assert made.exit_code == 0, made.output
    assert users(seeded)[1:] == [
        {
            "email": "kari@ks.example",
            "name": "Kari Nordmann",
            "actor": "Helsedirektoratet",
            "roles": ["member"],
            "locale": "nb",
        }
    ]


def test_the_first_person_is_administrator_as_well_and_the_command_says_so(app: Flask) -> None:
    first = create(app, "kari@ks.example", "--role", "coordinator")
    second = create(app, "ola@ks.example", "--role", "coordinator")
    assert "also administrator" in first.output
    assert "administrator" not in second.output
    assert [user["roles"] for user in users(app)] == [["coordinator", "admin"], ["coordinator"]]


def test_a_coordinator_needs_no_actor_and_may_have_nynorsk(app: Flask) -> None:
    create(app, "admin@ks.example", "--role", "admin")
    made = create(app, "kari@ks.example", "--role", "coordinator", "--locale", "nn")
    assert made.exit_code == 0, made.output
    [_admin, user] = users(app)
    assert (user["actor"], user["roles"], user["locale"]) == (None, ["coordinator"], "nn")


@pytest.mark.parametrize(
    ("email", "options", "said"),
    [
        ("kari@ks.example", ["--role", "boss"], "Unknown role: boss"),
        ("kari@ks.example", ["--role", "reader", "--locale", "sv"], "Unknown language: sv"),
        ("kari@ks.example", ["--role", "member", "--actor", "Norad"], "Known are Difi, "),
        ("kari@ks.example", ["--role", "member"], "organisation"),
        ("kari", ["--role", "reader"], "address"),
        ("søren@ks.no", ["--role", "reader"], "E-mail can only be sent to addresses with a to z"),
    ],
)
def test_bad_input_is_refused_with_one_line_and_nothing_written(
    seeded: Flask, email: str, options: list[str], said: str
) -> None:
    refused = create(seeded, email, *options)
    assert refused.exit_code == 1
    assert said in refused.output
    assert refused.output.strip().count("\n") == 0
    assert users(seeded) == []


def test_an_address_is_used_once(seeded: Flask) -> None:
    create(seeded, "kari@ks.example", "--role", "reader")
    refused = create(seeded, "KARI@ks.example", "--role", "reader")
    assert refused.exit_code == 1
    assert len(users(seeded)) == 1


def test_without_a_starting_set_the_line_says_where_actors_come_from(app: Flask) -> None:
    refused = create(app, "kari@ks.example", "--role", "member", "--actor", "KS")
    assert refused.exit_code == 1
    assert "run: seed" in refused.output


def test_people_are_listed_for_reading(app: Flask, database: Database) -> None:
    with database.session(write=True) as session:
        ks = factories.actor(session, "KS")
        factories.user(session, "Kari", at=ks, role=Role.LEAD, email="kari@ks.example")
    listed = run(app, "users", "list")
    assert listed.output == "kari@ks.example\tKari\tKS\tlead\tnb\n"


def test_a_login_link_is_printed_for_a_known_person_only(app: Flask, database: Database) -> None:
    with database.session(write=True) as session:
        factories.user(session, "Kari", email="kari@ks.example")
        factories.user(session, "Ola", email="ola@ks.example", active=False)
    link = run(app, "users", "login-link", "kari@ks.example").output.strip()
    assert link.startswith("http://127.0.0.1:8000/sign-in/link/")
    for email in ("nobody@ks.example", "ola@ks.example"):
        refused = run(app, "users", "login-link", email)
        assert refused.exit_code == 1
        assert email in refused.output


def test_tasks_are_listed_with_null_for_what_is_not_settled(app: Flask, database: Database) -> None:
    with database.session(write=True) as session:
        ks = factories.actor(session, "KS")
        kari = factories.user(session, at=ks, email="kari@ks.example")
        factories.task(session, ref="X-10", status=None)
        factories.task(session, ref="X-2", owner=ks, responsible=kari, deadline=NOW.date())
    assert json.loads(run(app, "tasks", "list", "--json").output) == [
        {
            "ref": "X-2",
            "kind": "measure",
            "status": "in_progress",
            "owner": "KS",
            "responsible": "kari@ks.example",
            "deadline": "2026-03-02",
        },
        {
            "ref": "X-10",
            "kind": "measure",
            "status": None,
            "owner": None,
            "responsible": None,
            "deadline": None,
        },
    ]
    lines = run(app, "tasks", "list").output.splitlines()
    assert lines[1] == "X-10\tmeasure\t-\t-\t-\t-"


@pytest.mark.parametrize("command", [["users", "create"], ["users", "list"], ["tasks", "list"]])
def test_every_command_explains_itself(app: Flask, command: list[str]) -> None:
    assert "Usage:" in run(app, *command, "--help").output
