"""Running it for real: what docs/operations.md shows and deploy/ holds works as it stands."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from flask import Flask

from tests import databases, mails
from tests import factories as make
from tests.integration.operating import DEPLOY, PAGE, ROOT, SECONDS, Machine, commands
from tests.smtp_server import SmtpServer
from tracker import clock
from tracker import serve as processes
from tracker.models import Task
from tracker.services import audit, migrations, reminders
from tracker.services.delivery import Counts

MORNING: Final = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)
"""The slot of 07:00 on the Monday of `factories.NOW`."""
HOUR: Final = dt.timedelta(hours=1)
RESTORE: Final = {False: "SQLite", True: "PostgreSQL"}


@pytest.fixture
def machine(
    database_url: str, tmp_path: Path, server: SmtpServer, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    """A machine with tables and nothing in them."""
    if database_url.startswith("postgresql"):
        try:
            databases._binary("pg_dump")
        except FileNotFoundError:
            pytest.skip("the PostgreSQL of the tests is elsewhere, and pg_dump is not here")
    machine = Machine(tmp_path, database_url, server)
    yield machine
    machine.remove()


def employ(machine: Machine, number: int, *, today: dt.date) -> list[str]:
    """Make so many people with a task each whose deadline is in a week; return their addresses."""
    addresses = [f"p{place}@ks.example" for place in range(number)]
    with machine.database() as database, database.session(write=True) as session:
        actor = make.actor(session)
        for address in addresses:
            person = make.user(session, at=actor, email=address)
            week = today + dt.timedelta(days=7)
            task = make.task(session, owner=actor, responsible=person, deadline=week)
            audit.record(session, by=None, action="made", entity="task", entity_id=task.id)
    return addresses


def plan(machine: Machine, *, at: dt.datetime, slot: dt.datetime = MORNING) -> None:
    with machine.database() as database, database.session(write=True) as session:
        reminders.plan_run(session, settings=machine.settings, now=at, slot=slot)


def links(server: SmtpServer) -> list[str]:
    """Return the paths of the links to answer in the mails that have arrived."""
    found = []
    for received in server.received:
        body = received.message.get_body(("plain",))
        assert body is not None
        found += re.findall(r"https://[^/]+(/answer/\S+)", body.get_content())
    return found


def restore(machine: Machine) -> str:
    machine.destroy()
    return machine.run(commands(RESTORE[machine.on_postgresql]))


def test_after_a_restore_what_waited_leaves_once_and_mailed_links_work(
    machine: Machine, server: SmtpServer
) -> None:
    addresses = employ(machine, 3, today=make.TODAY)
    plan(machine, at=MORNING)
    server.script.rcpt[addresses[2]] = ["451 4.3.0 try later"]
    assert machine.deliver(MORNING) == Counts(sent=2, failed=1)
    machine.back_up()

    assert "3 events, the chain holds" in restore(machine)

    assert machine.deliver(MORNING + HOUR) == Counts(sent=1)
    assert machine.deliver(MORNING + 2 * HOUR) == Counts()
    assert server.receivers == addresses
    assert [machine.status_of(link, MORNING + HOUR) for link in links(server)] == [200, 200, 200]


def send_after_the_backup(machine: Machine) -> None:
    """Back up, send a morning's mails, lose everything and restore."""
    employ(machine, 2, today=make.TODAY)
    machine.back_up()
    plan(machine, at=MORNING)
    assert machine.deliver(MORNING) == Counts(sent=2)
    restore(machine)


def test_after_a_restore_what_left_since_the_backup_leaves_once_more(machine: Machine) -> None:
    send_after_the_backup(machine)

    plan(machine, at=MORNING + HOUR)
    assert machine.deliver(MORNING + HOUR) == Counts(sent=2)


def test_what_left_since_the_backup_can_be_marked_so_that_it_leaves_only_once(
    machine: Machine, server: SmtpServer
) -> None:
    send_after_the_backup(machine)
    before = machine.settings

    shown = commands("Mails have left since.")
    told = machine.run([line.replace("2026-11-25", "2026-03-02") for line in shown])

    counts = json.loads(told.splitlines()[-1])
    assert (counts["planned"], counts["sent"]) == (2, 2)
    assert len(server.received) == 2, "nothing left the machine"
    assert machine.settings.smtp == before.smtp
    plan(machine, at=MORNING + HOUR)
    assert machine.deliver(MORNING + HOUR) == Counts()
    assert [machine.status_of(link, MORNING) for link in links(server)] == [404, 404]

    week = dt.timedelta(days=7)
    plan(machine, at=MORNING + week, slot=MORNING + week)
    assert machine.deliver(MORNING + week) == Counts(sent=2), "the next step comes as always"


def test_an_upgrade_in_the_order_of_the_page_sends_what_waited_once(
    machine: Machine, server: SmtpServer
) -> None:
    now = clock.now()
    today = clock.local_date(now, machine.settings.timezone)
    addresses = employ(machine, 3, today=today)
    with machine.database() as database:
        queue_lines(machine, now=now)
        migrations.downgrade(database, "-1")
    refused = machine.try_to_run(["tracker worker"])
    assert "not up to date" in refused.stderr, "old and new do not run together"

    machine.follow(commands("Upgrade"))
    machine.wait_for("delivery: Counts(sent=3, failed=0, cancelled=0, possibly_duplicate=0)")
    check = healthcheck(machine.port)
    assert subprocess.run(check, timeout=SECONDS, check=False).returncode == 0
    machine.stop()

    assert sorted(server.receivers) == addresses
    assert machine.deliver(clock.now()) == Counts()
    assert len(list((machine.folder / "backups").glob("tracker-*"))) >= 1
    failed = subprocess.run(check, timeout=SECONDS, check=False, stderr=subprocess.DEVNULL)
    assert failed.returncode != 0, "nobody listens any more"


def queue_lines(machine: Machine, *, now: dt.datetime) -> None:
    """Leave a digest in the outbox for each person, whatever day it is."""
    with machine.database() as database, database.session(write=True) as session:
        for task in session.query(Task).order_by(Task.id):
            assert task.responsible
            mails.queue_digest(session, task.responsible, [mails.line(task)], now=now)


def healthcheck(port: int) -> list[str]:
    """Return the image's own check, for a process on `port`."""
    image = (DEPLOY / "Containerfile").read_text()
    found = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", image, re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1].replace(":8000", f":{port}"))
    return [sys.executable, *command[1:]]


def test_a_unit_that_is_told_to_stop_waits_until_the_mail_on_its_way_has_left(
    machine: Machine,
) -> None:
    for name in ("tracker", "tracker-worker"):
        assert int(machine.unit(name)["TimeoutStopSec"]) > processes.GRACE


def shown_commands() -> Iterator[list[str]]:
    """Give the arguments of each command of the product that the page and deploy/ name."""
    files = [path.read_text() for path in sorted(DEPLOY.iterdir()) if path.is_file()]
    everything = "\n".join([PAGE, *files])
    begins = r"(?:^tracker|`tracker|bin/tracker|flask --app tracker) "
    for found in re.findall(rf"{begins}([a-z][^`|;\"#\n]*)", everything, re.MULTILINE):
        yield shlex.split(found)


def test_every_command_that_is_shown_exists_with_its_options(app: Flask) -> None:
    seen = set()
    for arguments in shown_commands():
        command: click.Command = app.cli
        rest = arguments
        while isinstance(command, click.Group):
            found = command.commands.get(rest[0])
            assert found, f"there is no command {arguments}"
            command, rest = found, rest[1:]
        command.make_context(arguments[0], rest, resilient_parsing=True)
        seen.add(command.name)
    assert {"upgrade", "seed", "serve", "worker", "bounces", "verify", "run"} <= seen


def test_every_setting_that_is_named_exists() -> None:
    settings = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', (ROOT / "config.py").read_text()))
    files = [path for path in sorted(DEPLOY.iterdir()) if path.is_file()]
    for text in (PAGE, *(path.read_text() for path in files)):
        assert set(re.findall(r"\bTRACKER_([A-Z_]+)", text)) <= settings


def test_the_image_holds_what_the_product_needs_and_nothing_else(tmp_path: Path) -> None:
    image = (DEPLOY / "Containerfile").read_text()
    copied = re.findall(r"^COPY (?!--)(\S+) ", image, re.MULTILINE)
    let_in = re.findall("^!(.*)", (DEPLOY / "Containerfile.dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(let_in)
    for name in copied:
        (tmp_path / name).symlink_to(ROOT / name)

    flask = [sys.executable, "-m", "flask", "--app", "tracker"]
    environment = {"TRACKER_DATABASE_URL": f"sqlite:///{tmp_path / 'data' / 'tracker.db'}"}
    page = "import tracker; print(tracker.create_app().test_client().get('/sign-in').status)"
    for command in ([*flask, "db", "upgrade"], [*flask, "seed"], [sys.executable, "-c", page]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "200 OK"


@pytest.mark.parametrize(("ended", "told"), [(0, 0), (1, 0), (75, 75), (127, 75)])
def test_a_mail_server_tries_a_report_again_only_where_that_helps(
    tmp_path: Path, ended: int, told: int
) -> None:
    script = tmp_path / "tracker-bounces"
    script.write_bytes((DEPLOY / "tracker-bounces").read_bytes())
    (tmp_path / "tracker").write_text(f'#!/bin/sh\necho "$@" > "$0.asked"\nexit {ended}\n')
    for program in (script, tmp_path / "tracker"):
        program.chmod(0o755)
    done = subprocess.run([script], stdin=subprocess.DEVNULL, check=False, timeout=SECONDS)
    assert done.returncode == told
    assert (tmp_path / "tracker.asked").read_text() == "mail bounces --file -\n"
