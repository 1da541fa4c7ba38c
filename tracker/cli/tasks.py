"""`tasks list`: every task, for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from tracker.cli.common import Group, transaction
from tracker.services import listings


@click.group(cls=Group)
def tasks() -> None:
    """Look at the tasks."""


@tasks.command("list")
@click.option("--json", "as_json", is_flag=True, help="For scripts; what is not settled is null.")
@with_appcontext
def list_tasks(*, as_json: bool) -> None:
    """List all recommendations, goals and measures by reference."""
    with transaction(write=False) as (session, _now):
        found = listings.tasks(session)
    if as_json:
        rows = [asdict(task) for task in found]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1, default=str))
        return
    for task in found:
        click.echo("\t".join(str(value or "-") for value in asdict(task).values()))
