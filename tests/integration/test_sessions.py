"""Sessions end when they should, and what was typed into a form outlives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from flask import Flask, request
from sqlalchemy import select
from werkzeug.test import TestResponse

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.conftest import make_own_app
from tests.integration.test_sign_in import ADDRESS, PASSWORD, QUICK, mailed_link
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.models import User, UserSession
from tracker.services import installation

TYPED = "Kari Ånonsen Nordmann"


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        digest = QUICK.hash(PASSWORD)
        return make.user(session, "Kari Nordmann", email=ADDRESS, locale="en", password_hash=digest)


@pytest.fixture
def expired(client: Client, kari: User, now: Clock) -> Client:
    """A browser whose session ended after a page with a form was opened."""
    client.submit("/sign-in", email=ADDRESS, password=PASSWORD)
    assert client.get("/account").status_code == 200
    now.advance(hours=12)
    return client


def send_profile(client: Client, **more: str) -> TestResponse:
    return client.send("/account", name=TYPED, locale="en", **more)


def sign_in_form(response: TestResponse) -> html.Form:
    found = html.forms(html.parse(response.text), "/sign-in")
    return next(form for form in found if "password" in form.fields)


def by_password(client: Client, response: TestResponse) -> TestResponse:
    form = sign_in_form(response)
    return client.post(form.action, data=form.filled(email=ADDRESS, password=PASSWORD))


def name_in_form(client: Client) -> str:
    forms = html.forms(client.page("/account"), "/account")
    return next(form.fields["name"][0] for form in forms if "name" in form.fields)


def stored_name(database: Database, kari: User) -> str:
    with database.session(write=False) as session:
        return session.get_one(User, kari.id).name


def kept_forms(database: Database) -> list[object]:
    with database.session(write=False) as session:
        return [kept for kept in session.scalars(select(UserSession.kept_form)) if kept]


def test_what_was_typed_comes_back_after_a_password(
    expired: Client, database: Database, kari: User
) -> None:
    refused = send_profile(expired)
    assert refused.status_code == 401
    assert "What you typed is kept" in refused.text
    back = by_password(expired, refused)
    assert (back.status_code, back.location) == (303, "/account")
    assert "What you typed is still here" in expired.get("/account").text
    assert name_in_form(expired) == TYPED
    assert stored_name(database, kari) == "Kari Nordmann"


def test_it_is_forgotten_once_it_has_been_sent(
    expired: Client, database: Database, kari: User
) -> None:
    by_password(expired, send_profile(expired))
    assert len(kept_forms(database)) == 1
    assert expired.submit("/account", name="", locale="en").status_code == 400
    assert len(kept_forms(database)) == 1
    assert expired.submit("/account", name=TYPED).status_code == 303
    assert kept_forms(database) == []
    assert stored_name(database, kari) == TYPED
    assert "still here" not in expired.get("/account").text


def test_it_comes_back_through_a_mailed_link_in_another_browser(
    app: Flask, expired: Client, database: Database, kari: User
) -> None:
    form = sign_in_form(send_profile(expired))
    expired.post(form.action, data=form.filled(email=ADDRESS, by="link"))
    elsewhere = cast("Client", app.test_client())
    assert elsewhere.submit(mailed_link(database)).location == "/account"
    assert name_in_form(elsewhere) == TYPED


def test_nobody_finds_what_somebody_else_typed(
    app: Flask, client: Client, database: Database, kari: User
) -> None:
    form = sign_in_form(send_profile(client))
    client.post(form.action, data=form.filled(email=ADDRESS, by="link"))
    theirs = cast("Client", app.test_client())
    assert theirs.submit(mailed_link(database)).location == "/account"
    assert "still here" not in theirs.get("/account").text
    assert name_in_form(theirs) == "Kari Nordmann"
    assert kept_forms(database) == []


def test_it_comes_back_through_a_demonstration_card(
    expired: Client, database: Database, kari: User
) -> None:
    with database.session(write=True) as session:
        installation.set_demonstration(session, on=make.TODAY)
    found = html.forms(html.parse(send_profile(expired).text), "/sign-in")
    card = next(form for form in found if form.fields.get("user_id") == [str(kari.id)])
    assert expired.post(card.action, data=card.filled()).location == "/account"
    assert name_in_form(expired) == TYPED


def test_it_survives_a_wrong_password_first(expired: Client) -> None:
    form = sign_in_form(send_profile(expired))
    wrong = expired.post(form.action, data=form.filled(email=ADDRESS, password="wrong"))
    assert wrong.status_code == 401
    by_password(expired, wrong)
    assert name_in_form(expired) == TYPED


def test_passwords_and_tokens_are_never_kept(expired: Client, database: Database) -> None:
    refused = expired.send(
        "/account/password", current_password="old one here", new_password="new one here"
    )
    assert refused.status_code == 401
    by_password(expired, refused)
    assert kept_forms(database) == []
    page = expired.get("/account/password").text
    assert "that was not done" in page
    assert "one here" not in page


def test_what_was_kept_cannot_be_made_up(expired: Client, database: Database) -> None:
    form = sign_in_form(send_profile(expired))
    kept = form.fields["kept"][0]
    made_up = kept[:-4] + ("AAAA" if kept[-4:] != "AAAA" else "BBBB")
    fields = form.filled(email=ADDRESS, password=PASSWORD, kept=made_up)
    assert expired.post(form.action, data=fields).location == "/"
    assert kept_forms(database) == []


def test_what_was_kept_is_good_for_a_day(expired: Client, database: Database, now: Clock) -> None:
    refused = send_profile(expired)
    now.advance(days=1, seconds=1)
    assert by_password(expired, refused).location == "/account"
    assert kept_forms(database) == []


def test_what_is_too_long_to_keep_is_told(expired: Client, database: Database) -> None:
    noise = "".join(chr(0x4E00 + (number * 7919) % 20000) for number in range(120_000))
    refused = expired.send("/account", name=noise, locale="en")
    assert refused.status_code == 401
    assert len(refused.text) < 100_000
    assert by_password(expired, refused).location == "/account"
    assert "that was not done" in expired.get("/account").text


def test_text_that_another_site_sent_is_not_kept(expired: Client, database: Database) -> None:
    fields = {"name": "planted", "locale": "en"}
    refused = expired.post("/account", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 401
    by_password(expired, refused)
    assert kept_forms(database) == []


def test_a_button_without_a_form_leads_back_to_its_page(expired: Client, kari: User) -> None:
    page = {"Referer": "http://127.0.0.1:8000/account?a=b"}
    refused = expired.post("/account/sign-out-everywhere", headers=page)
    assert refused.status_code == 401
    assert by_password(expired, refused).location == "/account?a=b"


def test_a_button_of_another_sites_page_leads_home(expired: Client) -> None:
    page = {"Referer": "http://evil.example/account"}
    refused = expired.post("/account/sign-out-everywhere", headers=page)
    assert by_password(expired, refused).location == "/"


def test_a_page_asked_for_without_a_session_leads_to_sign_in(expired: Client) -> None:
    assert expired.get("/account?x=1").location == "/sign-in?next=%2Faccount%3Fx%3D1"


def test_a_session_that_is_used_goes_on_for_two_weeks_and_no_longer(
    as_user: Callable[[User], Client], kari: User, now: Clock
) -> None:
    client = as_user(kari)
    for _ in range(30):
        now.advance(hours=11)
        assert client.get("/account").status_code == 200
    now.advance(hours=6)
    assert client.get("/account").status_code == 302


def test_the_last_use_is_written_at_most_every_five_minutes(
    as_user: Callable[[User], Client], database: Database, kari: User, now: Clock
) -> None:
    def seen() -> object:
        with database.session(write=False) as session:
            return session.scalars(select(UserSession.last_seen_at)).one()

    client = as_user(kari)
    started = seen()
    now.advance(minutes=4)
    client.get("/account")
    assert seen() == started
    now.advance(minutes=1)
    client.get("/account")
    assert seen() == now()


def test_signing_out_ends_the_session_in_the_database(
    app: Flask, as_user: Callable[[User], Client], kari: User
) -> None:
    client = as_user(kari)
    with client.session_transaction() as session:
        copied = dict(session)
    assert client.send("/sign-out").location == "/sign-in"
    thief = cast("Client", app.test_client())
    with thief.session_transaction() as session:
        session.update(copied)
    assert thief.get("/account").status_code == 302


def test_signing_out_twice_does_no_harm(client: Client) -> None:
    assert client.send("/sign-out").status_code == 303


def test_one_browser_is_signed_out_and_the_others_stay(
    as_user: Callable[[User], Client], kari: User
) -> None:
    here, there = as_user(kari), as_user(kari)
    root = here.page("/account")
    actions = [form.action for form in html.forms(root, "/account") if "browsers" in form.action]
    # The last used comes first; both were last used when they began.
    newest, oldest = actions
    assert here.send(newest).location == "/account"
    assert there.get("/account").status_code == 302
    assert here.send(oldest).location == "/sign-in"
    assert here.get("/account").status_code == 302


def test_nobody_signs_out_anothers_browser(
    as_user: Callable[[User], Client], database: Database, kari: User
) -> None:
    with database.session(write=True) as session:
        other = make.user(session, role=Role.ADMIN)
    theirs = as_user(kari)
    form = next(
        form
        for form in html.forms(theirs.page("/account"), "/account")
        if "browsers" in form.action
    )
    as_user(other).send(form.action)
    assert theirs.get("/account").status_code == 200


def test_signing_out_everywhere_ends_all_sessions(
    as_user: Callable[[User], Client], kari: User
) -> None:
    here, there = as_user(kari), as_user(kari)
    assert here.send("/account/sign-out-everywhere").location == "/sign-in"
    for client in (here, there):
        assert client.get("/account").status_code == 302


def test_a_post_from_another_site_does_not_end_the_session(client: Client) -> None:
    # The browser sends no cookie along (SameSite=Lax), but would take one from the answer.
    own = client.post("/language", data={"locale": "nn"})
    assert "Set-Cookie" in own.headers
    forged = client.post(
        "/language", data={"locale": "nn"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert forged.status_code == own.status_code == 400
    assert "Set-Cookie" not in forged.headers


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_attempts_behind_a_proxy_count_for_the_person_and_not_for_the_proxy(
    settings: Settings, database: Database, now: Clock, proxies: int, address: str
) -> None:
    app = make_own_app(replace(settings, proxies=proxies), database, now)
    seen: list[str | None] = []
    app.before_request(lambda: seen.append(request.remote_addr))

    app.test_client().get("/sign-in", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})

    assert seen == [address]
