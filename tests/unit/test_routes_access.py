"""Deny by default: what no rule allows, nobody may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pytest
from flask import Flask
from werkzeug.routing import Rule as Route
from werkzeug.routing.converters import NumberConverter
from werkzeug.test import TestResponse

from config import Settings
from tests import factories as make
from tests.client import Client, Clock
from tests.conftest import make_own_app
from tracker.db import Database
from tracker.domain.roles import ACTOR_ROLES, Person, Role
from tracker.models import User
from tracker.web import access
from tracker.web.messages import MESSAGES

OPEN_TO_ALL = {
    # What somebody who has got a mail wants to know before signing in, and the logo above it.
    "/help",
    "/privacy",
    "/accessibility",
    "/installation/logo",
    # Signing in and out, and the language before that.
    "/language",
    "/sign-in",
    "/sign-in/demonstration",
    "/sign-in/link/<token>",
    "/sign-in/sent",
    "/sign-out",
    # The signed link in a mail is its own right.
    "/answer/<token>",
    "/answer/<token>/no-change",
    "/answer/<token>/not-mine",
    "/answer/<token>/renew",
    "/answer/<token>/thanks",
    "/unsubscribe/<token>",
    # So is the one that a calendar program is given.
    "/calendar/<token>.ics",
    # For machines, without names of people.
    "/healthz",
    "/healthz/reminders",
    "/static/<path:filename>",
}

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


def routes(app: Flask) -> Iterator[Route]:
    return iter(sorted(app.url_map.iter_rules(), key=lambda route: (route.rule, route.endpoint)))


def path_of(app: Flask, route: Route) -> str:
    """Return an address that the route answers, with values that no row has."""
    values = {
        name: 999_999 if isinstance(route._converters[name], NumberConverter) else "none"
        for name in route.arguments
    }
    with app.test_request_context():
        url = route.build(values)
    assert url is not None
    return url[1]


def test_every_route_declares_its_rule(app: Flask) -> None:
    undeclared = [
        route.rule for route in routes(app) if access.rule_of(app, route.endpoint) is None
    ]
    assert undeclared == []


def test_only_what_must_be_is_open_to_everyone(app: Flask) -> None:
    """A new public route is a decision, and this list is where it is seen."""
    open_to_all = {
        route.rule for route in routes(app) if access.rule_of(app, route.endpoint) == access.PUBLIC
    }
    assert open_to_all == OPEN_TO_ALL


def test_a_route_without_a_rule_answers_nobody(
    settings: Settings, database: Database, now: Clock
) -> None:
    app = make_own_app(settings, database, now)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    with database.session(write=True) as session:
        admin = make.person(session, role=Role.ADMIN)
    browser = cast("Client", app.test_client()).sign_in(admin)
    assert browser.get("/forgotten").status_code == 403


@pytest.mark.parametrize("role", [None, *Role])
def test_each_route_admits_exactly_the_roles_of_its_rule(
    app: Flask,
    database: Database,
    client: Client,
    as_user: Callable[[User | Person], Client],
    role: Role | None,
) -> None:
    person = None
    if role:
        with database.session(write=True) as session:
            employer = make.actor(session) if role in ACTOR_ROLES else None
            person = make.person(session, at=employer, role=role, locale="en")
    wrong = []
    for route in routes(app):
        rule = access.rule_of(app, route.endpoint)
        assert rule is not None
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            # Anew for each request: one of the routes signs out.
            visitor = as_user(person) if person else client
            send = visitor.get if method == "GET" else visitor.send
            response = send(path_of(app, route))
            if refused(response) == rule.admits(person):
                wrong.append(f"{method} {route.rule}: {response.status}")
            response.close()
    assert wrong == []


def refused(response: TestResponse) -> bool:
    """Say whether the rule itself refused, and not the service behind it."""
    to_sign_in = response.status_code == 302 and "/sign-in?next=" in (response.location or "")
    not_signed_in = response.status_code == 401
    reasons = MESSAGES["not_for_your_role"], MESSAGES["for_the_administrator"]
    return to_sign_in or not_signed_in or any(reason in response.text for reason in reasons)
