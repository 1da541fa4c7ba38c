"""The pages about reminders: what comes, what was sent, and their health."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import update

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Client, Clock
from tests.databases import count_queries
from tests.html import text as text_of
from tracker.db import Database
from tracker.domain.roles import Person
from tracker.mail.senders import MailboxSender
from tracker.models import Installation, OutgoingEmail, Reminder, Task, User
from tracker.services import delivery, reminders

DAY = dt.timedelta(days=1)
SLOT = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)
AsUser = Callable[[User | Person], Client]


@dataclass
class Case:
    kari: User
    task: Task


@pytest.fixture
def case(database: Database) -> Case:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, "Kari Nordmann", at=ks, email="kari@ks.example")
        task = make.task(
            session,
            "Felles avtale",
            ref="DIFI-4.2",
            owner=ks,
            responsible=kari,
            deadline=make.TODAY + 7 * DAY,
        )
    return Case(kari, task)


def run(database: Database, settings: Settings, at: dt.datetime = make.NOW) -> None:
    with database.session(write=True) as session:
        reminders.plan_run(session, settings=settings, now=at, slot=SLOT)
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=lambda: at)


def test_anyone_signed_in_sees_what_will_be_sent_to_whom_when_and_why(
    as_user: AsUser, case: Case
) -> None:
    page = text_of(as_user(case.kari).page("/reminders"))
    assert "mandag 2. mars 2026" in page
    for words in ("Kari Nordmann", "DIFI-4.2", "Felles avtale"):
        assert words in page


def test_after_todays_run_the_coming_reminders_begin_with_the_next_run_day(
    as_user: AsUser, case: Case, database: Database, settings: Settings
) -> None:
    run(database, settings)
    page = text_of(as_user(case.kari).page("/reminders"))
    assert "mandag 2. mars 2026" not in page
    assert "mandag 9. mars 2026" in page


@pytest.mark.parametrize("wanted", ["kari", "KS.EXAMPLE", "difi-4.2"])
def test_the_coming_reminders_can_be_searched(as_user: AsUser, case: Case, wanted: str) -> None:
    assert "Felles avtale" in text_of(as_user(case.kari).page(f"/reminders?q={wanted}"))


def test_a_search_that_fits_nothing_says_so(as_user: AsUser, case: Case) -> None:
    assert "Felles avtale" not in text_of(as_user(case.kari).page("/reminders?q=nobody"))


@pytest.mark.parametrize(
    "path",
    [
        "/reminders?days=8",
        f"/reminders?q={'x' * 101}",
        "/reminders/log?outcome=unheard-of",
        f"/reminders/log?receiver={'x' * 101}",
    ],
)
def test_an_address_that_asks_for_nonsense_is_answered_with_400_and_a_list(
    as_user: AsUser, case: Case, path: str
) -> None:
    as_user(case.kari).page(path, status=400)


@pytest.mark.parametrize(
    "place", ["older_than=1", "newer_than=99999999999999999999", "older_than=x"]
)
def test_a_place_in_the_log_that_does_not_exist_is_an_empty_or_first_page(
    as_user: AsUser, case: Case, place: str
) -> None:
    as_user(case.kari).page(f"/reminders/log?{place}")


def test_the_log_shows_what_was_sent_and_to_whom(
    as_user: AsUser, case: Case, database: Database, settings: Settings
) -> None:
    run(database, settings)
    page = text_of(as_user(case.kari).page("/reminders/log"))
    for words in ("DIFI-4.2", "Kari Nordmann", "kari@ks.example"):
        assert words in page


@pytest.mark.parametrize("path", ["/reminders/log", "/tasks/{task}"])
def test_a_mail_that_could_not_be_delivered_is_shown_with_what_the_server_said(
    as_user: AsUser, case: Case, database: Database, settings: Settings, path: str
) -> None:
    run(database, settings)
    with database.session(write=True) as session:
        session.execute(update(Reminder).values(state="cancelled"))
        failed = {"state": "failed", "server_answer": "550 no such user here"}
        session.execute(update(OutgoingEmail).values(failed))
    page = text_of(as_user(case.kari).page(path.format(task=case.task.id)))
    assert "550 no such user here" in page


def test_the_log_leaves_out_what_was_never_to_be_sent_unless_asked_for(
    as_user: AsUser, case: Case, database: Database, settings: Settings
) -> None:
    run(database, settings)
    client = as_user(case.kari)
    # The step of 30 days before had been passed already.
    assert len(rows(client, "/reminders/log")) == 1
    assert len(rows(client, "/reminders/log?outcome=superseded")) == 1
    assert len(rows(client, "/reminders/log?outcome=sent&receiver=kari&ref=difi-4.2")) == 1
    assert rows(client, "/reminders/log?outcome=waiting") == []
    assert rows(client, "/reminders/log?receiver=ola") == []
    assert rows(client, "/reminders/log?ref=DIFI-4") == []


def rows(client: Client, path: str) -> list[str]:
    page = client.page(path)
    table = next((table for table in page.iter() if table.tag.endswith("table")), None)
    if table is None:
        return []
    found = [row for row in table.iter() if row.tag.endswith("tr")][1:]
    return [text for row in found if "DIFI" in (text := text_of(row))]


def test_the_log_is_read_page_by_page_in_both_directions(
    as_user: AsUser, database: Database, settings: Settings
) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session)
        kari = make.user(session, at=ks)
        for number in range(120):
            make.task(
                session,
                ref=f"DIFI-{number}",
                owner=ks,
                responsible=kari,
                deadline=make.TODAY,
            )
    run(database, settings)
    client = as_user(kari)
    seen: list[list[str]] = []
    path: str | None = "/reminders/log"
    while path:
        seen.append(rows(client, path))
        path = link(client, path, "next")
        if path:
            back = link(client, path, "prev")
            assert back is not None
            assert rows(client, back) == seen[-1]
    assert [len(page) for page in seen] == [50, 50, 20]
    assert len({row for page in seen for row in page}) == 120


def link(client: Client, path: str, rel: str) -> str | None:
    page = client.page(path)
    return next((a.get("href") for a in page.iter() if a.get("rel") == rel), None)


def test_a_task_shows_the_reminders_sent_about_it(
    as_user: AsUser, case: Case, database: Database, settings: Settings
) -> None:
    run(database, settings)
    page = text_of(as_user(case.kari).page(f"/tasks/{case.task.id}"))
    assert "kari@ks.example" in page
    assert "built-in mailbox" not in page, "no server has answered"


@pytest.mark.parametrize("path", ["/reminders", "/reminders/log"])
def test_the_pages_ask_for_sign_in(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response.location.startswith("/sign-in")


@pytest.mark.parametrize("path", ["/reminders", "/reminders/log"])
def test_a_page_reads_with_as_many_queries_for_many_tasks_as_for_few(
    as_user: AsUser, case: Case, database: Database, settings: Settings, path: str
) -> None:
    client = as_user(case.kari)

    def queries() -> int:
        with count_queries(database) as seen:
            client.page(path)
        return len(seen)

    run(database, settings)
    few = queries()
    with database.session(write=True) as session:
        for number in range(30):
            ks = make.actor(session)
            make.task(
                session,
                owner=ks,
                responsible=make.user(session, at=ks),
                deadline=make.TODAY + number * DAY,
            )
    run_by_hand(database, settings)
    assert queries() == few


def run_by_hand(database: Database, settings: Settings) -> None:
    with database.session(write=True) as session:
        reminders.plan_run(session, settings=settings, now=make.NOW)


def health(app: Flask) -> tuple[int, dict[str, object]]:
    response = app.test_client().get("/healthz/reminders")
    found = response.get_json()
    assert isinstance(found, dict)
    return response.status_code, found


def test_health_is_good_after_the_slot_was_run_and_the_mail_sent(
    app: Flask, case: Case, database: Database, settings: Settings
) -> None:
    run(database, settings)
    status, body = health(app)
    assert (status, body["status"], body["problems"]) == (200, "ok", [])
    assert body["last_run_at"] == make.NOW.isoformat()
    assert body["mails_waiting"] == 0


def test_health_is_bad_when_a_slot_was_not_run(app: Flask, case: Case, now: Clock) -> None:
    now.now = SLOT + dt.timedelta(minutes=10)
    assert health(app)[0] == 200
    now.now = SLOT + dt.timedelta(minutes=16)
    status, body = health(app)
    assert (status, body["problems"]) == (503, ["run_late"])


def test_health_is_bad_in_the_night_after_a_day_without_a_run(
    app: Flask, case: Case, database: Database, settings: Settings, now: Clock
) -> None:
    run(database, settings)
    now.now = SLOT + dt.timedelta(hours=23)
    assert health(app)[0] == 200
    now.now = SLOT + dt.timedelta(hours=47)
    assert health(app)[1]["problems"] == ["run_late"]


def test_health_is_bad_when_mail_waits_or_sending_is_paused(
    app: Flask, case: Case, database: Database, settings: Settings, now: Clock
) -> None:
    with database.session(write=True) as session:
        reminders.plan_run(session, settings=settings, now=make.NOW, slot=SLOT)
    assert health(app)[0] == 200
    now.advance(minutes=61)
    assert health(app)[1]["problems"] == ["mail_late"]
    with database.session(write=True) as session:
        session.execute(update(OutgoingEmail).values(state="sent"))
        session.execute(
            update(Installation).values(
                mail_paused_until=now.now + DAY, mail_paused_reason="535 no such user"
            )
        )
    status, body = health(app)
    assert (status, body["problems"]) == (503, ["mail_paused"])


def test_health_is_bad_after_a_run_that_failed_and_the_page_says_why(
    app: Flask, as_user: AsUser, case: Case, database: Database, settings: Settings
) -> None:
    run(database, settings)
    with database.session(write=True) as session:
        reminders.record_failure(session, at=make.NOW, error="disk is full")
    assert health(app)[1]["problems"] == ["run_failed"]
    assert "disk is full" in text_of(as_user(case.kari).page("/reminders"))


def test_the_log_of_one_person_is_shown_and_exported_without_formulas(
    database: Database, as_user: Callable[[User | Person], Client]
) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, "=Kari;+47 1", at=ks)
        ola = make.user(session, "Ola", at=ks)
        for person, step in ((kari, "-7"), (ola, "-7")):
            task = make.task(session, owner=ks, responsible=person, deadline=mails.DUE_IN_A_WEEK)
            mails.queue_digest(session, person, [mails.line(task, step)])
    browser = as_user(ola)
    path = f"/reminders/log?person={kari.id}"
    page = html.text(browser.page(path))
    assert "=Kari" in page
    assert "Ola Hansen" not in page
    table = browser.get(f"/reminders/log.csv?person={kari.id}")
    assert table.mimetype == "text/csv"
    assert table.data.startswith(b"\xef\xbb\xbf")
    [head, line] = table.text.lstrip("\ufeff").splitlines()
    assert head.startswith('"Oppgave";"Tittel";"Mottaker";"For";"Mottar som";"E-post";"Årsak";')
    assert """;"'=Kari;'+47 1";""" in line
    assert ';"7 dager før fristen";"2026-03-02";"2026-03-09";' in line
    assert len(browser.get("/reminders/log.csv").text.splitlines()) == 3
    assert len(browser.get("/reminders/log.csv?first=2026-03-03").text.splitlines()) == 1


@pytest.mark.parametrize("filters", ["outcome=bogus", "first=garbage", f"receiver={'x' * 101}"])
def test_an_export_of_what_the_log_does_not_know_is_refused_and_not_another_file(
    as_user: AsUser, case: Case, filters: str
) -> None:
    response = as_user(case.kari).get(f"/reminders/log.csv?{filters}")
    assert response.status_code == 400
    assert response.mimetype == "text/html"
