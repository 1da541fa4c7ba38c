"""Coming in: by password, by mailed link, by one click on a demonstration, and in no other way."""

from __future__ import annotations

import re
from dataclasses import replace
from time import perf_counter

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories as make
from tests import html
from tests.client import Client, Clock, session_token, tracker_of
from tests.conftest import make_app
from tests.databases import count_queries
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.models import Attempt, OutgoingEmail, User, UserSession
from tracker.services import installation, passwords, sign_in
from tracker.services.demonstration_people import ADVISER, DIRECTOR, SECRETARIAT

PASSWORD = "fire ord på rad"
# A hash of the least work: how it is stored is not what most tests are about.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADDRESS = "kari@ks.example"


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        at = make.actor(session, "KS")
        return make.user(
            session,
            "Kari Nordmann",
            at=at,
            email=ADDRESS,
            locale="en",
            password_hash=QUICK.hash(PASSWORD),
        )


def try_password(client: Client, password: str = PASSWORD, email: str = ADDRESS) -> TestResponse:
    return client.submit("/sign-in", email=email, password=password)


def ask_for_link(client: Client, email: str = ADDRESS) -> TestResponse:
    return client.send("/sign-in", email=email, by="link")


def is_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


def mailed_link(database: Database) -> str:
    with database.session(write=False) as session:
        payload = session.scalars(select(OutgoingEmail.payload)).one()
        assert payload is not None
        return str(payload["url"]).removeprefix("http://127.0.0.1:8000")


def link_for(database: Database, user: User, now: Clock) -> str:
    with database.session(write=True) as session:
        token = sign_in.create_sign_in_link(session, user=session.merge(user), now=now())
    return f"/sign-in/link/{token}"


def without_secrets(page: str) -> str:
    return re.sub(r'value="[^"]*"', "", page)


def test_the_right_password_signs_in(client: Client, kari: User) -> None:
    response = try_password(client)
    assert (response.status_code, response.location) == (303, "/")
    assert is_in(client)


def test_an_address_is_the_same_in_capitals_and_with_space(client: Client, kari: User) -> None:
    assert try_password(client, email=" Kari@KS.example ").status_code == 303


def test_a_wrong_password_is_refused_and_the_address_kept(client: Client, kari: User) -> None:
    response = try_password(client, "wrong")
    assert response.status_code == 401
    assert f'value="{ADDRESS}"' in response.text
    assert not is_in(client)


def test_an_unknown_address_gets_the_same_answer(client: Client, kari: User) -> None:
    known = try_password(client, "wrong")
    unknown = try_password(client, "wrong", email="ola@ks.example")
    assert without_secrets(known.text) == without_secrets(unknown.text)
    assert known.status_code == unknown.status_code


def test_an_unknown_address_takes_as_long(kari: User) -> None:
    kept = passwords._HASHES.hash(PASSWORD)

    def seconds(digest: str | None) -> float:
        start = perf_counter()
        passwords.verify("wrong", digest)
        return perf_counter() - start

    passwords.verify("wrong", None)  # the first makes the digest that it compares with
    known = min(seconds(kept) for _ in range(5))
    unknown = min(seconds(None) for _ in range(5))
    assert unknown > known / 3


def test_somebody_without_a_password_cannot_use_an_empty_one(
    client: Client, database: Database
) -> None:
    with database.session(write=True) as session:
        make.user(session, email="none@ks.example")
    assert client.send("/sign-in", email="none@ks.example", password="").status_code == 400
    assert client.send("/sign-in", email="none@ks.example", password="x").status_code == 401


def test_somebody_deactivated_is_refused(client: Client, database: Database, kari: User) -> None:
    with database.session(write=True) as session:
        session.merge(kari).active = False
    assert try_password(client).status_code == 401


def test_a_missing_address_and_password_are_each_told(client: Client) -> None:
    response = client.send("/sign-in", by="password")
    assert response.status_code == 400
    assert 'href="#email"' in response.text
    assert 'href="#password"' in response.text


def test_an_old_digest_is_renewed_when_the_password_is_used(
    client: Client, database: Database, kari: User
) -> None:
    try_password(client)
    with database.session(write=False) as session:
        renewed = session.get_one(User, kari.id).password_hash or ""
    assert "m=8," not in renewed
    assert passwords.verify(PASSWORD, renewed) == (True, None)


def test_the_sixth_attempt_waits_even_with_the_right_password(
    client: Client, kari: User, now: Clock
) -> None:
    for _ in range(5):
        assert try_password(client, "wrong").status_code == 401
    now.advance(minutes=5)
    blocked = try_password(client)
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"] == "600"
    assert f'value="{ADDRESS}"' in blocked.text
    now.advance(minutes=10)
    assert try_password(client).status_code == 303


def test_success_begins_the_count_anew(app: Flask, kari: User) -> None:
    for _ in range(2):
        client = app.test_client()
        assert isinstance(client, Client)
        for _ in range(4):
            assert try_password(client, "wrong").status_code == 401
        assert try_password(client).status_code == 303


def test_attempts_name_nobody_and_are_forgotten_after_a_day(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    try_password(client, "wrong")
    now.advance(days=1, seconds=1)
    try_password(client, "wrong")
    with database.session(write=False) as session:
        keys = session.scalars(select(Attempt.key)).all()
    assert len(keys) == 2
    assert not [key for key in keys if ADDRESS in key or "127.0.0.1" in key]


@pytest.mark.parametrize("email", [ADDRESS, "nobody@ks.example", "gone@ks.example", "no address"])
def test_asking_for_a_link_answers_alike(
    client: Client, database: Database, kari: User, email: str
) -> None:
    with database.session(write=True) as session:
        make.user(session, email="gone@ks.example", active=False)
    response = ask_for_link(client, email)
    assert (response.status_code, response.location) == (303, "/sign-in/sent")
    assert client.get("/sign-in/sent").status_code == 200
    with database.session(write=False) as session:
        assert len(session.scalars(select(OutgoingEmail)).all()) == (email == ADDRESS)


def test_the_mailed_link_signs_in_once(client: Client, database: Database, kari: User) -> None:
    ask_for_link(client)
    link = mailed_link(database)
    assert "Kari Nordmann" in client.get(link).text
    assert client.submit(link).status_code == 303
    assert is_in(client)
    assert client.send(link).status_code == 410
    assert client.get(link).status_code == 410


def test_opening_a_link_writes_nothing(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    link = link_for(database, kari, now)
    with count_queries(database) as queries:
        for _ in range(3):
            assert client.get(link).status_code == 200
    assert [query for query in queries if not query.startswith("SELECT")] == []


def test_using_one_link_ends_the_others(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    first, second = (link_for(database, kari, now) for _ in range(2))
    client.submit(second)
    assert client.get(first).status_code == 410


def test_a_mailed_link_works_for_twenty_minutes(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    ask_for_link(client)
    link = mailed_link(database)
    now.advance(minutes=19, seconds=59)
    assert client.get(link).status_code == 200
    now.advance(seconds=1)
    assert client.get(link).status_code == 410
    assert client.send(link).status_code == 410
    assert not is_in(client)


def test_a_link_handed_over_works_for_a_day(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    link = link_for(database, kari, now)
    now.advance(hours=23)
    assert client.submit(link).status_code == 303


def test_a_link_of_somebody_deactivated_does_not_work(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    link = link_for(database, kari, now)
    with database.session(write=True) as session:
        session.merge(kari).active = False
    assert client.get(link).status_code == 410
    assert client.send(link).status_code == 410
    assert not is_in(client)


def test_an_unknown_link_is_not_found_and_offers_a_new_one(client: Client) -> None:
    for response in (client.get("/sign-in/link/guess"), client.send("/sign-in/link/guess")):
        assert response.status_code == 404
        assert 'href="/sign-in"' in response.text


def test_signing_in_leaves_nothing_of_the_session_before(
    app: Flask, client: Client, database: Database, kari: User
) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
        session["csrf_token"] = "known to somebody else"
        session["token"] = planted = session_token(app, kari)
    try_password_as_signed_in = client.send("/sign-in", email=ADDRESS, password=PASSWORD)
    assert try_password_as_signed_in.status_code == 303
    with client.session_transaction() as session:
        assert session["token"] != planted
        assert session.get("csrf_token") != "known to somebody else"
        assert "planted" not in session
    with database.session(write=False) as reading:
        ended = reading.scalars(select(UserSession.revoked_at).order_by(UserSession.id)).all()
    assert [moment is not None for moment in ended] == [True, False]


def test_a_form_without_its_token_is_refused(client: Client, kari: User) -> None:
    response = client.post("/sign-in", data={"email": ADDRESS, "password": PASSWORD})
    assert response.status_code == 400
    assert not is_in(client)


def test_after_signing_in_one_comes_to_the_page_that_was_asked_for(
    client: Client, kari: User
) -> None:
    asked = client.get("/tasks?owner=1")
    response = client.submit(asked.location, email=ADDRESS, password=PASSWORD)
    assert response.location == "/tasks?owner=1"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil",
        "/no-such-page",
        "/sign-out",
    ],
)
def test_signing_in_leads_nowhere_else(client: Client, kari: User, target: str) -> None:
    page = client.get("/sign-in", query_string={"next": target})
    form = next(f for f in html.forms(html.parse(page.text), "/sign-in") if "password" in f.fields)
    response = client.post("/sign-in", data=form.filled(email=ADDRESS, password=PASSWORD))
    assert response.location == "/"


def test_who_is_signed_in_needs_no_sign_in_page(client: Client, kari: User) -> None:
    try_password(client)
    assert client.get("/sign-in?next=/tasks").location == "/tasks"


@pytest.fixture
def demonstration(database: Database) -> dict[str, User]:
    with database.session(write=True) as session:
        installation.set_demonstration(session, on=make.TODAY)
        ks, hdir = make.actor(session, "KS"), make.actor(session, "Helsedirektoratet")
        return {
            "adviser": make.user(session, "Kari", at=ks, email=ADVISER),
            "secretariat": make.user(session, "Ida", role=Role.COORDINATOR, email=SECRETARIAT),
            "director": make.user(session, "Asta", at=hdir, role=Role.READER, email=DIRECTOR),
            "lead": make.user(session, "Steinar Lie", at=ks, role=Role.LEAD),
        }


@pytest.mark.parametrize("who", ["adviser", "secretariat", "director", "lead"])
def test_on_a_demonstration_one_click_signs_in(
    client: Client, demonstration: dict[str, User], who: str
) -> None:
    user = demonstration[who]
    forms = html.forms(client.page("/sign-in"), "/sign-in")
    form = next(form for form in forms if form.fields.get("user_id") == [str(user.id)])
    assert client.post(form.action, data=form.filled()).status_code == 303
    assert user.name in client.get("/account").text


def test_elsewhere_nobody_signs_in_without_proof(client: Client, kari: User) -> None:
    assert "/sign-in/demonstration" not in client.get("/sign-in").text
    assert client.send("/sign-in/demonstration", user_id=kari.id).status_code == 404
    assert not is_in(client)


def test_a_demonstration_that_others_can_reach_asks_for_proof(
    app: Flask, database: Database, now: Clock, demonstration: dict[str, User]
) -> None:
    settings = replace(tracker_of(app).settings, base_url="http://follow-up.example")
    client = make_app(settings, database, now).test_client()
    assert isinstance(client, Client)
    assert "/sign-in/demonstration" not in client.get("/sign-in").text
    user_id = demonstration["adviser"].id
    assert client.send("/sign-in/demonstration", user_id=user_id).status_code == 404


def test_who_reaches_a_demonstration_from_elsewhere_is_asked_for_proof(
    client: Client, demonstration: dict[str, User]
) -> None:
    client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert "/sign-in/demonstration" not in client.get("/sign-in").text
    user_id = demonstration["adviser"].id
    assert client.send("/sign-in/demonstration", user_id=user_id).status_code == 404


@pytest.mark.parametrize("user_id", ["", "x", "0", "99999999999999999999"])
def test_a_demonstration_knows_only_its_people(
    client: Client, demonstration: dict[str, User], user_id: str
) -> None:
    assert client.send("/sign-in/demonstration", user_id=user_id).status_code == 404


def test_the_page_asks_the_database_as_often_however_many_there_are(
    client: Client, database: Database, demonstration: dict[str, User]
) -> None:
    with count_queries(database) as few:
        client.get("/sign-in")
    with database.session(write=True) as session:
        for _ in range(30):
            make.user(session, at=make.actor(session))
    with count_queries(database) as many:
        client.get("/sign-in")
    assert len(many) == len(few)


def test_the_language_is_chosen_without_signing_in(client: Client) -> None:
    response = client.send("/language", locale="nn", next="/sign-in?next=/tasks")
    assert response.location == "/sign-in?next=/tasks"
    assert '<html lang="nn"' in client.get("/sign-in").text


def test_the_browsers_language_is_used_until_one_is_chosen(client: Client) -> None:
    english = {"Accept-Language": "en-GB,en;q=0.8"}
    assert '<html lang="en"' in client.get("/sign-in", headers=english).text
    client.send("/language", locale="nb")
    assert '<html lang="nb"' in client.get("/sign-in", headers=english).text


def test_a_chosen_language_follows_the_person(
    app: Flask, client: Client, database: Database, kari: User
) -> None:
    try_password(client)
    response = client.send("/language", locale="nn", next="/account")
    assert response.location == "/account"
    with database.session(write=False) as session:
        assert session.get_one(User, kari.id).locale == "nn"
    client.send("/sign-out")
    assert '<html lang="nn"' in client.get("/sign-in").text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", ""])
def test_choosing_a_language_leads_nowhere_else(client: Client, target: str) -> None:
    assert client.send("/language", locale="nn", next=target).location == "/"


def test_an_unknown_language_is_refused(client: Client) -> None:
    assert client.send("/language", locale="xx").status_code == 400
