"""Turns what can go wrong into answers: the one place where a domain error meets HTTP."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from tracker.db import UNAVAILABLE
from tracker.domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ProofNeededError,
    TooManyAttemptsError,
)
from tracker.services import security
from tracker.services.installation import About
from tracker.web import context
from tracker.web.messages import words

RETRY_SECONDS = 30

STATUS = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    ConflictError: HTTPStatus.CONFLICT,
    InvalidError: HTTPStatus.BAD_REQUEST,
    TooManyAttemptsError: HTTPStatus.TOO_MANY_REQUESTS,
}


def explanation(error: DomainError) -> str:
    """Return what `error` means, in the words and language of the person."""
    return words(error.code, **error.details)


def page(status: int, message: str = "", *, retry_after: int | None = None) -> tuple[str, int]:
    """Return the error page of an HTTP status with what is known about the cause.

    Where the fault is ours, it holds what was typed, to be sent again.
    """
    return render_template(
        "errors/error.html",
        status=status,
        message=message,
        retry_after=retry_after,
        typed=_typed() if status >= HTTPStatus.INTERNAL_SERVER_ERROR else [],
    ), status


def _typed() -> list[tuple[str, str]]:
    """Return the names and values of the form that was sent, unless it holds a password.

    Its own CSRF token is among them and is not renewed: a form that another site has sent stays
    as worthless as it was.
    """
    if request.method != "POST":
        return []
    fields = list(request.form.items(multi=True))
    is_ours = any(name == "csrf_token" for name, _value in fields)
    return fields if is_ours and not any("password" in name for name, _value in fields) else []


def _domain_error(error: DomainError) -> tuple[str, int, dict[str, str]] | tuple[str, int]:
    status = STATUS[type(error)]
    if isinstance(error, ForbiddenError):
        _note("refused", error.code)
    if isinstance(error, TooManyAttemptsError):
        _note("locked", error.code)
        body, code = page(status, retry_after=error.retry_after)
        return body, code, {"Retry-After": str(error.retry_after)}
    return page(status, explanation(error))


def _http_error(error: HTTPException) -> tuple[str, int] | HTTPException:
    if error.code is None or error.code < 400:
        return error  # A redirect of the router.
    return page(error.code)


def _proof_needed(_error: ProofNeededError) -> ResponseReturnValue:
    return current_app.extensions["sign_in_again"]()  # type: ignore[no-any-return]


def _csrf_error(_error: CSRFError) -> tuple[str, int]:
    _note("refused", "csrf")
    return page(HTTPStatus.BAD_REQUEST, words("csrf"))


def _note(what: str, outcome: str) -> None:
    person = context.current_person()
    security.note(
        what,
        outcome=outcome,
        person=person.user_id if person else None,
        network_address=context.network_address(),
        # The rule and not the path, which may hold the secret of a link.
        route=f"{request.method} {request.url_rule}",
    )


def _stale(_error: StaleDataError) -> tuple[str, int]:
    return page(HTTPStatus.CONFLICT, words("changed_meanwhile"))


def _unavailable(error: Exception) -> tuple[str, int, dict[str, str]]:
    """Answer without the database, which does not go along."""
    current_app.logger.error(
        "%s %s: the database does not go along: %s",
        request.method,
        request.url_rule,
        getattr(error, "orig", error),
    )
    context.end()
    g.without_database = True
    g.setdefault("person", None)
    g.setdefault("about", About())
    body, status = page(HTTPStatus.SERVICE_UNAVAILABLE, retry_after=RETRY_SECONDS)
    return body, status, {"Retry-After": str(RETRY_SECONDS)}


def _crash(error: Exception) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    # The rule and not the path, which may hold the secret of a link.
    current_app.logger.error("%s %s failed", request.method, request.url_rule, exc_info=error)
    # The transaction may be broken; the error page reads in a fresh one, and writes nothing.
    context.end()
    g.db = context.tracker().database.open(write=False)
    try:
        return page(HTTPStatus.INTERNAL_SERVER_ERROR)
    except UNAVAILABLE as trouble:
        return _unavailable(trouble)


def init_app(app: Flask) -> None:
    """Answer every error with a page of our own."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(ProofNeededError, _proof_needed)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(StaleDataError, _stale)
    for kind in UNAVAILABLE:
        app.register_error_handler(kind, _unavailable)
    app.register_error_handler(Exception, _crash)
