"""Turns what can go wrong into answers: the one place where a domain error meets HTTP."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, current_app, g, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from tracker.domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooManyAttemptsError,
)
from tracker.web.messages import words

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
    """Return the error page of an HTTP status with what is known about the cause."""
    return render_template(
        "errors/error.html", status=status, message=message, retry_after=retry_after
    ), status


def _domain_error(error: DomainError) -> tuple[str, int, dict[str, str]] | tuple[str, int]:
    status = STATUS[type(error)]
    if isinstance(error, TooManyAttemptsError):
        body, code = page(status, retry_after=error.retry_after)
        return body, code, {"Retry-After": str(error.retry_after)}
    return page(status, explanation(error))


def _http_error(error: HTTPException) -> tuple[str, int] | HTTPException:
    if error.code is None or error.code < 400:
        return error  # A redirect of the router.
    return page(error.code)


def _csrf_error(_error: CSRFError) -> tuple[str, int]:
    return page(HTTPStatus.BAD_REQUEST, words("csrf"))


def _stale(_error: StaleDataError) -> tuple[str, int]:
    return page(HTTPStatus.CONFLICT, words("changed_meanwhile"))


def _crash(error: Exception) -> tuple[str, int]:
    # The rule and not the path, which may hold the secret of a link.
    current_app.logger.error("%s %s failed", request.method, request.url_rule, exc_info=error)
    # The transaction may be broken; the error page reads in a fresh one.
    transaction = g.pop("db", None)
    if transaction is not None:
        transaction.close()
    return page(HTTPStatus.INTERNAL_SERVER_ERROR)


def init_app(app: Flask) -> None:
    """Answer every error with a page of our own."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(Exception, _crash)
