"""What the commands share: a transaction, and one clear line for whatever goes wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from tracker.db import UNAVAILABLE, Database
from tracker.domain.errors import DomainError
from tracker.i18n import use_locale
from tracker.services import migrations
from tracker.web.context import Tracker, tracker
from tracker.web.errors import explanation


class TryLaterError(click.ClickException):
    """Nothing is wrong with what was asked for; a mail server tries again at this exit code."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class _TriesLater(click.Command):
    """Ends with one line, and the exit code for "try again", where the database is unavailable."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raises TryLaterError."""
        try:
            return super().invoke(ctx)
        except UNAVAILABLE as error:
            raise TryLaterError(f"The database did not go along: {_first_line(error)}") from error


class Command(_TriesLater):
    """A command of `flask --app tracker`."""


class Group(_TriesLater, click.Group):
    """Commands of `flask --app tracker` that belong together."""


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def is_current(database: Database) -> bool:
    """Return whether the database has all migrations, or end with a line if it cannot be read."""
    try:
        return migrations.is_current(database)
    except DatabaseError as error:
        raise TryLaterError(f"The database cannot be reached: {_first_line(error)}") from error


def require_current(database: Database) -> None:
    """End with a line unless the database has all migrations."""
    if not is_current(database):
        raise TryLaterError("The database is not up to date. Run: db upgrade")


def the_tracker() -> Tracker:
    """Return the application's parts, or end with a line if its database is not ready."""
    found = tracker()
    require_current(found.database)
    return found


@contextmanager
def transaction(*, write: bool) -> Iterator[tuple[Session, dt.datetime]]:
    """Give a session and the present; a refused use case ends the command with one line."""
    found = the_tracker()
    try:
        with found.database.session(write=write) as session:
            yield session, found.now()
    except DomainError as error:
        # The commands speak English, whatever language the installation has for people.
        with use_locale("en"):
            line = explanation(error) or error.code
        raise click.ClickException(line) from error
