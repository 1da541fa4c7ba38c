"""What every request is held to: when it reads and writes, whose it is, and what it keeps."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from tests import demonstration, html, mails
from tests import factories as make
from tests.client import Client, Clock, tracker_of
from tracker.db import Database
from tracker.domain.roles import Person
from tracker.models import User

Sign = Callable[[User | Person], Client]
FORM = "application/x-www-form-urlencoded"


def checked_out(app: Flask) -> int:
    return tracker_of(app).database.engine.pool.checkedout()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def coordinator(database: Database) -> Person:
    with database.session(write=True) as session:
        return make.coordinator(session, locale="en")


@pytest.fixture
def log(database: Database, coordinator: Person) -> int:
    """More reminders than one piece of the log's export holds."""
    with database.session(write=True) as session:
        owner = make.actor(session)
        kari = make.user(session, at=owner)
        tasks = [
            make.task(session, owner=owner, responsible=kari, deadline=mails.DUE_IN_A_WEEK)
            for _ in range(60)
        ]
        mails.queue_digest(session, kari, [mails.line(task) for task in tasks])
    return len(tasks)


def test_a_hundred_downloads_hold_no_connection(
    app: Flask, as_user: Sign, coordinator: Person, log: int
) -> None:
    reader = as_user(coordinator)
    for _ in range(100):
        text = reader.get("/reminders/log.csv").text
        assert checked_out(app) == 0
    assert len(text.splitlines()) == 1 + log


def test_a_hundred_downloads_broken_off_in_the_middle_hold_no_connection(
    app: Flask, as_user: Sign, coordinator: Person, log: int
) -> None:
    reader = as_user(coordinator)
    for _ in range(100):
        response = reader.get("/reminders/log.csv", buffered=False)
        assert next(iter(response.response)), "the first piece"
        assert checked_out(app) == 0, "a client that reads slowly holds none either"
        response.close()
        assert checked_out(app) == 0


class Trickle(io.RawIOBase):
    """A body of which each reading gives little; notes what the application holds meanwhile."""

    def __init__(self, app: Flask, body: bytes, *, breaks: type[Exception] | None = None) -> None:
        super().__init__()
        self.held: list[int] = []
        self._app, self._rest, self._breaks = app, io.BytesIO(body), breaks

    def readable(self) -> bool:
        return True

    def sent_as(self, length: int) -> dict[str, Any]:
        """Return what a server says of the request."""
        return {"wsgi.input": self, "CONTENT_LENGTH": str(length), "CONTENT_TYPE": FORM}

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self.held.append(checked_out(self._app))
        piece = self._rest.read(min(len(buffer), 10))
        if not piece and self._breaks:
            raise self._breaks
        buffer[: len(piece)] = piece
        return len(piece)


def test_a_body_is_read_before_any_transaction_opens(
    app: Flask, as_user: Sign, coordinator: Person
) -> None:
    browser = as_user(coordinator)
    [form] = html.forms(browser.page("/meetings/new"), "/meetings/new")
    fields = form.filled(title="Spring meeting", held_on="2026-04-01")
    body = urlencode(fields, doseq=True).encode()
    slow = Trickle(app, body)
    response = browser.post(form.action, environ_overrides=slow.sent_as(len(body)))
    assert response.status_code == 303
    assert len(slow.held) > 5
    assert set(slow.held) == {0}


@pytest.mark.parametrize("breaks", [None, TimeoutError, ConnectionResetError])
def test_a_body_that_breaks_off_is_answered_in_the_persons_language_and_writes_nothing(
    app: Flask,
    as_user: Sign,
    coordinator: Person,
    breaks: type[Exception] | None,
) -> None:
    browser = as_user(coordinator)
    browser.page("/meetings")
    slow = Trickle(app, b"title=Spring", breaks=breaks)
    response = browser.post(
        "/meetings/new",
        environ_overrides=slow.sent_as(1_000),
        headers={"Accept-Language": "en"},
    )
    assert response.status_code == 408
    assert 'lang="en"' in response.text
    assert set(slow.held) == {0}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_head_answers_as_get_does(
    app: Flask, database: Database, now: Clock, as_user: Sign
) -> None:
    demonstration.make(app, database, now)
    visitor = as_user(demonstration.user(database, "secretariat"))
    stranger = app.test_client()
    for address in [*demonstration.addresses(app, database), "/reminders/log.csv"]:
        for browser in (visitor, stranger):
            got, head = browser.get(address), browser.head(address)
            assert (head.status_code, head.location) == (got.status_code, got.location), address
            assert head.data == b""


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/sign-in", "/", "/static/app.css"])
def test_another_host_than_the_base_address_is_refused(
    client: Client, host: str, path: str
) -> None:
    response = client.get(path, headers={"Host": host, "Accept-Language": "en"})
    assert response.status_code == 400
    assert "Go to http://127.0.0.1:8000" in response.text
    assert "evil" not in response.text


def test_the_base_address_and_this_machine_are_answered_and_health_whatever_the_host(
    client: Client,
) -> None:
    for host in ("127.0.0.1:8000", "localhost", "127.0.0.1"):
        assert client.get("/sign-in", headers={"Host": host}).status_code == 200
    for path in ("/healthz", "/healthz/reminders"):
        assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code != 400


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Script-Name": "//evil.example"},
        {"X-Forwarded-Proto": "gopher", "X-Forwarded-For": "6.6.6.6"},
        {"Forwarded": "for=6.6.6.6;host=evil.example;proto=https"},
    ],
)
def test_what_a_client_says_in_the_name_of_a_proxy_changes_nothing(
    client: Client, headers: dict[str, str]
) -> None:
    plain, claimed = (client.get("/sign-in", headers=sent) for sent in ({}, headers))
    assert "evil" not in claimed.text
    assert [line for line in claimed.text.splitlines() if "src=" in line or "href=" in line] == [
        line for line in plain.text.splitlines() if "src=" in line or "href=" in line
    ]


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/answer/none", "strict-origin"),
        ("/sign-in/link/none", "strict-origin"),
        ("/unsubscribe/none", "strict-origin"),
        ("/sign-in", "same-origin"),
    ],
)
def test_the_address_of_a_mailed_link_is_told_to_nobody_as_where_one_came_from(
    client: Client, path: str, policy: str
) -> None:
    assert client.get(path).headers["Referrer-Policy"] == policy
