"""`db upgrade`, `db downgrade`, `db check`: migrations."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from tracker.cli.common import Group, is_current, require_current
from tracker.db import Database
from tracker.services import migrations
from tracker.web.context import tracker


@click.group(cls=Group)
def db() -> None:
    """Bring the database's tables to the version of the program."""


def _database() -> Database:
    """Return the database once it has answered."""
    database = tracker().database
    is_current(database)
    return database


@db.command()
@click.argument("revision", default="head")
@with_appcontext
def upgrade(revision: str) -> None:
    """Migrate up to REVISION (default: the newest)."""
    migrations.upgrade(_database(), revision)


@db.command()
@click.argument("revision")
@with_appcontext
def downgrade(revision: str) -> None:
    """Migrate down to REVISION (-1: one step back). What only newer tables hold is lost."""
    migrations.downgrade(_database(), revision)


@db.command()
@with_appcontext
def check() -> None:
    """Say whether the database fits the program; exit 1 if not."""
    database = tracker().database
    require_current(database)
    if found := migrations.differences(database):
        raise click.ClickException("The tables differ from the models:\n" + "\n".join(found))
    click.echo("The database is up to date.")
