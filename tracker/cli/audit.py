"""`audit verify`: walks the hash chain of the audit log."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from tracker.cli.common import Group, transaction
from tracker.services import audit as log


@click.group(cls=Group)
def audit() -> None:
    """Check the audit log."""


@audit.command()
@click.option("--head", metavar="HASH", help="A last hash noted earlier, outside the database.")
@with_appcontext
def verify(head: str | None) -> None:
    """Walk the chain; exit 1 and name the event where it does not hold."""
    with transaction(write=False) as (session, _now):
        result = log.verify(session, expected_head=head)
    if result.damage:
        raise click.ClickException(f"Event {result.damage.event_id}: {result.damage.what}.")
    click.echo(f"{result.count} events, the chain holds. Last hash: {result.head}")
