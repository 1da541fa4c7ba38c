"""What belongs to one request: the transaction, the time, and who acts."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, cast

from flask import Flask, current_app, flash, g, redirect, request, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.wrappers import Response
from sqlalchemy.orm import Session
from werkzeug.exceptions import ClientDisconnected, RequestTimeout
from werkzeug.local import LocalProxy

from config import Settings
from tracker import clock, i18n
from tracker.db import UNAVAILABLE, Database
from tracker.domain.errors import ForbiddenError
from tracker.domain.roles import Person
from tracker.i18n import _
from tracker.models import Way
from tracker.services import audit, installation, sessions, submissions

EXTENSION = "tracker"
TOKEN = "token"  # noqa: S105 - the name of the cookie's field
TOKEN_PLACE = "<token>"  # noqa: S105 - stands for the secret in a kept address
Place = TypeVar("Place")

logger = logging.getLogger(__name__)


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


def proof() -> Way | None:
    """Return how the person has recently shown in this browser who they are, or None."""
    current_person()
    return cast("Way | None", g.get("proof"))


def network_address() -> str:
    """Return where the request comes from."""
    return request.remote_addr or ""


def kept_form() -> dict[str, Any] | None:
    """Return what was typed into a form before signing in and is not sent yet, or None."""
    current_person()
    return cast("dict[str, Any] | None", g.get("kept_form"))


def about() -> installation.About:
    """Return what the installation is."""
    if "about" not in g:
        g.about = installation.about(db())
    return cast("installation.About", g.about)


def is_demonstration() -> bool:
    """Return whether the installation holds demonstration data."""
    return about().demonstration_on is not None


def _signed_in() -> Person | None:
    token = session.get(TOKEN)
    if not token:
        return None
    found = sessions.resolve(db(), token=token, now=now())
    if found is None:
        return None
    g.session_id = found.session_id
    g.kept_form = found.kept_form
    g.proof = found.proof
    if found.stale:
        if request.method == "POST":
            sessions.touch(db(), session_id=found.session_id, now=now())
        else:
            # A GET reads; the last-seen time has a short transaction of its own.
            try:
                with tracker().database.session(write=True) as writing:
                    sessions.touch(writing, session_id=found.session_id, now=now())
            except UNAVAILABLE:
                logger.warning("The last use of a session could not be noted")
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


def streamed(
    portion: Callable[[Session, Place | None], tuple[str, Place | None]],
) -> Iterator[str]:
    """Give a long answer in pieces: `portion` reads the one at a place, and names the next.

    Each piece has a session of its own, because the request's has ended by then; so a client that
    reads slowly, or goes away in the middle, holds no connection.
    """
    app = cast("LocalProxy[Flask]", current_app)._get_current_object()  # noqa: SLF001 - documented
    database, locale = tracker().database, i18n.get_locale()

    def pieces() -> Iterator[str]:
        place: Place | None = None
        while True:
            with (
                app.app_context(),
                i18n.use_locale(locale),
                database.session(write=False) as session,
            ):
                text, place = portion(session, place)
            yield text
            if place is None:
                return

    return pieces()


def end() -> None:
    """Give up the request's transaction and what was noted in it, if there is one."""
    transaction = g.pop("db", None)
    if transaction is not None:
        audit.discard_pending(transaction)
        transaction.close()


class Application(Flask):
    """Flask with a transaction around each view: the one place that commits."""

    def dispatch_request(self) -> Response:
        """Answer a request; a form that was sent twice is answered as it was the first time.

        What a POST changes is lasting before anything is answered, so an error of the commit is
        treated like one of the view.
        """
        if request.method != "POST":
            return self.make_response(super().dispatch_request())
        # A form with another file is another one; files are not compared.
        fields = [] if request.files else request.form.items(multi=True)
        key = submissions.key_of(request.path, fields)
        if key and (place := submissions.earlier(db(), key=key)) is not None:
            flash(_("This was sent twice, and was done once."), "info")
            return self.make_response(redirect(_with_token(place), HTTPStatus.SEE_OTHER))
        token = session.get(TOKEN)
        response = self.make_response(super().dispatch_request())
        if response.status_code < HTTPStatus.BAD_REQUEST or g.get("commit_despite_error", False):
            # Signing in is answered with a cookie, which a second answer would lack.
            self._commit(response, key if session.get(TOKEN) == token else None)
        return response

    def _commit(self, response: Response, key: str | None) -> None:
        if response.status_code == HTTPStatus.SEE_OTHER and key:
            place = _without_token(response.location or "")
            submissions.note(db(), key=key, place=place, now=now())
        kept = g.get("kept_form")
        if kept and request.path == kept["path"] and response.status_code < HTTPStatus.BAD_REQUEST:
            sessions.forget_kept_form(db(), session_id=cast(int, session_id()))
        try:
            tracker().database.commit(db())
        except Exception:
            # Nothing of what the view did has happened, so nobody is told that it has.
            session.pop("_flashes", None)
            g.keeps_cookie = True
            raise


class Cookie(SecureCookieSessionInterface):
    """Flask's signed cookie, which a request may leave in the browser as it is."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie unless the request has set `g.keeps_cookie`."""
        if not g.get("keeps_cookie", False):
            super().save_session(app, session, response)


def _without_token(location: str) -> str:
    """Return an address of ours without the secret of the link that it lies behind."""
    token = (request.view_args or {}).get("token")
    return location.replace(token, TOKEN_PLACE) if token else location


def _with_token(location: str) -> str:
    return location.replace(TOKEN_PLACE, (request.view_args or {}).get("token", ""))


def _guess_locale() -> None:
    """Use the language of this browser until it is known who asks, so that every error has one."""
    chosen = session.get("locale")
    i18n.set_locale(chosen if chosen in i18n.LOCALES else _browser_locale())


def _browser_locale() -> str:
    for language, _quality in request.accept_languages:
        code = language.lower().replace("_", "-").split("-")[0]
        if code == "no":
            return "nb"
        if code in i18n.LOCALES:
            return code
    return tracker().settings.locale


def _read_body() -> None:
    """Read what was sent before a transaction opens: others must not wait for a slow line."""
    try:
        request.get_data(cache=True)
    except (ClientDisconnected, OSError) as error:
        raise RequestTimeout from error


def init_app(app: Flask) -> None:
    """Read each request before anything else, and end its transaction."""
    app.session_interface = Cookie()
    app.before_request(_guess_locale)
    app.before_request(_read_body)
    app.teardown_request(lambda _error: end())
