"""What the log tells about who came in and who was kept out, and what it never tells."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, cast

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.integration.test_lockout import links, use_up
from tests.integration.test_sign_in import (
    ADDRESS,
    PASSWORD,
    QUICK,
    ask_for_link,
    link_for,
    try_password,
)
from tracker.db import Database
from tracker.models import AuditEvent, User
from tracker.services import installation, security, sign_in
from tracker.services.demonstration_people import ADVISER

AsUser = Callable[[User], Client]
ELSEWHERE = "192.0.2.7"


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        digest = QUICK.hash(PASSWORD)
        return make.user(session, "Kari Nordmann", email=ADDRESS, locale="en", password_hash=digest)


@pytest.fixture
def client(client: Client) -> Client:
    client.environ_base["REMOTE_ADDR"] = ELSEWHERE
    return client


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """`told()` returns the lines since it was called last."""
    caplog.set_level(logging.INFO, logger="tracker.security")

    def since() -> list[dict[str, Any]]:
        records = [record for record in caplog.records if record.name == "tracker.security"]
        caplog.clear()
        assert not [record for record in records if "\n" in record.getMessage()]
        return [json.loads(record.getMessage()) for record in records]

    return since


Told = Callable[[], list[dict[str, Any]]]


def line(event: str, outcome: str, person: User | None, **more: str) -> dict[str, Any]:
    number = person.id if person else None
    return {"event": event, "outcome": outcome, "person": number, "from": ELSEWHERE, **more}


def test_signing_in_and_out_by_password_is_told(client: Client, kari: User, told: Told) -> None:
    try_password(client)
    assert told() == [line("signed_in", "password", kari)]
    client.send("/sign-out")
    assert told() == [line("signed_out", "this_browser", kari)]
    client.send("/sign-out")
    assert told() == []


def test_asking_for_a_link_and_signing_in_with_it_is_told_without_the_link(
    client: Client, database: Database, kari: User, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        ask_for_link(client)
    assert told() == [line("link_asked", "mailed", kari)] * 3 + [
        line("link_asked", "mailed_before", kari)
    ]
    ask_for_link(client, "nobody@ks.example")
    assert told() == [line("link_asked", "nobody", None)]
    link = links(database)[0]
    client.submit(link)
    assert told() == [line("signed_in", "link", kari)]
    client.send(link)
    assert told() == [line("failed", "link_used", None)]


def test_signing_in_on_a_demonstration_is_told(app: Flask, database: Database, told: Told) -> None:
    with database.session(write=True) as session:
        installation.set_demonstration(session, on=make.TODAY)
        ida = make.user(session, email=ADVISER)
    cast("Client", app.test_client()).send("/sign-in/demonstration", user_id=ida.id)
    assert told() == [line("signed_in", "demonstration", ida) | {"from": "127.0.0.1"}]


def test_a_wrong_password_and_a_reached_limit_are_told(
    client: Client, kari: User, told: Told
) -> None:
    for _ in range(6):
        try_password(client, "guess")
    assert told() == [line("failed", "password", kari)] * 5 + [
        line("locked", "password:address", kari)
    ]
    try_password(client, "guess", "nobody@ks.example")
    assert told() == [line("failed", "password", None)]


def test_too_many_links_from_one_place_are_told(
    client: Client, database: Database, kari: User, now: Clock, told: Told
) -> None:
    use_up(database, sign_in.LINK_BY_IP, ELSEWHERE, now)
    ask_for_link(client)
    assert told() == [line("locked", "link:ip", kari)]


def test_a_wrong_present_password_and_its_limit_are_told(
    client: Client, kari: User, told: Told
) -> None:
    try_password(client)
    told()
    typed = {"current_password": "guess", "new_password": "helt nye ord her"}
    for _ in range(6):
        client.send("/account/password", **typed)
    route = {"route": "POST /account/password"}
    assert told() == [line("failed", "present_password", kari)] * 5 + [
        line("locked", "too_many_attempts", kari, **route)
    ]


def test_signing_out_one_browser_and_everywhere_is_told_once_each(
    app: Flask, client: Client, kari: User, told: Told
) -> None:
    try_password(cast("Client", app.test_client()))
    try_password(client)
    told()
    other = [
        form.action
        for form in html.forms(client.page("/account"), "/account")
        if "browsers" in form.action
    ][-1]
    client.send(other)
    client.send(other)
    assert told() == [line("signed_out", "one_browser", kari)]
    client.send("/account/sign-out-everywhere")
    assert told() == [line("signed_out", "everywhere", kari)]


def test_a_refusal_is_told_with_the_route_and_not_the_path(
    client: Client, kari: User, told: Told
) -> None:
    try_password(client)
    told()
    client.get("/people/7")
    rule = "GET /people/<int:user_id>"
    assert told() == [line("refused", "not_for_your_role", kari, route=rule)]
    client.post("/sign-in/link/secret")
    assert told() == [line("refused", "csrf", kari, route="POST /sign-in/link/<token>")]


def test_what_was_not_committed_is_not_told(
    app: Flask, client: Client, kari: User, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_session: Session) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Session, "commit", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    assert try_password(client).status_code == 500
    assert ask_for_link(client).status_code == 500
    assert told() == []


def test_no_line_holds_a_secret_or_what_somebody_typed(
    client: Client,
    database: Database,
    kari: User,
    now: Clock,
    caplog: pytest.LogCaptureFixture,
    told: Told,
) -> None:
    link = link_for(database, kari, now)
    try_password(client, "guessed secret", "my password by mistake")
    try_password(client, "guessed secret")
    ask_for_link(client)
    client.submit(link)
    client.submit("/account/password", new_password="helt nye ord her")
    mailed, token = links(database)[0], client.get_cookie("tracker")
    assert token is not None
    written = caplog.text
    assert len(told()) == 4
    secrets = (
        "secret",
        "mistake",
        "helt nye",
        ADDRESS,
        link,
        mailed,
        token.value,
        "/sign-in/link/",
    )
    assert [secret for secret in secrets if secret in written] == []


def test_a_line_stays_one_line_of_bounded_length_whatever_comes_in(told: Told) -> None:
    security.note(
        "refused", outcome="x" * 5000, person=None, network_address="1\n2\u2028INFO\r", route="y"
    )
    [found] = told()
    assert found["from"] == "1\n2\u2028INFO\r"
    assert len(found["outcome"]) == security.LONGEST


def test_a_link_issued_by_command_is_in_the_audit_log(
    app: Flask, database: Database, kari: User
) -> None:
    done = app.test_cli_runner().invoke(args=["users", "login-link", ADDRESS])
    assert done.exit_code == 0
    with database.session(write=False) as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.actor) == ("user.link_issued", "system")
    assert (event.entity, event.entity_id) == ("user", kari.id)


def test_the_account_shows_when_and_from_where_one_signed_in_also_what_has_ended(
    app: Flask, client: Client, database: Database, kari: User, now: Clock
) -> None:
    phone = cast("Client", app.test_client())
    phone.environ_base |= {"REMOTE_ADDR": "198.51.100.4", "HTTP_USER_AGENT": "iPhone Safari/604"}
    phone.submit(link_for(database, kari, now))
    phone.send("/sign-out")
    now.advance(days=1)
    try_password(client)
    with database.session(write=True) as session:
        make.user(session, "Ola", email="ola@ks.example", password_hash=QUICK.hash(PASSWORD))
    theirs = cast("Client", app.test_client())
    theirs.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    try_password(theirs, email="ola@ks.example")
    page = html.text(client.page("/account"))
    current, latest = page.split("Your last sign-ins", 1)
    assert ELSEWHERE in current
    assert "198.51.100.4" not in current, "that browser is signed out"
    assert latest.index(ELSEWHERE) < latest.index("198.51.100.4"), "the newest comes first"
    for shown in ("Safari on iPhone", "Link by e-mail", "Password", "2 Mar 2026", "3 Mar 2026"):
        assert shown in latest
    assert "203.0.113.9" not in page, "nobody sees another's"
