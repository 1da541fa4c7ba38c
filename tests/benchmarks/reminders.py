"""Reminders: planning, queueing, rendering, sending and recording, beside what mail costs bare."""

from __future__ import annotations

import datetime as dt
import gc
import smtplib
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import func, select, update

from config import Settings, SmtpSettings
from tests.benchmarks.cases import prepare
from tests.benchmarks.installations import TASKS_PER_PERSON, Installation, Installations
from tests.benchmarks.smtp_sink import Sink
from tracker.db import Database
from tracker.domain.reminder_steps import Section
from tracker.mail import letters
from tracker.mail.digest import Digest, Line
from tracker.mail.letters import Frame
from tracker.mail.message import Email, Mailbox
from tracker.mail.senders import make_sender
from tracker.models import OutgoingEmail, Reminder
from tracker.services import delivery, reminders

SENDER: Final = "tracker@tracker.example"


def digests(made: Installations, sink: Sink, *, tasks: int) -> dict[str, Any]:
    """Send `tasks` due tasks, fifty to a person, as one digest to each."""
    people = tasks // TASKS_PER_PERSON
    with made.copy(tasks) as installation:
        now = prepare(installation, open_tasks=tasks, due=tasks, people=people)
        row = _run(installation, sink, now, mails=people, lines=tasks)
    row["beyond_smtplib_s"] = row["seconds"] - row["smtplib_s"]
    return row


def single(made: Installations, sink: Sink, *, tasks: int) -> dict[str, Any]:
    """Send one due task to each of as many people, beside a loop without any of the promises."""
    with made.copy(tasks) as installation:
        installation.command("demo", "--people", str(tasks))
        now = prepare(installation, open_tasks=tasks, due=tasks, people=tasks)
        row = _run(installation, sink, now, mails=tasks, lines=tasks)
        row["loop_s"] = _loop(installation, sink, now, mails=tasks)
    row["of_loop"] = row["loop_s"] / row["deliver_s"]
    row["of_smtplib"] = row["smtplib_s"] / row["deliver_s"]
    return row


def _run(
    installation: Installation, sink: Sink, now: dt.datetime, *, mails: int, lines: int
) -> dict[str, Any]:
    """Plan and deliver as a morning's run does; then hand over the same bytes with smtplib."""
    settings = _settings(installation, sink)
    with installation.database() as database:
        plan = _seconds(lambda: _plan(database, settings, now))
        deliver = _seconds(lambda: _deliver(database, settings, now))
        with database.session(write=False) as session:
            sent = session.scalars(
                select(func.count()).select_from(Reminder).where(Reminder.state == "sent")
                .where(Reminder.settled_at == now)
            ).one()  # fmt: skip
    taken = sink.mails()
    assert sent == lines, f"{sent} of {lines} reminders were sent"
    assert len({receiver for receiver, _content in taken}) == len(taken) == mails
    smtplib_seconds = _seconds(lambda: _hand_over(sink, taken))
    assert sink.mails() == taken
    return {
        "tasks": lines,
        "mails": mails,
        "mebibytes": sum(len(content) for _receiver, content in taken) / 2**20,
        "plan_s": plan,
        "deliver_s": deliver,
        "seconds": plan + deliver,
        "smtplib_s": smtplib_seconds,
    }


def _plan(database: Database, settings: Settings, now: dt.datetime) -> None:
    with database.session(write=True) as session:
        assert reminders.plan_run(session, settings=settings, now=now, slot=now)


def _deliver(database: Database, settings: Settings, now: dt.datetime) -> None:
    with closing(make_sender(settings.smtp)) as sender:
        delivery.deliver_due(database, sender, settings=settings, now=lambda: now)


def _hand_over(sink: Sink, mails: list[tuple[str, bytes]]) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port) as smtp:
        for receiver, content in mails:
            smtp.sendmail(SENDER, receiver, content)


def _loop(installation: Installation, sink: Sink, now: dt.datetime, *, mails: int) -> float:
    """Make, send and note mails of one line with two commits each, and nothing else."""
    settings = _settings(installation, sink)
    with installation.database() as database, closing(make_sender(settings.smtp)) as sender:
        with database.session(write=False) as session:
            ids = session.scalars(
                select(OutgoingEmail.id).order_by(OutgoingEmail.id.desc()).limit(mails)
            ).all()
        assert len(ids) == mails

        def loop() -> None:
            for email_id in ids:
                _note(database, email_id, state="queued")
                sender.send(_letter(email_id, now))
                _note(database, email_id, state="sent")

        seconds = _seconds(loop)
    assert len(sink.mails()) == mails
    return seconds


def _note(database: Database, email_id: int, *, state: str) -> None:
    with database.session(write=True) as session:
        session.connection().execute(
            update(OutgoingEmail).where(OutgoingEmail.id == email_id).values(state=state)
        )


def _letter(number: int, now: dt.datetime) -> Email:
    line = Line(
        section=Section.DUE_SOON,
        ref=f"DIFI-1.{number}",
        title="Utarbeide veileder i innovative anskaffelser",
        title_locale="nb",
        url=f"http://127.0.0.1:8000/answer/{number}.{'x' * 40}",
        by_link=True,
        deadline=now.date(),
    )
    digest = Digest(
        today=now.date(),
        name="Kari Nordmann",
        actor="KS",
        shared_mailbox=False,
        audiences=(),
        lines=(line,),
    )
    rendered = letters.digest(Frame(locale="nb", base_url="http://127.0.0.1:8000"), digest)
    return Email(
        message_id=f"<{number}@tracker.example>",
        sender=Mailbox(address=SENDER, name="Oppfølging"),
        to=Mailbox(address=f"person{number}@tracker.example", name="Kari Nordmann"),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        locale="nb",
        kind="digest",
        sent_at=now,
    )


def _settings(installation: Installation, sink: Sink) -> Settings:
    smtp = SmtpSettings(host="127.0.0.1", port=sink.port, tls="off")
    return replace(installation.settings, smtp=smtp)


def _seconds(do: Callable[[], None]) -> float:
    gc.collect()
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
