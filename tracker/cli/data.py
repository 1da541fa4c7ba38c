"""`seed` and `demo`: the starting set, and invented data around it."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from tracker.cli.common import Command, the_tracker, transaction
from tracker.domain.errors import ConflictError
from tracker.services import demonstration, starting_set

MOST_TASKS = 1_000_000
MOST_PEOPLE = 100_000
REFUSALS = {
    "demonstration_people": "There are other people here; invented data is never mixed with them.",
    "demonstration_smtp": "TRACKER_SMTP_URL leads to another machine; invented data stays on this.",
}


@click.command(cls=Command)
@with_appcontext
def seed() -> None:
    """Load the starting set; twice changes nothing.

    Five sources with their context, six recommendations, three goals and the forum's seats. What
    people have changed is never overwritten, and no receiver's address is stored.
    """
    with transaction(write=True) as (session, now):
        added = starting_set.load(session, now=now)
    if added:
        click.echo("Added: " + ", ".join(f"{count} {what}" for what, count in added.items()))
    else:
        click.echo("The starting set is here already; nothing was changed.")


@click.command(cls=Command)
@click.option(
    "--reset", is_flag=True, help="Throw the demonstration away and make it around today."
)
@click.option(
    "--tasks",
    type=click.IntRange(0, MOST_TASKS),
    default=0,
    metavar="N",
    help="Add N synthetic measures, each with three updates.",
)
@click.option(
    "--people",
    type=click.IntRange(0, MOST_PEOPLE),
    default=0,
    metavar="M",
    help="Add M synthetic people.",
)
@with_appcontext
def demo(*, reset: bool, tasks: int, people: int) -> None:
    """Make demonstration data around today: invented people, owners, deadlines and history.

    All addresses lie under .example. Refused where there are other people, or mail is set to leave
    this machine. Where there is a demonstration already it is kept, unless --reset is given.
    """
    tracker = the_tracker()
    settings, now = tracker.settings, tracker.now()
    with transaction(write=False) as (session, _now):
        made_on = demonstration.made_on(session)
    if reset or made_on is None:
        click.echo("Making the demonstration; this takes some seconds.", err=True)
    try:
        if reset:
            demonstration.renew(tracker.database, settings=settings, now=now)
        elif made_on is None:
            demonstration.make(tracker.database, settings=settings, now=now)
        else:
            click.echo(f"The demonstration made on {made_on} is kept; --reset renews it.")
        if tasks or people:
            demonstration.enlarge(
                tracker.database,
                tasks=tasks,
                people=people,
                settings=settings,
                now=now,
                progress=lambda done: click.echo(f"{done} of {tasks} measures", err=True),
            )
    except ConflictError as error:
        raise click.ClickException(REFUSALS[error.code]) from error
    if reset or made_on is None:
        click.echo("The demonstration is made.")
    if tasks or people:
        click.echo(f"Added {tasks} measures and {people} people.")
