"""`mail test`: finds out whether mail leaves this installation."""

from __future__ import annotations

from typing import BinaryIO

import click
from flask.cli import with_appcontext

import addresses
from tracker.cli.common import Group, the_tracker, transaction
from tracker.mail import bounces as reports
from tracker.mail.outcomes import Result
from tracker.mail.senders import make_sender
from tracker.services import bounces as bounced
from tracker.services import delivery, outbox


@click.group(cls=Group)
def mail() -> None:
    """Check the way mail leaves."""


@mail.command()
@click.argument("address")
@with_appcontext
def test(address: str) -> None:
    """Send one mail to ADDRESS and print the server's answer; exit 1 unless it was accepted."""
    try:
        receiver = addresses.read(address).shown
    except addresses.AddressError as error:
        raise click.ClickException(str(error)) from error
    tracker = the_tracker()
    settings = tracker.settings
    with transaction(write=True) as (session, now):
        email_id = outbox.queue_email(
            session,
            kind="test",
            addressee=outbox.to_address(receiver),
            mail_from=settings.mail_from,
            now=now,
        ).id
    sender = make_sender(settings.smtp)
    outcome = delivery.deliver_one(
        tracker.database, sender, email_id=email_id, settings=settings, now=tracker.now
    )
    sender.close()
    if outcome is None:
        raise click.ClickException("Another process is sending it; see the log of the reminders.")
    if outcome.result is not Result.ACCEPTED:
        with transaction(write=True) as (session, now):
            outbox.withdraw(session, email_id=email_id, now=now)
        raise click.ClickException(f"Not sent. {outcome.answer}")
    if settings.smtp is not None:
        click.echo(f"Sent to {address}. {outcome.answer}")
        return
    click.echo(
        f"No mail left: TRACKER_SMTP_URL is not set. What {address} would have got lies in the "
        "built-in mailbox, where administrators can read it: "
        f"{settings.base_url}/mailbox/{email_id}"
    )


@mail.command()
@click.option(
    "--file", "source", type=click.File("rb"), required=True, help="The report; - is stdin."
)
@click.option("--recipient", help="The address that the report came to; else its headers tell.")
@with_appcontext
def bounces(source: BinaryIO, recipient: str | None) -> None:
    """Read one delivery report (RFC 3464) that came back, as from a mailbox's filter.

    An address that does not exist is marked, and others get its reminders. Exit 1 where the
    file is no report about a mail of this installation; nothing is changed then.
    """
    try:
        # First: what is no report is not to wait for a database that does not answer.
        found = reports.parse(source.read(reports.LARGEST + 1))
        settings = the_tracker().settings
        with transaction(write=True) as (session, now):
            effect = bounced.take(
                session, bounce=found, recipient=recipient, settings=settings, now=now
            )
    except reports.BounceError as error:
        raise click.ClickException(f"Nothing was done: {error}.") from error
    report = found.reports[0]
    click.echo(f"{effect}: {report.recipient}: {report.outcome.answer}")
