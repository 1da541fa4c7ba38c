"""Every list says how many there are, and why it is empty."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest
from flask import Flask

from tests import demonstration, html
from tests import factories as make
from tests.client import Client, Clock
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import User

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

LISTS: Final = (
    "/actors",
    "/mailbox",
    "/reminders/log",
    "/sources",
    "/tasks",
    "/unsettled",
)


@pytest.fixture
def reader(database: Database, as_user: Callable[[User | Person], Client]) -> Client:
    """Somebody who may read all lists."""
    with database.session(write=True) as session:
        user = make.user(session, role=Role.ADMIN)
        make.membership(session, user, Role.COORDINATOR)
    return as_user(user)


def _classes(client: Client, address: str, name: str) -> list[str]:
    """Return what the elements of class `name` say on the page."""
    return [
        html.text(element)
        for element in client.page(address).iter()
        if name in element.get("class", "").split()
    ]


def test_every_list_says_how_many_there_are(
    app: Flask, database: Database, now: Clock, as_user: Callable[[User | Person], Client]
) -> None:
    demonstration.make(app, database, now)
    with database.session(write=True) as session:
        user = session.merge(demonstration.user(database, "secretariat"))
        make.membership(session, user, Role.ADMIN)
    client = as_user(user)
    silent = [
        address
        for address in ("/people", *LISTS)
        if not any(re.match(r"\d+ \w", words) for words in _classes(client, address, "app-subtle"))
    ]
    assert silent == []


def test_every_list_says_why_it_is_empty(reader: Client) -> None:
    silent = [
        address
        for address in ("/people?q=nobody", "/reminders", *LISTS)
        if not any(_classes(reader, address, "app-empty"))
    ]
    assert silent == []
