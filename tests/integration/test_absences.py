"""Absence with a substitute: whom the mail goes to, who may say so, and what is refused."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from tests import factories as make
from tests import html, mails
from tests.client import Client
from tests.databases import count_queries
from tests.factories import TODAY
from tests.mails import only_mail
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.errors import InvalidError
from tracker.domain.roles import Person, Role
from tracker.models import Absence, Actor, AnswerLink, User
from tracker.services import absences
from tracker.services.delivery import Counts

DAY = dt.timedelta(days=1)
Sign = Callable[[User | Person], Client]


@dataclass
class Office:
    """Kari and her colleagues at KS, and somebody elsewhere."""

    ks: Actor
    kari: User
    ola: User
    lead: User
    stranger: User


@pytest.fixture
def office(database: Database) -> Office:
    with database.session(write=True) as session:
        ks, hdir = make.actor(session, "KS"), make.actor(session, "Helsedirektoratet")
        return Office(
            ks,
            make.user(session, "Kari Nordmann", at=ks, email="kari@ks.example"),
            make.user(session, "Ola Hansen", at=ks, email="ola@ks.example", locale="nn"),
            make.user(session, "Liv Leder", at=ks, role=Role.LEAD),
            make.user(session, "Per Fremmed", at=hdir),
        )


def away(database: Database, who: User, substitute: User | None, *, days: int = 10) -> None:
    with database.session(write=True) as session:
        make.absence(session, who, TODAY - DAY, TODAY + days * DAY, substitute=substitute)


def remind(database: Database, office: Office) -> None:
    with database.session(write=True) as session:
        kari = session.get_one(User, office.kari.id)
        owner = session.get_one(Actor, office.ks.id)
        task = make.task(session, owner=owner, responsible=kari, deadline=mails.DUE_IN_A_WEEK)
        mails.queue_digest(session, kari, [mails.line(task)])


def test_mail_of_an_absent_person_goes_to_the_substitute_and_says_so(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], office: Office
) -> None:
    away(database, office.kari, office.ola)
    remind(database, office)

    assert deliver() == Counts(sent=1)
    assert server.receivers == ["ola@ks.example"]
    email = only_mail(database)
    assert (email.addressee, email.sent_to) == (
        f"user:{office.kari.id}",
        f"user:{office.ola.id}",
    )
    assert email.subject == "For Kari Nordmann: 1 med frist 09.03.2026 – status frå deg"
    body = email.text_body or ""
    assert "Hei, Ola" in body
    assert (
        "Kari Nordmann er borte til og med torsdag 12. mars 2026, og du er stadfortredar." in body
    )
    assert "stadfortredar for Kari Nordmann" in body
    with database.session(write=False) as session:
        assert session.scalars(select(AnswerLink)).one().user_id == office.ola.id


def test_the_substitute_answers_in_the_own_name(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    office: Office,
    client: Client,
) -> None:
    away(database, office.kari, office.ola)
    remind(database, office)
    deliver()

    body = server.received[0].message.get_body(("plain",))
    assert body is not None
    link = re.search(r"http://\S+?(/answer/\S+)", body.get_content())
    assert link is not None
    assert "Ola Hansen, KS" in html.text(client.page(link[1]))


@pytest.mark.parametrize("reason", ["nobody", "inactive", "failing", "circle"])
def test_where_nobody_stands_in_the_mail_goes_to_the_person_as_always(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    office: Office,
    reason: str,
) -> None:
    away(database, office.kari, None if reason == "nobody" else office.ola)
    if reason == "circle":
        away(database, office.ola, office.kari)
    with database.session(write=True) as session:
        ola = session.get_one(User, office.ola.id)
        ola.active = reason != "inactive"
        ola.email_failed_at = make.NOW if reason == "failing" else None
    remind(database, office)

    deliver()
    assert server.receivers == ["kari@ks.example"]
    assert only_mail(database).sent_to is None


def test_a_chain_of_substitutes_ends_with_who_is_there(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], office: Office
) -> None:
    away(database, office.kari, office.lead)
    away(database, office.lead, office.ola)
    remind(database, office)
    deliver()
    assert server.receivers == ["ola@ks.example"]


def test_after_the_last_day_mail_comes_to_the_person_again(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], office: Office
) -> None:
    away(database, office.kari, office.ola, days=-1)
    remind(database, office)
    deliver()
    assert server.receivers == ["kari@ks.example"]


def test_a_refused_address_of_the_substitute_is_the_substitutes(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], office: Office
) -> None:
    away(database, office.kari, office.ola)
    remind(database, office)
    server.script.rcpt["ola@ks.example"].append("550 5.1.1 unknown")
    deliver()
    with database.session(write=False) as session:
        failed = {user.name: user.email_failed_at for user in session.scalars(select(User))}
    assert failed["Ola Hansen"] is not None
    assert failed["Kari Nordmann"] is None


def test_a_person_notes_an_absence_and_is_warned_of_the_deadlines_in_it(
    database: Database, office: Office, as_user: Sign
) -> None:
    remind(database, office)
    kari = as_user(office.kari)
    answer = kari.submit(
        "/account/absences",
        first_on=(TODAY + DAY).isoformat(),
        last_on=(TODAY + 14 * DAY).isoformat(),
        substitute_id=str(office.ola.id),
    )
    page = html.text(kari.page(answer.location))
    assert "Påminnelsene går til stedfortrederen" in page
    assert "Ola Hansen er stedfortreder" in page
    assert "Frister i disse dagene" in page
    assert "mandag 9. mars 2026" in page


def test_a_lead_notes_it_for_a_colleague_and_takes_it_back(
    database: Database, office: Office, as_user: Sign
) -> None:
    lead, path = as_user(office.lead), f"/people/{office.kari.id}/absences"
    assert "Fravær" in html.text(lead.page(f"/actors/{office.ks.id}"))
    day = TODAY.isoformat()
    lead.submit(path, first_on=day, last_on=day, substitute_id="")
    with database.session(write=False) as session:
        absence = session.scalars(select(Absence)).one()
        assert (absence.user_id, absence.created_by_id) == (office.kari.id, office.lead.id)
    lead.send(f"/absences/{absence.id}/cancel")
    assert "Ikke noe fravær er registrert" in html.text(lead.page(path))


def test_nobody_else_sees_or_notes_it(database: Database, office: Office, as_user: Sign) -> None:
    away(database, office.kari, office.ola)
    for who in (office.ola, office.stranger):
        browser = as_user(who)
        assert browser.get(f"/people/{office.kari.id}/absences").status_code == 403
        day = TODAY.isoformat()
        sent = browser.send(f"/people/{office.kari.id}/absences", first_on=day, last_on=day)
        assert sent.status_code == 403
        assert browser.send("/absences/1/cancel").status_code == 403


@pytest.mark.parametrize(
    ("first", "last", "substitute", "words"),
    [
        (5, 4, "ola", "Den siste dagen kan ikke være før den første."),
        (-5, -4, "ola", "Disse dagene er over."),
        (400, 401, "ola", "innen ett år"),
        (2, 500, "ola", "høyst ett år"),
        (2, 4, "stranger", "Velg"),
        (2, 4, "kari", "Velg"),
        (8, 12, "ola", "allerede registrert fravær"),
        (2, 4, "lead", "gått i ring"),
    ],
)
def test_an_absence_that_cannot_be_is_refused_and_what_was_typed_is_kept(
    database: Database,
    office: Office,
    as_user: Sign,
    first: int,
    last: int,
    substitute: str,
    words: str,
) -> None:
    with database.session(write=True) as session:
        make.absence(session, office.kari, TODAY + 10 * DAY, TODAY + 11 * DAY)
        first_of_lead, last_of_lead = TODAY + 3 * DAY, TODAY + 4 * DAY
        make.absence(session, office.lead, first_of_lead, last_of_lead, substitute=office.ola)
        make.absence(session, office.ola, TODAY, TODAY + 4 * DAY, substitute=office.kari)
    first_on = (TODAY + first * DAY).isoformat()
    answer = as_user(office.kari).send(
        "/account/absences",
        first_on=first_on,
        last_on=(TODAY + last * DAY).isoformat(),
        substitute_id=str(getattr(office, substitute).id),
    )
    assert answer.status_code == 400
    assert words in html.text(html.parse(answer.text))
    assert first_on in answer.text
    with database.session(write=False) as session:
        assert len(session.scalars(select(Absence)).all()) == 3


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.ADMIN])
def test_a_lead_notes_nothing_for_who_runs_things_besides(
    database: Database, office: Office, as_user: Sign, role: Role
) -> None:
    with database.session(write=True) as session:
        ks = session.get_one(Actor, office.ks.id)
        boss = make.user(session, at=ks)
        make.membership(session, boss, role, at=ks)
    as_user(office.lead).page(f"/people/{boss.id}/absences", status=403)


def test_only_another_of_the_secretariat_stands_in_for_one_of_it(
    database: Database, office: Office, as_user: Sign
) -> None:
    with database.session(write=True) as session:
        ks = session.get_one(Actor, office.ks.id)
        siri = make.user(session, "Siri", at=ks)
        make.membership(session, siri, Role.COORDINATOR, at=ks)
        make.user(session, "Torunn", role=Role.COORDINATOR)
    page = html.text(as_user(siri).page("/account/absences"))
    assert "Torunn" in page
    assert "Ola Hansen" not in page


@pytest.mark.parametrize("wanted", ["circle", "overlap"])
def test_of_two_absences_at_once_the_second_is_refused_that_does_not_go_with_the_first(
    database: Database, office: Office, wanted: str
) -> None:
    others = ((office.kari, office.ola), (office.ola, office.kari))
    both = others if wanted == "circle" else (others[0], others[0])
    together = threading.Barrier(2, timeout=30)

    def note(who: User, substitute: User) -> str:
        together.wait()
        try:
            with database.session(write=True) as session:
                absences.add(
                    session,
                    by=make.person_of(session, who),
                    user=session.get_one(User, who.id),
                    first_on=TODAY,
                    last_on=TODAY,
                    substitute_id=substitute.id,
                    now=make.NOW,
                    today=TODAY,
                )
        except InvalidError as error:
            return error.code
        return "noted"

    with ThreadPoolExecutor(2) as pool:
        came = sorted(pool.map(note, *zip(*both, strict=True)))
    refused = "substitutes_in_circle" if wanted == "circle" else "absence_overlaps"
    assert came == sorted(["noted", refused])


def test_who_is_away_and_who_stands_in_read_it_on_their_overview(
    database: Database, office: Office, as_user: Sign
) -> None:
    with database.session(write=True) as session:
        kari = session.get_one(User, office.kari.id)
        ola = session.get_one(User, office.ola.id)
        make.absence(session, kari, TODAY + DAY, TODAY + 5 * DAY, substitute=ola)
    page = html.text(as_user(office.kari).page("/"))
    assert "Du er registrert som borte fra 03.03.2026 til 07.03.2026." in page
    assert "Ola Hansen får påminnelsene dine." in page
    assert "Du er stadfortredar for Kari Nordmann" in html.text(as_user(office.ola).page("/"))
    assert "Kari Nordmann" in html.text(as_user(office.ola).page("/account/absences"))
    assert "Ola Hansen får" not in html.text(as_user(office.stranger).page("/"))


def test_a_substitute_finds_among_the_own_coming_reminders_what_comes_for_who_is_away(
    database: Database, office: Office, as_user: Sign
) -> None:
    with database.session(write=True) as session:
        kari = session.get_one(User, office.kari.id)
        owner = session.get_one(Actor, office.ks.id)
        ola = session.get_one(User, office.ola.id)
        make.task(session, owner=owner, responsible=kari, ref="DIFI-9", deadline=TODAY + 7 * DAY)
        make.absence(session, kari, TODAY, TODAY + 2 * DAY, substitute=ola)
    for path in ("/reminders?whose=mine", "/reminders?whose=all&q=hansen"):
        assert "DIFI-9" in html.text(as_user(office.ola).page(path))
    assert "DIFI-9" not in html.text(as_user(office.stranger).page("/reminders?whose=mine"))


def test_an_absence_warns_where_the_substitute_is_away_too(
    database: Database, office: Office, as_user: Sign
) -> None:
    away(database, office.kari, office.ola)
    away(database, office.ola, None)
    page = html.text(as_user(office.kari).page("/account/absences"))
    assert "Stedfortrederen er også borte" in page


def test_the_page_takes_as_many_queries_for_many_absences_as_for_one(
    database: Database, office: Office, as_user: Sign
) -> None:
    browser = as_user(office.kari)
    with database.session(write=True) as session:
        kari, ola = (session.get_one(User, who.id) for who in (office.kari, office.ola))
        make.absence(session, kari, TODAY, substitute=ola)
    browser.page("/account/absences")
    with count_queries(database) as few:
        browser.page("/account/absences")
    with database.session(write=True) as session:
        owner = session.get_one(Actor, office.ks.id)
        kari, ola = (session.get_one(User, who.id) for who in (office.kari, office.ola))
        for number in range(2, 40, 2):
            day = TODAY + number * DAY
            make.absence(session, kari, day, substitute=ola)
            make.task(session, owner=owner, responsible=kari, deadline=day)
    with count_queries(database) as many:
        page = browser.page("/account/absences")
    assert len(many) == len(few)
    assert html.text(page).count("Frister i disse dagene") == 19
