"""Addresses and absences are for one's own actor, the secretariat and the administrator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import update

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client
from tests.databases import count_queries
from tests.factories import NOW, TODAY
from tests.integration.updating import DAY
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.mail.senders import MailboxSender
from tracker.models import OutgoingEmail, Reminder, Task, User
from tracker.services import delivery, reminder_audiences, reminder_page, reminders
from tracker.services.reminder_audiences import Receivers

AS = Callable[[User], Client]
OTHERS = ("stranger", "reader")
THOSE_WHO_KNOW = ("kari", "ola", "coordinator", "admin")
SERVER_WORDS = "250 taken for ola@ks.example"


@dataclass
class World:
    """KS, where Ola stands in for Kari; and people elsewhere. One reminder of Kari's has left."""

    kari: User
    ola: User
    stranger: User
    reader: User
    coordinator: User
    admin: User
    task: Task


@pytest.fixture
def world(database: Database, settings: Settings) -> World:
    with database.session(write=True) as session:
        ks, difi = make.actor(session, "KS", email="post@ks.example"), make.actor(session, "Difi")
        kari = make.user(session, "Kari Nordmann", at=ks, email="kari@ks.example")
        ola = make.user(session, "Ola Hansen", at=ks, email="ola@ks.example")
        made = World(
            kari=kari,
            ola=ola,
            stranger=make.user(session, "Per Fremmed", at=difi, email="per@difi.example"),
            reader=make.user(session, "Rita Reader", email="rita@example.org"),
            coordinator=make.user(session, "Siri Sekretær", role=Role.COORDINATOR),
            admin=make.user(session, "Adam Admin", role=Role.ADMIN),
            task=make.task(
                session, ref="DIFI-4.2", owner=ks, responsible=kari, deadline=TODAY + 7 * DAY
            ),
        )
        make.task(session, ref="DIFI-5", owner=ks, deadline=TODAY + 7 * DAY)
        make.absence(session, kari, TODAY, TODAY + 300 * DAY, substitute=ola)
        reminders.plan_run(session, settings=settings, now=NOW, slot=NOW)
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=lambda: NOW)
    with database.session(write=True) as session:
        # Without a mail server, pages show its words only of what was not sent.
        session.execute(update(Reminder).values(state="cancelled"))
        session.execute(update(OutgoingEmail).values(state="failed", last_error=SERVER_WORDS))
    return made


def seen(as_user: AS, world: World, who: str, path: str) -> str:
    browser = as_user(getattr(world, who))
    address = path.format(task=world.task.id)
    if ".csv" in path:
        return browser.get(address).text
    main = html.parse(browser.get(address).text).find(".//main")
    assert main is not None
    return html.text(main)


PLACES = ("/reminders/log", "/reminders/log.csv", "/tasks/{task}")


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("who", OTHERS)
def test_others_see_whose_a_reminder_was_but_no_address_no_absence_and_no_words_of_the_server(
    as_user: AS, world: World, who: str, path: str
) -> None:
    page = seen(as_user, world, who, path)
    assert "Kari Nordmann" in page
    for hidden in ("@ks.example", "Ola Hansen", "for Kari", "250 taken"):
        assert hidden not in page


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("who", THOSE_WHO_KNOW)
def test_colleagues_the_secretariat_and_the_administrator_see_them(
    as_user: AS, world: World, who: str, path: str
) -> None:
    page = seen(as_user, world, who, path)
    for shown in ("ola@ks.example", "Ola Hansen", "Kari Nordmann", "250 taken"):
        assert shown in page


@pytest.mark.parametrize("searched", ["kari@", "ola@ks", "ks.example", "post@", "hansen"])
@pytest.mark.parametrize(
    "path", ["/reminders/log?receiver=", "/reminders/log.csv?receiver=", "/reminders?whose=all&q="]
)
def test_a_search_by_a_part_of_an_address_or_by_a_substitute_finds_nothing_for_others(
    as_user: AS, world: World, path: str, searched: str
) -> None:
    page = seen(as_user, world, "stranger", path + searched)
    assert "DIFI-4.2" not in page
    assert "DIFI-5" not in page


@pytest.mark.parametrize("searched", ["kari@ks", "ks.example", "hansen", "kari"])
@pytest.mark.parametrize("path", ["/reminders/log?receiver=", "/reminders?whose=all&days=30&q="])
@pytest.mark.parametrize("who", ["kari", "coordinator"])
def test_a_search_by_a_part_of_an_address_finds_for_those_who_know_it(
    as_user: AS, world: World, who: str, path: str, searched: str
) -> None:
    assert "DIFI-4.2" in seen(as_user, world, who, path + searched)


def test_anybody_searches_by_name(as_user: AS, world: World) -> None:
    for path in ("/reminders/log?receiver=kari", "/reminders?whose=all&days=30&q=kari"):
        assert "DIFI-4.2" in seen(as_user, world, "stranger", path)


@pytest.mark.parametrize(
    "path", ["/reminders?whose=all&days=30", "/reminders/calendar?whose=all&month=2026-03"]
)
def test_what_is_to_come_tells_others_nothing_of_who_stands_in(
    as_user: AS, world: World, path: str
) -> None:
    page = seen(as_user, world, "stranger", path)
    assert "Kari Nordmann" in page
    assert "Ola Hansen" not in page
    for who in THOSE_WHO_KNOW:
        assert "Ola Hansen" in seen(as_user, world, who, path)


def test_the_page_of_a_task_tells_only_those_who_may_know_that_the_responsible_is_away(
    as_user: AS, world: World
) -> None:
    for who in OTHERS:
        assert "er borte fra" not in seen(as_user, world, who, "/tasks/{task}")
    for who in THOSE_WHO_KNOW:
        assert "Kari Nordmann er borte fra" in seen(as_user, world, who, "/tasks/{task}")


@pytest.mark.parametrize("path", ["/reminders/log", "/tasks/{task}", "/reminders?whose=all&q=kari"])
def test_a_page_takes_as_many_queries_for_others_as_for_the_secretariat(
    database: Database, as_user: AS, world: World, path: str
) -> None:
    numbers = set()
    for who in ("stranger", "kari"):
        with count_queries(database) as queries:
            seen(as_user, world, who, path)
        numbers.add(len([query for query in queries if "reminders" in query]))
    assert len(numbers) == 1


def test_not_even_how_many_tasks_are_looked_at_depends_on_what_others_may_not_know(
    database: Database, world: World
) -> None:
    with database.session(write=False) as session:

        def looked_at(who: User, text: str) -> Receivers:
            filters = reminder_page.Filters(days=30, text=text)
            by = make.person_of(session, who)
            found = reminder_page.only(session, by, filters, first=TODAY).sought["receivers"]
            assert isinstance(found, Receivers)
            return found

        def of(*people: User) -> Receivers:
            return reminder_audiences.receivers(
                session, user_ids=[one.id for one in people], mailboxes=[]
            )

        assert looked_at(world.stranger, "kari@") == of()
        assert looked_at(world.stranger, "hansen") == of(world.ola)
        assert looked_at(world.ola, "kari@") == of(world.kari)
        assert looked_at(world.ola, "hansen") == of(world.ola, world.kari)
