"""Where somebody goes after signing in, with what was typed before the session expired.

`kept` is a dictionary of `path` (what the form was sent to; empty where nothing was sent), `page`
(where the form is), `fields` (pairs of name and value), `user_id` (whose session it was) and
`again` (whether that person is signed in still, but has to show anew who they are).
Through the sign-in page it travels signed in a hidden field, afterwards it lies in the session's
row.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Final
from urllib.parse import urlsplit

from flask import current_app, request, session
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from tracker.models import User
from tracker.services import sessions
from tracker.web.context import TOKEN, db, now, tracker

HOME: Final = "/"
MAX_AGE: Final = dt.timedelta(days=1)
MOST_CHARACTERS: Final = 200_000
"""Of the signed text; the largest form that Werkzeug reads has 500,000 bytes."""


def safe_path(target: str | None) -> str | None:
    """Return `target` if it is the address of a page of ours, as path and query; else None."""
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return None
    # Browsers drop tabs and line ends before they look at an address.
    if any(character <= " " or character == "\x7f" for character in target):
        return None
    return target if _is_page(urlsplit(target).path) else None


def of_this_post(*, again: bool = False) -> dict[str, Any]:
    """Return what was typed into the form that this POST came from, and where that form is."""
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and "password" not in name
    ]
    referrer = urlsplit(request.referrer or "")
    came_from = None
    if referrer.netloc == urlsplit(tracker().settings.base_url).netloc:
        came_from = safe_path(referrer._replace(scheme="", netloc="", fragment="").geturl())
    here = request.full_path if request.query_string else request.path
    page = safe_path(here) or came_from or HOME
    # Another site could make somebody send text that is not theirs.
    own = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return {
        "path": request.path if own else "",
        "page": page,
        "fields": fields if own else [],
        "user_id": sessions.user_of(db(), token=session.get(TOKEN, "")),
        "again": again,
    }


def to(page: str, *, again: bool = False) -> dict[str, Any]:
    """Return that somebody wants to come to `page`, with nothing sent."""
    return {"path": "", "page": page, "fields": [], "user_id": None, "again": again}


def belonging_to(user: User, kept: dict[str, Any]) -> dict[str, Any]:
    """Return `kept` for the person who typed it; for anybody else only where the form is.

    Else somebody could have a link sent to another's address, with a text that is not theirs.
    """
    return kept if kept["user_id"] == user.id else to(kept["page"])


def sign(kept: dict[str, Any]) -> str:
    """Return `kept` as text that only we can have written; without what is too long to carry."""
    text = _serializer().dumps(kept | {"at": now().isoformat()})
    if len(text) > MOST_CHARACTERS:
        text = sign(kept | {"fields": []})
    return text


def read(text: str | None) -> dict[str, Any]:
    """Return what `sign` made; the way home where it is missing, changed or too old."""
    if text is None or len(text) > MOST_CHARACTERS:
        return to(HOME)
    try:
        kept: dict[str, Any] = _serializer().loads(text)
    except BadSignature:
        return to(HOME)
    if now() - dt.datetime.fromisoformat(kept.pop("at")) > MAX_AGE:
        return to(kept["page"])
    return kept


def _is_page(path: str) -> bool:
    try:
        current_app.create_url_adapter(request).match(path, method="GET")  # type: ignore[union-attr]
    except RequestRedirect:
        return True
    except HTTPException:
        return False
    return True


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(
        current_app.secret_key or "",
        salt="kept-form",
        signer_kwargs={"digest_method": hashlib.sha256},
    )
