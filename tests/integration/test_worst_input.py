"""The worst that can be sent into each form: refused at once, nothing written, never a crash."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import demonstration, html
from tests.client import Client, Clock
from tests.html import Form
from tracker.db import Database
from tracker.domain.roles import Person
from tracker.models import AuditHead, User

Sign = Callable[[User | Person], Client]
pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

MARKS: Final = "a" + "\u0315\u0300" * 21_000
"""Four times what the longest field takes, and more."""
DIGITS: Final = "9" * 5_000
"""More than Python turns into a number, and than any column holds."""
NO_TEXT: Final = frozenset({"csrf_token", "submission"})


def _forms(visitors: list[Client], app: Flask, database: Database) -> Iterator[tuple[Client, Form]]:
    """Give each form of the product once, with somebody who may send it."""
    seen = set()
    for address in demonstration.addresses(app, database):
        for visitor in visitors:
            response = visitor.get(address)
            if response.mimetype != "text/html" or response.status_code != 200:
                continue
            for form in html.forms(html.parse(response.text), address):
                if form.method == "post" and form.action not in seen:
                    seen.add(form.action)
                    yield visitor, form


@pytest.mark.parametrize("worst", [MARKS, DIGITS], ids=["marks", "digits"])
def test_every_field_of_every_form_is_measured_before_any_work_is_done_on_it(
    app: Flask,
    database: Database,
    now: Clock,
    as_user: Sign,
    monkeypatch: pytest.MonkeyPatch,
    worst: str,
) -> None:
    demonstration.make(app, database, now)
    demonstration.run_reminders(app, "", now, demonstration.MONDAY_SEVEN)
    normalised = [0]
    normalize = unicodedata.normalize

    def watched(form: Any, text: str) -> str:
        normalised.append(len(text))
        return normalize(form, text)

    people = ("secretariat", "administrator", "adviser")
    visitors = [as_user(demonstration.user(database, who)) for who in people]
    forms = list(_forms(visitors, app, database))
    monkeypatch.setattr("tracker.domain.text.unicodedata.normalize", watched)
    answers: dict[str, int] = {}
    for visitor, form in forms:
        for name in set(form.fields) - NO_TEXT:
            events = _events(database)
            sent = form.filled(**{name: worst})
            status = visitor.post(form.action, data=sent).status_code
            answers[f"{form.action} {name}: {status}"] = status
            if status < 400:
                assert _events(database) - events <= 1, f"{form.action} {name} was taken"
    assert len(answers) > 60
    assert [what for what, status in answers.items() if status >= 500] == []
    assert max(normalised) <= 40_000


def _events(database: Database) -> int:
    with database.session(write=False) as session:
        return session.scalars(select(func.coalesce(AuditHead.last_id, 0))).one()


@pytest.mark.parametrize(
    "address", ["/tasks", "/people", "/mailbox", "/reminders/log", "/unsettled"]
)
def test_numbers_and_words_in_an_address_are_measured_too(
    app: Flask, database: Database, now: Clock, as_user: Sign, address: str
) -> None:
    demonstration.make(app, database, now)
    visitor = as_user(demonstration.user(database, "administrator"))
    names = ("q", "to", "receiver", "page", "older_than", "newer_than", "after", "before", "person")
    statuses = {
        visitor.get(address, query_string={name: text}).status_code
        for name in names
        for text in (DIGITS[:5_000], MARKS[:2_000], "1" * 12, "[" * 3_000)
    }
    assert max(statuses) < 500
