"""The cookie of a browser in which somebody has signed in, by which it is known the next time.

It names the person and the browser and is signed. It opens nothing: whoever has it may guess that
person's password under a limit of its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Final

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from tracker.models import User
from tracker.services.sign_in import KnownBrowser

MAX_AGE: Final = dt.timedelta(days=365)


def read() -> KnownBrowser | None:
    """Return who has last signed in here; None where that is nobody or made up."""
    try:
        user_id, number = _serializer().loads(request.cookies.get(_name(), ""))
    except BadSignature:
        return None
    return KnownBrowser(user_id, number)


def remember(response: Response, user: User) -> None:
    """Give the browser its cookie; one who comes back keeps the number, and what was counted."""
    known = read()
    is_same = known is not None and known.user_id == user.id
    number = known.number if known is not None and is_same else secrets.token_hex(16)
    response.set_cookie(
        _name(),
        _serializer().dumps([user.id, number]),
        max_age=MAX_AGE,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-browser"


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(
        current_app.secret_key or "",
        salt="known-browser",
        signer_kwargs={"digest_method": hashlib.sha256},
    )
