"""The built-in mailbox: who reads what, safely."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from flask import Flask
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Client, Clock, session_token
from tests.conftest import make_app
from tests.databases import count_queries
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.mail.senders import MailboxSender
from tracker.models import OutgoingEmail, User
from tracker.services import delivery, installation, mailbox, outbox
from tracker.web.context import TOKEN

AsUser = Callable[[User | Person], Client]


@pytest.fixture
def addresses(database: Database, settings: Settings, now: Clock) -> list[str]:
    """Receivers of one delivered digest each, oldest first."""
    found = mails.queue_digests(database, 3)
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=now)
    return found


def reader(database: Database, address: str) -> User:
    with database.session(write=False) as session:
        return session.scalars(select(User).where(User.email == address)).one()


def mail_to(database: Database, address: str) -> OutgoingEmail:
    with database.session(write=False) as session:
        to = select(OutgoingEmail).where(OutgoingEmail.to_address == address)
        return session.scalars(to).one()


def test_a_test_mail_is_read_by_the_administrator_alone(
    database: Database, settings: Settings, now: Clock
) -> None:
    with database.session(write=True) as session:
        to = outbox.to_address("kari@ks.example")
        outbox.queue_email(session, kind="test", addressee=to, mail_from="a@b.example", now=now())
        readers = {role: make.person(session, role=role) for role in (Role.ADMIN, Role.COORDINATOR)}
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=now)
    with database.session(write=False) as session:
        found = {
            role: mailbox.page(session, by=by, settings=settings).total
            for role, by in readers.items()
        }
    assert found == {Role.ADMIN: 1, Role.COORDINATOR: 0}


def make_demonstration(database: Database) -> None:
    with database.session(write=True) as session:
        installation.set_demonstration(session, on=make.TODAY)


def test_one_sees_ones_own_mail_and_no_other(
    database: Database, addresses: list[str], as_user: AsUser
) -> None:
    browser = as_user(reader(database, addresses[0]))
    own, other = mail_to(database, addresses[0]), mail_to(database, addresses[1])
    page = browser.get("/mailbox")

    assert page.text.count("/mailbox/") == 1
    assert f"/mailbox/{own.id}" in page.text
    assert "1 med frist 09.03.2026 – status fra deg" in page.text
    assert browser.get(f"/mailbox/{own.id}").status_code == 200
    assert browser.get(f"/mailbox/{own.id}/html").status_code == 200
    assert browser.get(f"/mailbox/{other.id}").status_code == 404
    assert browser.get(f"/mailbox/{other.id}/html").status_code == 404


@pytest.mark.parametrize("role", [Role.ADMIN, Role.COORDINATOR])
def test_no_role_opens_the_mail_of_others(
    database: Database, addresses: list[str], as_user: AsUser, role: Role
) -> None:
    with database.session(write=True) as session:
        person = make.user(session, role=role)

    assert as_user(person).get(f"/mailbox/{mail_to(database, addresses[0]).id}").status_code == 404


def test_on_a_demonstration_everybody_signed_in_sees_all_of_it(
    database: Database, addresses: list[str], as_user: AsUser, client: Client
) -> None:
    make_demonstration(database)
    page = as_user(reader(database, addresses[0])).get("/mailbox").text

    assert [page.index(address) for address in addresses] == sorted(
        (page.index(address) for address in addresses), reverse=True
    ), "the newest comes first"
    assert client.get("/mailbox").status_code == 302


@pytest.mark.parametrize(
    ("base_url", "status"), [("http://127.0.0.1:8000", 200), ("https://demo.example.no", 404)]
)
def test_a_demonstration_that_others_reach_keeps_sign_in_links_to_their_receivers(
    database: Database, settings: Settings, now: Clock, base_url: str, status: int
) -> None:
    make_demonstration(database)
    with database.session(write=True) as session:
        admin, reader = make.user(session, role=Role.ADMIN), make.user(session)
        email = outbox.queue_sign_in(
            session,
            user_id=admin.id,
            url=f"{base_url}/sign-in/link/secret",
            expires_at=now() + dt.timedelta(minutes=20),
            mail_from=settings.mail_from,
            now=now(),
        )
    there = replace(settings, base_url=base_url)
    delivery.deliver_due(database, MailboxSender(), settings=there, now=now)
    app = make_app(there, database, now)
    for who, expected in ((admin, 200), (reader, status)):
        browser = cast("Client", app.test_client())
        with browser.session_transaction(base_url=base_url) as session:
            session[TOKEN] = session_token(app, who)
        assert browser.get(f"/mailbox/{email.id}", base_url=base_url).status_code == expected


def test_a_mail_that_has_not_been_sent_is_not_in_the_mailbox(
    database: Database, as_user: AsUser
) -> None:
    make_demonstration(database)
    (address,) = mails.queue_digests(database, 1)

    assert "Ingen e-poster ennå" in as_user(reader(database, address)).get("/mailbox").text


def test_the_receiver_filter_keeps_its_text_and_finds_parts_of_an_address(
    database: Database, addresses: list[str], as_user: AsUser
) -> None:
    make_demonstration(database)
    browser = as_user(reader(database, addresses[0]))

    found = browser.get("/mailbox?to=P01@").text
    assert 'value="P01@"' in found
    assert addresses[1] in found
    assert addresses[2] not in found
    assert "1 e-post" in found
    assert "Ingen e-post til en slik mottaker" in browser.get("/mailbox?to=100%25").text


def test_pages_follow_each_other_without_gap_or_repetition(
    database: Database, settings: Settings, now: Clock, as_user: AsUser
) -> None:
    addresses = mails.queue_digests(database, mailbox.PAGE_SIZE * 2 + 1)
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=now)
    make_demonstration(database)
    browser = as_user(reader(database, addresses[0]))

    def links(url: str) -> tuple[list[str], dict[str, str]]:
        root = html.parse(browser.get(url).text)
        anchors = [(a.get("href") or "", a.get("rel")) for a in root.iter("a")]
        shown = [href for href, _rel in anchors if href.startswith("/mailbox/")]
        return shown, {rel: href for href, rel in anchors if rel}

    seen: list[str] = []
    shown, paging = links("/mailbox")
    assert "prev" not in paging
    pages = [shown]
    while "next" in paging:
        shown, paging = links(paging["next"])
        pages.append(shown)
    seen = [href for page in pages for href in page]
    assert [len(page) for page in pages] == [25, 25, 1]
    assert len(set(seen)) == len(addresses)
    shown, paging = links(paging["prev"])
    assert shown == pages[1]
    assert links(paging["prev"])[0] == pages[0]


def test_the_html_runs_nothing_and_keeps_its_styles_to_itself(
    database: Database, addresses: list[str], as_user: AsUser
) -> None:
    browser = as_user(reader(database, addresses[0]))
    email = mail_to(database, addresses[0])
    page, frame = browser.get(f"/mailbox/{email.id}"), browser.get(f"/mailbox/{email.id}/html")

    assert 'sandbox="allow-top-navigation-by-user-activation"' in page.text
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "sandbox allow-top-navigation-by-user-activation" in policy
    assert "script" not in policy
    assert '<base target="_top">' in frame.text
    assert "/answer/" in frame.text


@pytest.mark.parametrize("path", ["/mailbox/999999999999", "/mailbox/1/html", "/mailbox/0"])
def test_an_unknown_mail_is_not_found(database: Database, as_user: AsUser, path: str) -> None:
    with database.session(write=True) as session:
        person = make.user(session)

    assert as_user(person).get(path).status_code == 404


def test_a_paging_address_that_makes_no_sense_shows_a_page(
    database: Database, addresses: list[str], as_user: AsUser
) -> None:
    browser = as_user(reader(database, addresses[0]))

    for query in ("older_than=x", "older_than=99999999999999", "newer_than=99999999999999"):
        assert browser.get(f"/mailbox?{query}").status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_mails(
    app: Flask, database: Database, settings: Settings, now: Clock, as_user: AsUser
) -> None:
    make_demonstration(database)
    with database.session(write=True) as session:
        person = make.user(session)
    browser = as_user(person)
    counted = []
    for number in (2, 20):
        with database.session(write=True) as session:
            for _ in range(number):
                receiver = make.user(session)
                outgoing = mails.queue_digest(session, receiver, [])
                outgoing.state, outgoing.finished_at = "sent", make.NOW
                outgoing.subject, outgoing.to_address = "Emne", receiver.email
                outgoing.locale = "nb"
        with count_queries(database) as seen:
            browser.get("/mailbox")
        counted.append(len(seen))

    assert counted[0] == counted[1]


def test_the_times_are_those_of_the_installation(
    database: Database, addresses: list[str], as_user: AsUser
) -> None:
    page = as_user(reader(database, addresses[0])).get("/mailbox").text

    assert make.NOW.astimezone(dt.UTC).hour == 9
    assert "02.03.2026 kl. 10.00" in page
