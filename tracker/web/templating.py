"""What every template may use: translation, dates, assets and who is signed in."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from flask import Flask, g, request

from tracker import clock, i18n
from tracker.services import reminder_health, submissions
from tracker.web import context, words

KEPT_ROWS: Final = 4096
"""Of lists, about a thousand characters each."""
KEPT_CHARTS: Final = 16
"""A hundred thousand characters, where there are many bars."""
STATIC = Path(__file__).parents[1] / "static"
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def asset(path: str) -> str:
    """Return the address of a static file; it changes with the file's content."""
    return f"{request.script_root}/static/{path}?v={_version(path)}"


@cache
def _version(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def task_address(task_id: int) -> str:
    """Return the address of a task's page, which stays; lists need many of them."""
    return f"{request.script_root}/tasks/{task_id}"


def _once(most: int) -> Callable[..., str]:
    """Return `once(macro, *arguments)`: what the macro makes of these arguments, made only once.

    The last `most` texts are kept, whoever they were made for. For imported macros that depend on
    nothing else but the language: the same arguments then give the same text, so that it never has
    to be thrown away. (A macro of the page itself is another one each time.)
    """

    @lru_cache(maxsize=most)
    def made(macro: Callable[..., str], arguments: Any, _locale: str, _root: str) -> str:
        text = macro(*arguments)
        if "csrf_token" in text:
            message = "a form belongs to one person and cannot be kept for others"
            raise ValueError(message)
        return text

    def once(macro: Callable[..., str], *arguments: Any) -> str:
        return made(macro, arguments, i18n.get_locale(), request.script_root)

    return once


def _choose_locale() -> None:
    person = context.current_person() if request.endpoint != "static" else None
    if person is not None:
        i18n.set_locale(person.locale)


def _globals() -> dict[str, Any]:
    identity = context.about().identity
    settings = context.tracker().settings
    return {
        "contact": identity.contact_or(settings.reply_to),
        "current_user": context.current_person(),
        "demonstration": context.is_demonstration(),
        "installation": identity,
        "locale": i18n.get_locale(),
        "mail_trouble": _mail_trouble(),
        "settings": settings,
    }


def _mail_trouble() -> bool:
    """Return whether the reader is one of those who see to it that mail gets out, and it does not.

    Mail cannot tell that there is no mail.
    """
    person = context.current_person()
    if person is None or not (person.is_coordinator or person.is_admin):
        return False
    if g.get("without_database", False):
        return False
    return reminder_health.is_mail_stuck(context.db(), now=context.now())


def _datetime_short(moment: dt.datetime) -> str:
    return i18n.format_datetime_short(moment, context.tracker().settings.timezone)


def _local_date(moment: dt.datetime) -> dt.date:
    return clock.local_date(moment, context.tracker().settings.timezone)


def _headers(response: Any) -> Any:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CSP)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # The address of a mailed link lets in whoever has it, and servers log where one came from.
    has_secret = "token" in (request.view_args or {})
    headers.setdefault("Referrer-Policy", "strict-origin" if has_secret else "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if context.tracker().settings.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint == "static" and request.args.get("v"):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    """Set up Jinja, the locale of each request and the security headers."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.gettext,
        # Jinja fills in the variables itself, and this one would do it without them.
        lambda *plural: i18n.translations(i18n.get_locale()).ungettext(*plural),
        newstyle=True,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        date_short=i18n.format_date_short,
        date_long=i18n.format_date_long,
        month=i18n.format_month,
        weekday=i18n.format_weekday,
        datetime_short=_datetime_short,
        local_date=_local_date,
    )
    app.jinja_env.globals.update(
        # Jinja's own is another function that looks for this one each time.
        _=app.jinja_env.globals["gettext"],
        asset=asset,
        current_locale=i18n.get_locale,
        deadline=i18n.format_deadline,
        words=words,
        once=_once(KEPT_ROWS),
        chart_once=_once(KEPT_CHARTS),
        submission_token=submissions.new_token,
        task_address=task_address,
    )
    app.before_request(_choose_locale)
    app.context_processor(_globals)
    app.after_request(_headers)
