"""Attempts are limited, and yet nobody can keep somebody else from coming in."""

from __future__ import annotations

from dataclasses import replace
from http.cookies import SimpleCookie
from typing import cast

import pytest
from flask import Flask
from itsdangerous import URLSafeSerializer
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.conftest import make_app
from tests.integration.test_sign_in import ADDRESS, PASSWORD, QUICK, ask_for_link, try_password
from tracker.db import Database
from tracker.models import OutgoingEmail, User
from tracker.services import attempts, passwords, sign_in


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        digest = QUICK.hash(PASSWORD)
        return make.user(session, "Kari Nordmann", email=ADDRESS, locale="en", password_hash=digest)


@pytest.fixture
def known(client: Client, kari: User) -> Client:
    """A browser in which Kari has signed in before."""
    try_password(client)
    client.send("/sign-out")
    return client


@pytest.fixture
def stranger(app: Flask) -> Client:
    return cast("Client", app.test_client())


def links(database: Database) -> list[str]:
    """The paths of all links that were mailed, the oldest first."""
    with database.session(write=False) as session:
        mails = session.scalars(select(OutgoingEmail.payload).order_by(OutgoingEmail.id))
        return [str(mail["url"]).removeprefix("http://127.0.0.1:8000") for mail in mails if mail]


def use_up(database: Database, limit: attempts.Limit, subject: str, now: Clock) -> None:
    with database.session(write=True) as session:
        for _ in range(limit.most):
            attempts.count(session, limit=limit, subject=subject, now=now())


def test_a_browser_that_has_signed_in_before_is_not_locked_out_by_strangers(
    known: Client, stranger: Client
) -> None:
    for _ in range(5):
        assert try_password(stranger, "guess").status_code == 401
    assert try_password(stranger).status_code == 429
    assert try_password(known).status_code == 303


def test_a_browser_that_has_signed_in_before_is_not_locked_out_by_its_neighbours(
    database: Database, known: Client, stranger: Client, now: Clock
) -> None:
    for limit in (sign_in.PASSWORD_BY_IP, sign_in.LINK_BY_IP):
        use_up(database, limit, "127.0.0.1", now)
    assert try_password(stranger).status_code == 429
    assert ask_for_link(stranger).status_code == 429
    assert ask_for_link(known).status_code == 303
    assert len(links(database)) == 1
    assert try_password(known).status_code == 303


def test_a_stolen_browser_cannot_guess_for_ever(
    known: Client, stranger: Client, now: Clock
) -> None:
    tried = [try_password(known, "guess").status_code for _ in range(11)]
    assert tried == [401] * 10 + [429]
    assert try_password(known).status_code == 429
    assert try_password(stranger).status_code == 303, "others are not kept out by it"
    now.advance(hours=1)
    assert try_password(known).status_code == 303


def test_signing_in_anew_does_not_give_a_browser_another_number(known: Client) -> None:
    name = "tracker-browser"
    before = known.get_cookie(name)
    try_password(known)
    after = known.get_cookie(name)
    assert before is not None
    assert after is not None
    assert before.value == after.value


def test_a_browser_known_for_one_person_is_a_stranger_to_another(
    database: Database, known: Client
) -> None:
    with database.session(write=True) as session:
        make.user(session, email="ola@ks.example", password_hash=QUICK.hash(PASSWORD))
    tried = [try_password(known, "guess", "ola@ks.example").status_code for _ in range(6)]
    assert tried == [401] * 5 + [429]


def test_a_made_up_cookie_makes_no_browser_known(app: Flask, stranger: Client, kari: User) -> None:
    forged = URLSafeSerializer("another key", salt="known-browser").dumps([kari.id, "x"])
    for value in ("", "nonsense", str(forged)):
        stranger.set_cookie("tracker-browser", value)
        try_password(stranger, "guess")
    tried = [try_password(stranger, "guess").status_code for _ in range(3)]
    assert tried == [401, 401, 429]


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "https://tracker.example"])
def test_the_cookie_of_a_known_browser_is_out_of_reach_of_scripts_and_holds_no_secret(
    settings: Settings, database: Database, now: Clock, kari: User, base_url: str
) -> None:
    app = make_app(replace(settings, base_url=base_url), database, now)
    client = cast("Client", app.test_client())
    page = client.get("/sign-in", base_url=base_url)
    form = next(f for f in html.forms(html.parse(page.text), "/sign-in") if "password" in f.fields)
    fields = form.filled(email=ADDRESS, password=PASSWORD)
    given = client.post("/sign-in", data=fields, base_url=base_url, headers={"Referer": base_url})
    [cookie] = [
        morsel
        for header in given.headers.getlist("Set-Cookie")
        for name, morsel in SimpleCookie(header).items()
        if name.endswith("tracker-browser")
    ]
    is_secure = base_url.startswith("https")
    assert cookie.key == ("__Host-tracker-browser" if is_secure else "tracker-browser")
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert bool(cookie["secure"]) is is_secure
    assert cookie["max-age"] == str(365 * 24 * 3600)
    assert ADDRESS not in cookie.value
    stranger = cast("Client", app.test_client())
    stranger.set_cookie(cookie.key, cookie.value)
    assert stranger.get("/account", base_url=base_url).status_code == 302


def test_asking_again_and_again_is_answered_alike_and_never_refused(
    client: Client, kari: User, now: Clock
) -> None:
    for _ in range(30):
        response = ask_for_link(client)
        assert (response.status_code, response.location) == (303, "/sign-in/sent")
        now.advance(minutes=3)


def test_the_link_that_is_on_its_way_stays_valid_when_another_is_asked_for(
    client: Client, database: Database, kari: User
) -> None:
    for _ in range(5):
        ask_for_link(client)
    mailed = links(database)
    assert len(mailed) == 3, "no more than that in a quarter of an hour"
    for link in mailed:
        assert client.get(link).status_code == 200
    assert client.submit(mailed[0]).status_code == 303


def test_whoever_has_used_up_anothers_links_has_not_kept_them_out(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    """An attacker asks every five minutes all day; whenever the owner looks, a link works."""
    without = []
    for number in range(12 * 24):
        ask_for_link(client)
        newest = links(database)[-1]
        if client.get(newest).status_code != 200:
            without.append(number)
        now.advance(minutes=5)
    assert without == []
    assert len(links(database)) <= 25, "and the mailbox is not filled"


def test_beyond_the_limit_a_used_link_is_replaced_at_once(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    for _ in range(4):
        ask_for_link(client)
    client.submit(links(database)[-1])
    client.send("/sign-out")
    ask_for_link(client)
    assert len(links(database)) == 4
    now.advance(hours=1, minutes=50)
    assert client.get(links(database)[-1]).status_code == 200


def test_a_link_that_a_command_handed_out_is_not_taken_for_one_in_the_mailbox(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    for limit in sign_in.LINKS_MAILED:
        use_up(database, limit, ADDRESS, now)
    with database.session(write=True) as session:
        sign_in.hand_out_link(session, user=session.merge(kari), now=now())
    ask_for_link(client)
    assert len(links(database)) == 1


def test_an_office_of_500_behind_one_address_signs_in_on_a_monday_morning(
    app: Flask, database: Database, now: Clock
) -> None:
    """When 499 have mistyped and asked for a link, everybody still gets in."""
    people = [f"p{number}@ks.example" for number in range(20)]
    with database.session(write=True) as session:
        for email in people:
            make.user(session, email=email, password_hash=QUICK.hash(PASSWORD))
        for limit in (sign_in.PASSWORD_BY_IP, sign_in.LINK_BY_IP):
            for _ in range(499):
                attempts.count(session, limit=limit, subject="127.0.0.1", now=now())
    for email in people:
        browser = cast("Client", app.test_client())
        assert try_password(browser, email=email).status_code == 303
    for email in people:
        assert ask_for_link(cast("Client", app.test_client()), email).status_code == 303
    last = cast("Client", app.test_client())
    assert try_password(last, "mistyped", people[0]).status_code == 401


def test_one_network_address_cannot_try_for_ever(
    client: Client, database: Database, now: Clock
) -> None:
    use_up(database, sign_in.PASSWORD_BY_IP, "127.0.0.1", now)
    assert try_password(client, email="new@ks.example").status_code == 429
    client.environ_base.update({"REMOTE_ADDR": "192.0.2.7"})
    assert try_password(client, email="new@ks.example").status_code == 401


def test_who_has_to_wait_is_told_that_a_link_comes_at_once(
    stranger: Client, database: Database, kari: User
) -> None:
    for _ in range(6):
        refused = try_password(stranger, "guess")
    assert refused.status_code == 429
    assert "Du trenger ikke å vente på en lenke" in refused.text
    assert ask_for_link(stranger).status_code == 303
    assert len(links(database)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"email": ADDRESS, "password": "x" * 201},
        {"email": "x" * 255, "password": "guess"},
    ],
)
def test_what_is_too_long_is_refused_before_any_work(
    client: Client, kari: User, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("a password was hashed")

    monkeypatch.setattr(passwords._HASHES, "verify_and_update", work)
    response = client.send("/sign-in", **fields)
    assert response.status_code == 400
    assert passwords.verify("x" * 201, QUICK.hash("x" * 201)) == (False, None)
