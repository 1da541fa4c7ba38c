"""What belongs to one request: the transaction, the time, and who acts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, Response, current_app, g, request, session
from sqlalchemy.orm import Session

from config import Settings
from tracker import clock
from tracker.db import Database
from tracker.domain.errors import ForbiddenError
from tracker.domain.roles import Person
from tracker.services import audit, installation, sessions

EXTENSION = "tracker"
TOKEN = "token"  # noqa: S105 - the name of the cookie's field


@dataclass(frozen=True)
class Tracker:
    """What the application holds besides Flask itself."""

    settings: Settings
    database: Database
    now: Callable[[], dt.datetime]


def tracker() -> Tracker:
    """Return the application's settings, database and clock."""
    return cast(Tracker, current_app.extensions[EXTENSION])


def db() -> Session:
    """Return the request's transaction: writing for a POST, reading for everything else."""
    if "db" not in g:
        g.db = tracker().database.open(write=request.method == "POST")
    return cast(Session, g.db)


def now() -> dt.datetime:
    """Return the moment of the request, aware UTC; the same all through it."""
    if "now" not in g:
        g.now = tracker().now()
    return cast(dt.datetime, g.now)


def timezone() -> str:
    """Return the installation's time zone (IANA name)."""
    return tracker().settings.timezone


def today() -> dt.date:
    """Return the request's date in the installation's time zone."""
    return clock.local_date(now(), timezone())


def current_person() -> Person | None:
    """Return who is signed in, or None."""
    if "person" not in g:
        g.person = _signed_in()
    return cast("Person | None", g.person)


def person() -> Person:
    """Return who is signed in; a route that asks must have a rule that requires it."""
    found = current_person()
    if found is None:
        raise ForbiddenError("sign_in_first")
    return found


def session_id() -> int | None:
    """Return the id of the signed-in session, or None."""
    current_person()
    return cast("int | None", g.get("session_id"))


def kept_form() -> dict[str, Any] | None:
    """Return what was typed into a form before signing in and is not sent yet, or None."""
    current_person()
    return cast("dict[str, Any] | None", g.get("kept_form"))


def is_demonstration() -> bool:
    """Return whether the installation holds demonstration data."""
    if "demonstration" not in g:
        g.demonstration = installation.is_demonstration(db())
    return cast(bool, g.demonstration)


def _signed_in() -> Person | None:
    token = session.get(TOKEN)
    if not token:
        return None
    found = sessions.resolve(db(), token=token, now=now())
    if found is None:
        return None
    g.session_id = found.session_id
    g.kept_form = found.kept_form
    if found.stale:
        if request.method == "POST":
            sessions.touch(db(), session_id=found.session_id, now=now())
        else:
            # A GET reads; the last-seen time has a short transaction of its own.
            with tracker().database.session(write=True) as writing:
                sessions.touch(writing, session_id=found.session_id, now=now())
    return found.person


def only_read() -> None:
    """Let others write while a POST goes on that turns out to change nothing.

    What was read so far belongs to the transaction that ends here.
    """
    begun = g.pop("db", None)
    if begun is not None:
        tracker().database.commit(begun)
        begun.close()
    g.db = tracker().database.open(write=False)


def commit_despite_error() -> None:
    """Let what was written so far last although the answer is an error: counted attempts."""
    g.commit_despite_error = True


def _commit(response: Response) -> Response:
    """Commit a successful POST: the one place where a request's changes become lasting."""
    transaction = g.get("db")
    lasting = response.status_code < 400 or g.get("commit_despite_error", False)
    if transaction is not None and request.method == "POST" and lasting:
        tracker().database.commit(transaction)
    return response


def _close(_error: BaseException | None) -> None:
    transaction = g.pop("db", None)
    if transaction is not None:
        audit.discard_pending(transaction)
        transaction.close()


def init_app(app: Flask) -> None:
    """End each request's transaction."""
    app.after_request(_commit)
    app.teardown_request(_close)
