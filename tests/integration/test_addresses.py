"""Addresses that no page of ours links to are answered with a page, never with a failure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests import factories as make
from tests.client import Client
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.models import User

Sign = Callable[[User], Client]
BELOW_ALL: Final = "-" + "9" * 25
ABOVE_ALL: Final = "9" * 25
NUMBERED: Final = (
    "/people?before=",
    "/people?after=",
    "/people/new?actor=",
    "/mailbox?older_than=",
    "/mailbox?newer_than=",
    "/reminders/log?older_than=",
    "/reminders/log?newer_than=",
    "/tasks?under=",
    "/tasks?goal=",
)


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.fixture
def reader(database: Database, as_user: Sign) -> Client:
    """Somebody with all roles whose pages have such addresses."""
    with database.session(write=True) as session:
        user = make.user(session, role=Role.ADMIN)
        make.membership(session, user, Role.COORDINATOR)
        make.task(session)
    return as_user(user)


def test_a_number_that_is_no_id_is_as_none(reader: Client) -> None:
    for address in NUMBERED:
        for number in (BELOW_ALL, "0", ABOVE_ALL):
            reader.page(address + number)


def test_control_characters_are_left_out_of_a_search(reader: Client) -> None:
    for address in ("/people?q=", "/mailbox?to=", "/tasks?q=", "/reminders/log?receiver="):
        reader.page(address + "a%00b%1B")


def test_a_place_in_the_list_that_no_row_has_leads_to_its_start(reader: Client) -> None:
    for sort, *values in (
        ("reference", "\0"),
        ("reference", "\ud800"),
        ("deadline", "2026-03-02", True),
        ("newest", "0001-01-01T00:00:00+23:00", 1),
        ("newest", "9999-12-31T23:59:59-23:00", 1),
    ):
        reader.page(f"/tasks?sort={sort}&page={cursor(sort, 0, *values)}", status=400)


def test_nobody_has_a_number_that_is_no_id(client: Client) -> None:
    for number in (BELOW_ALL, ABOVE_ALL):
        answer = client.send("/sign-in/demonstration", user_id=number)
        assert answer.status_code == 404
