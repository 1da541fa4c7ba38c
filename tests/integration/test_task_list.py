from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy.orm import Session

from tests import factories as make
from tests import html
from tests.client import Client
from tests.databases import count_queries
from tracker.db import Database
from tracker.domain.errors import InvalidError
from tracker.domain.flags import Flag
from tracker.domain.roles import Person
from tracker.domain.status import Assessment, Kind, Status
from tracker.models import User
from tracker.services import sessions, task_list
from tracker.services.task_list import Filters, Sort

DAY = dt.timedelta(days=1)


def titles(session: Session, by: Person, sort: Sort = Sort.REFERENCE, **filters: Any) -> list[str]:
    page = task_list.page(session, by=by, today=make.TODAY, filters=Filters(**filters), sort=sort)
    assert page.total == len(page.rows)
    return [row.title_nb for row in page.rows]


def test_each_filter_admits_what_it_says(database: Database) -> None:
    with database.session(write=True) as session:
        ks, difi = make.actor(session, "KS"), make.actor(session, "Difi")
        kari = make.user(session, at=ks)
        goal = make.goal(session, "Mål", ref="MELDST-1", status=None)
        top = make.task(session, "Topp", ref="DIFI-1", kind=Kind.RECOMMENDATION)
        make.task(session, "Min", ref="DIFI-1.1", owner=ks, responsible=kari, parent=top)
        make.task(
            session, "Sen", ref="DIFI-1.2", owner=ks, theme="Penger", deadline=make.TODAY - DAY
        )
        make.task(
            session, "Snart", ref="DIFI-2", owner=difi, goals=(goal,), deadline=make.TODAY + 9 * DAY
        )
        make.task(
            session,
            "Alt avklart",
            ref="DIFI-3",
            owner=ks,
            responsible=kari,
            deadline_none_on=make.TODAY,
            status=Status.CLOSED,
        )
        by = make.person(session, at=ks)
        mine = sessions.person_of(kari)

        assert titles(session, by) == ["Topp", "Min", "Sen", "Snart", "Mål"]
        assert titles(session, by, status=task_list.EVERY_STATUS) == [
            "Topp", "Min", "Sen", "Snart", "Alt avklart", "Mål",
        ]  # fmt: skip
        assert titles(session, by, owner_id=difi.id) == ["Snart"]
        assert titles(session, by, kind=Kind.GOAL) == ["Mål"]
        assert titles(session, by, status=Status.CLOSED) == ["Alt avklart"]
        assert titles(session, by, status=task_list.NOT_SETTLED) == ["Mål"]
        assert titles(session, by, theme="Penger") == ["Sen"]
        assert titles(session, by, due_from=make.TODAY) == ["Snart"]
        assert titles(session, by, due_to=make.TODAY) == ["Sen"]
        assert titles(session, by, due_from=make.TODAY, due_to=make.TODAY + 8 * DAY) == []
        assert titles(session, by, overdue=True) == ["Sen"]
        assert titles(session, by, unsettled=True) == ["Topp", "Min", "Sen", "Snart", "Mål"]
        assert titles(session, mine, mine=True) == ["Min"]
        assert titles(session, mine, mine=True, status=Status.CLOSED) == ["Alt avklart"]
        assert titles(session, by, mine=True) == []
        assert titles(session, by, under_id=top.id) == ["Min"]
        assert titles(session, by, goal_id=goal.id) == ["Snart"]
        assert titles(session, by, owner_id=ks.id, overdue=True) == ["Sen"]


def test_search_finds_every_word_in_any_case_and_nothing_by_wildcard(database: Database) -> None:
    with database.session(write=True) as session:
        make.task(session, "Åpne data for ØKONOMI", ref="DIFI-1")
        make.task(session, "Hundre % åpent", ref="DIFI-2")
        by = make.person(session)
        assert titles(session, by, text="åpne økonomi") == ["Åpne data for ØKONOMI"]
        assert titles(session, by, text="ØKONOMI åPNE") == ["Åpne data for ØKONOMI"]
        assert titles(session, by, text="difi-2") == ["Hundre % åpent"]
        assert titles(session, by, text="%") == ["Hundre % åpent"]
        assert titles(session, by, text="_") == []


def test_a_row_has_one_flag_and_the_unsettled_is_never_late(database: Database) -> None:
    past = make.TODAY - DAY
    long_ago = make.NOW - 100 * DAY
    with database.session(write=True) as session:
        make.task(session, ref="A-1", deadline=past, assessment=Assessment.OFF_TRACK)
        make.task(session, ref="A-2", assessment=Assessment.OFF_TRACK, created_at=long_ago)
        make.task(session, ref="A-3", created_at=long_ago)
        make.task(session, ref="A-4", created_at=long_ago, last_update_at=make.NOW)
        make.task(session, ref="A-5", status=None, deadline=past, created_at=long_ago)
        make.task(session, ref="A-6", status=Status.REPORTED_DONE, deadline=past)
        by = make.person(session)
        page = task_list.page(
            session, by=by, today=make.TODAY, filters=Filters(), sort=Sort.REFERENCE
        )
    assert [row.flag for row in page.rows] == [
        Flag.OVERDUE, Flag.OFF_TRACK, Flag.STALE, None, None, None,
    ]  # fmt: skip


def many(session: Session, count: int) -> None:
    """Tasks in threes with the same deadline and time of change, so that keys must break ties."""
    for number in range(count):
        make.task(
            session,
            ref=f"X-{number + 1000}",
            deadline=make.TODAY + number // 3 * DAY if number % 7 else None,
            changed_at=make.NOW - number // 3 * DAY,
        )


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("count", [0, 50, 51, 120])
def test_pages_lose_and_repeat_nothing_in_either_direction(
    database: Database, sort: Sort, count: int
) -> None:
    with database.session(write=True) as session:
        many(session, count)
        by = make.person(session)
    with database.session(write=False) as session:

        def read(cursor: str | None) -> task_list.Page:
            return task_list.page(
                session, by=by, today=make.TODAY, filters=Filters(), sort=sort, cursor=cursor
            )

        pages = [read(None)]
        while pages[-1].next:
            pages.append(read(pages[-1].next))
        assert [len(page.rows) for page in pages] == [50 for _ in range(count // 50)] + [
            count % 50 for _ in range(1) if count % 50 or not count
        ]
        forwards = [row.id for page in pages for row in page.rows]
        assert len(set(forwards)) == len(forwards) == count
        assert pages[0].previous is None

        backwards = list(pages[-1].rows)
        cursor = pages[-1].previous
        while cursor:
            page = read(cursor)
            backwards = [*page.rows, *backwards]
            cursor = page.previous
        assert [row.id for row in backwards] == forwards


def test_the_order_is_as_chosen(database: Database) -> None:
    with database.session(write=True) as session:
        make.task(session, "to", ref="X-10", deadline=make.TODAY, changed_at=make.NOW - DAY)
        make.task(session, "uten", ref="X-2", changed_at=make.NOW)
        make.task(session, "tre", ref="X-3", deadline=make.TODAY + DAY, changed_at=make.NOW + DAY)
        by = make.person(session)
        assert titles(session, by, sort=Sort.DEADLINE) == ["to", "tre", "uten"]
        assert titles(session, by, sort=Sort.REFERENCE) == ["uten", "tre", "to"]
        assert titles(session, by, sort=Sort.NEWEST) == ["tre", "uten", "to"]


@pytest.mark.parametrize(
    "cursor",
    [
        "zz", "%", "e30", "W10", "æ", "A" * 5000, "W" * 300,
        "WyJkZWFkbGluZSIsMCwiMjAyNi0wMy0wMiIsOTk5OTk5OTk5OTk5XQ",  # an id that no column holds
        "WyJkZWFkbGluZSIsMCwiaSBtb3JnZW4iLDFd",  # no date
        "WyJyZWZlcmVuY2UiLDAsIlgtMSJd",  # of another order
    ],
)  # fmt: skip
def test_a_cursor_that_cannot_be_read_is_refused_by_name(database: Database, cursor: str) -> None:
    with database.session(write=True) as session:
        by = make.person(session)
        with pytest.raises(InvalidError) as refused:
            task_list.page(session, by=by, today=make.TODAY, filters=Filters(), cursor=cursor)
    assert refused.value.field == "page"


def test_counting_stops_where_more_precision_costs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_list, "COUNTED", 5)
    with database.session(write=True) as session:
        many(session, 6)
        by = make.person(session)
        page = task_list.page(session, by=by, today=make.TODAY, filters=Filters())
        assert (page.total, page.more_than_total) == (5, True)
        page = task_list.page(session, by=by, today=make.TODAY, filters=Filters(text="x-1001"))
        assert (page.total, page.more_than_total) == (1, False)


# The page


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, "Kari Nordmann", at=ks, locale="en")
        make.task(session, "Felles avtale", ref="DIFI-4.1", owner=ks, responsible=kari)
        make.task(session, "Andres", ref="DIFI-5", owner=make.actor(session, "Difi"))
        make.task(session, "Ferdig", ref="DIFI-6", owner=ks, status=Status.CLOSED)
    return kari


def links(page: ET.Element) -> dict[str, str]:
    return {html.text(a): a.get("href", "") for a in page.iter("a")}


def test_each_row_leads_to_its_task_and_own_open_ones_to_the_update(
    kari: User, as_user: Callable[[User], Client]
) -> None:
    found = links(as_user(kari).page("/tasks"))
    assert found["Felles avtale"].startswith("/tasks/")
    assert {words for words in found if words.startswith("Update")} == {"Update DIFI-4.1"}
    assert found["Update DIFI-4.1"] == found["Felles avtale"] + "/update"


def test_filters_stand_in_the_address_and_each_can_be_taken_away(
    kari: User, as_user: Callable[[User], Client]
) -> None:
    client = as_user(kari)
    page = client.page("/tasks?mine=1&q=avtale&sort=reference")
    assert "1 task" in html.text(page)
    found = links(page)
    assert "Andres" not in found
    without_text = next(href for words, href in found.items() if "avtale” ×" in words)
    assert parse_qs(urlsplit(without_text).query) == {"mine": ["1"], "sort": ["reference"]}
    clear = parse_qs(urlsplit(found["Remove all"]).query)
    assert clear == {"sort": ["reference"]}
    form = next(form for form in html.forms(page, "/tasks") if form.method == "get")
    assert form.fields["q"] == ["avtale"]
    assert form.fields["mine"]


def test_empty_fields_do_not_stay_in_the_address(
    kari: User, as_user: Callable[[User], Client]
) -> None:
    response = as_user(kari).get("/tasks?q=avtale&owner=&kind=&due_from=&page=")
    assert response.status_code == 302
    assert response.location == "/tasks?q=avtale"


def test_an_empty_list_says_why(kari: User, as_user: Callable[[User], Client]) -> None:
    page = as_user(kari).page("/tasks?q=finnes+ikke")
    assert "No task fits everything you have chosen" in html.text(page)


@pytest.mark.parametrize(
    "address",
    [
        "/tasks?owner=9999", "/tasks?owner=x", "/tasks?kind=dance", "/tasks?status=lost",
        "/tasks?due_from=tomorrow", "/tasks?due_to=2026-02-30", "/tasks?sort=random",
        "/tasks?theme=unknown", "/tasks?page=zz", "/tasks?q=" + "x" * 200,
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_the_address_says_wrongly_is_named_and_left_out(
    kari: User, as_user: Callable[[User], Client], address: str
) -> None:
    page = as_user(kari).page(address, status=400)
    shown = links(page)
    assert {"Felles avtale", "Andres"} <= set(shown)
    assert any(word in html.text(page) for word in ("Correct this", "cannot read"))


def test_a_list_under_an_unknown_task_is_not_found(
    kari: User, as_user: Callable[[User], Client]
) -> None:
    as_user(kari).page("/tasks?under=999999", status=404)


def test_strangers_are_asked_to_sign_in(client: Client) -> None:
    response = client.get("/tasks?mine=1")
    assert response.status_code == 302
    assert "/sign-in" in (response.location or "")


def test_the_page_takes_the_same_queries_for_any_number_of_tasks(
    database: Database, kari: User, as_user: Callable[[User], Client]
) -> None:
    client = as_user(kari)
    client.page("/tasks")
    with count_queries(database) as few:
        client.page("/tasks")
    with database.session(write=True) as session:
        many(session, 60)
    with count_queries(database) as lots:
        client.page("/tasks")
    assert len(few) == len(lots) <= 10, "\n".join(lots)
