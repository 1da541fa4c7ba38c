"""The calendar of coming reminders: for a person, an organisation or all, a year ahead."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client
from tests.databases import count_queries
from tests.factories import TODAY
from tracker.db import Database
from tracker.domain.roles import Person
from tracker.models import Actor, Task, User
from tracker.services import reminder_calendar, reminder_preview, reminders
from tracker.services.reminder_page import Filters

DAY = dt.timedelta(days=1)
Sign = Callable[[User | Person], Client]


@dataclass
class Case:
    ks: Actor
    kari: User
    per: User
    siri: Person
    task: Task


@pytest.fixture
def case(database: Database) -> Case:
    with database.session(write=True) as session:
        ks, doga = make.actor(session, "KS"), make.actor(session, "DogA")
        kari = make.user(session, "Kari Nordmann", at=ks)
        per = make.user(session, "Per Hansen", at=doga)
        task = make.task(
            session,
            "Felles avtale",
            ref="DIFI-4.2",
            owner=ks,
            responsible=kari,
            deadline=TODAY + 7 * DAY,
        )
        make.task(
            session,
            "Opplæring",
            ref="DIFI-5.1",
            owner=doga,
            responsible=per,
            deadline=TODAY + 200 * DAY,
        )
        return Case(ks, kari, per, make.coordinator(session), task)


def test_each_month_counts_exactly_what_the_preview_of_the_runs_says(
    database: Database, settings: Settings, case: Case
) -> None:
    with database.session(write=False) as session:
        first = reminders.next_run_day(session, settings=settings, now=make.NOW)
        seen: Counter[tuple[dt.date, str]] = Counter()
        for of in reminder_calendar.months(first):
            month = reminder_calendar.month(
                session,
                by=case.siri,
                settings=settings,
                now=make.NOW,
                first=first,
                of=of,
                filters=Filters(days=reminder_calendar.AHEAD),
            )
            assert month.is_counted
            for week in month.weeks:
                for day in week:
                    for name, tasks in day.mails if day else ():
                        assert day is not None
                        seen[day.date, name] += tasks
        coming = reminder_preview.preview(
            session,
            settings=settings,
            now=make.NOW,
            first=first,
            days=reminder_calendar.AHEAD,
        )
        expected = Counter((line.send_on, line.receiver.name) for line in coming)
    assert {name for _, name in expected} >= {"Kari Nordmann", "Per Hansen"}
    assert seen == expected


@pytest.mark.parametrize(
    ("chosen", "shown", "hidden"),
    [
        ("whose=all", "Kari Nordmann", "Per Hansen"),
        ("whose=all&month={later}", "Per Hansen", "Kari Nordmann (2)"),
        ("whose=all&month={later}&owner={ks}", "Kari Nordmann", "Per Hansen"),
        ("whose=all&month={later}&q=hansen", "Per Hansen", "Kari Nordmann"),
        ("whose=mine&month={later}", "Sekretær", "Kari Nordmann (2)"),
    ],
)
def test_it_is_for_any_person_organisation_or_all(
    as_user: Sign, case: Case, chosen: str, shown: str, hidden: str
) -> None:
    later = f"{TODAY + 193 * DAY:%Y-%m}"
    query = chosen.format(later=later, ks=case.ks.id)
    page = html.text(as_user(case.siri).page(f"/reminders/calendar?{query}"))
    assert shown in page
    assert hidden not in page


def test_a_day_leads_to_what_it_says(as_user: Sign, case: Case) -> None:
    siri = as_user(case.siri)
    page = siri.page("/reminders/calendar?whose=all")
    days = [
        link.get("href", "") for link in page.iter() if "e-post" in html.text(link)
        and link.tag.endswith("a") and "place=" in link.get("href", "")
    ]  # fmt: skip
    listed = html.text(siri.page(days[0]))
    assert "Felles avtale" in listed
    assert "Én dag vises om gangen" in listed


def test_months_lead_to_one_another_for_a_year_and_no_further(as_user: Sign, case: Case) -> None:
    siri = as_user(case.siri)
    path: str | None = "/reminders/calendar?whose=all"
    seen = []
    while path:
        page = siri.page(path)
        seen.append(html.text(next(page.iter("h1"))))
        path = next((a.get("href") for a in page.iter() if a.get("rel") == "next"), None)
    assert len(seen) == len(set(seen))
    assert len(seen) in {13, 14}


@pytest.mark.parametrize("month", ["2020-01", "2099-01", "x", "2026-13"])
def test_a_month_that_is_not_foreseen_is_named_and_the_first_shown(
    as_user: Sign, case: Case, month: str
) -> None:
    page = as_user(case.siri).page(f"/reminders/calendar?whose=all&month={month}", status=400)
    assert "Velg ett av alternativene." in html.text(page)
    assert "Kari Nordmann" in html.text(page)


def test_too_much_to_count_names_the_days_instead(
    as_user: Sign, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminder_calendar, "COUNTED", 0)
    page = html.text(as_user(case.siri).page("/reminders/calendar?whose=all"))
    assert "Se dagen" in page
    assert "Kari Nordmann" not in page


def test_who_stands_in_for_somebody_away_is_foreseen_too(
    as_user: Sign, case: Case, database: Database
) -> None:
    with database.session(write=True) as session:
        ola = make.user(session, "Ola Hansen", at=session.get_one(Actor, case.ks.id))
        make.absence(session, case.kari, TODAY, TODAY + 3 * DAY, substitute=ola)
    page = as_user(case.siri).page("/reminders?whose=all&q=DIFI-4.2")
    received = [
        html.text(cell) for cell in page.iter()
        if cell.get("data-label") == "Mottaker" and "Kari Nordmann" in html.text(cell)
    ]  # fmt: skip
    assert received[0] == "Ola Hansen saksansvarlig, for Kari Nordmann"
    assert not any("Ola Hansen" in text for text in received[1:])


def test_the_page_takes_as_many_queries_for_many_tasks_as_for_few(
    as_user: Sign, case: Case, database: Database
) -> None:
    siri = as_user(case.siri)
    path = "/reminders/calendar?whose=all"
    siri.page(path)
    with count_queries(database) as few:
        siri.page(path)
    with database.session(write=True) as session:
        kari = session.get_one(User, case.kari.id)
        owner = session.get_one(Actor, case.ks.id)
        for number in range(30):
            make.task(session, owner=owner, responsible=kari, deadline=TODAY + number * DAY)
    with count_queries(database) as many:
        siri.page(path)
    assert len(many) == len(few)
