"""The commands of `flask --app tracker`; each works on both databases."""

from __future__ import annotations

from typing import Final

import click

from tracker.cli.audit import audit
from tracker.cli.data import demo, seed
from tracker.cli.db import db
from tracker.cli.installation import installation
from tracker.cli.mail import mail
from tracker.cli.people import users
from tracker.cli.reminders import reminders
from tracker.cli.serve import serve, worker
from tracker.cli.tasks import tasks

COMMANDS: Final[tuple[click.Command, ...]] = (
    audit,
    db,
    demo,
    installation,
    mail,
    reminders,
    seed,
    serve,
    tasks,
    users,
    worker,
)
