"""A test client that reads pages, fills in forms as a person does, and refuses bad HTML."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, cast
from xml.etree import ElementTree as ET

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from tests import html
from tracker.domain.roles import Person
from tracker.models import User, Way
from tracker.services import sessions
from tracker.web.context import EXTENSION, TOKEN, Tracker


class Clock:
    """The present as the application under test sees it; moves only when told."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Move on by `timedelta(**by)`."""
        self.now += dt.timedelta(**by)


def tracker_of(app: Flask) -> Tracker:
    return cast("Tracker", app.extensions[EXTENSION])


def session_token(app: Flask, who: User | Person) -> str:
    """Begin a session for `who` and return its token."""
    tracker = tracker_of(app)
    with tracker.database.session(write=True) as session:
        user = session.get_one(User, who.user_id if isinstance(who, Person) else who.id)
        return sessions.start(session, user=user, way=Way.PASSWORD, now=tracker.now())


class Client(FlaskClient):
    """Flask's client; every HTML answer is parsed, and no request keeps a connection."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        connections = tracker_of(self.application).database.engine.pool
        before = connections.checkedout()  # type: ignore[attr-defined]
        response = super().open(*args, **kwargs)
        after = connections.checkedout()  # type: ignore[attr-defined]
        assert after == before, "the request has kept a connection to the database"
        is_page = response.mimetype == "text/html" and response.request.method != "HEAD"
        if is_page and response.status_code not in {301, 302, 303, 308}:
            html.parse(response.text)
        return response

    def sign_in(self, who: User | Person) -> Client:
        with self.session_transaction() as session:
            session[TOKEN] = session_token(self.application, who)
        return self

    def page(self, path: str, status: int = 200) -> ET.Element:
        """Return the page at `path`, which must answer with `status`."""
        response = self.get(path)
        assert response.status_code == status, f"{path}: {response.status} {response.location}"
        return html.parse(response.text)

    def send(self, path: str, **fields: Any) -> TestResponse:
        """POST `fields` with a valid CSRF token, as from a form that is not looked at."""
        with self.session_transaction() as session:
            raw = session.setdefault("csrf_token", secrets.token_hex(20))
        key = cast("str", self.application.secret_key)
        token = URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(raw)
        return self.post(path, data={"csrf_token": token} | fields)

    def submit(
        self, path: str, /, *, action: str | None = None, **typed: str | list[str]
    ) -> TestResponse:
        """Open `path`, type into its form and send it.

        The form is the first POST form that has all the fields (and `action`, if given).
        """
        found = html.forms(self.page(path), path)
        for form in found:
            fits = form.method == "post" and set(typed) <= set(form.fields)
            if fits and action in {None, form.action}:
                return self.post(form.action, data=form.filled(**typed))
        message = f"{path} has no form with {sorted(typed)}: {found}"
        raise AssertionError(message)
