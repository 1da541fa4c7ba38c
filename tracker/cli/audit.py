"""`audit verify`: walks the hash chain of the audit log, and the rows that it speaks of."""

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
    """Walk the chain and compare the updates and deadline changes it speaks of.

    Exit 1 and name the first event or row that is not as it was written.
    """
    with transaction(write=False) as (session, _now):
        result = log.verify(session, expected_head=head)
    if damage := result.damage:
        where = f"Event {damage.event_id}" if damage.event_id else "The tables"
        raise click.ClickException(f"{where}: {damage.what}.")
    click.echo(f"{result.count} events, the chain holds. Last hash: {result.head}")
