"""More workers: how many mails leave a second, beside what the mail server takes at most."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final

import click
from sqlalchemy import func, select

from config import SmtpSettings
from tests.benchmarks.cases import prepare
from tests.benchmarks.installations import ROOT, Installation, Installations
from tests.benchmarks.smtp_sink import Sink, smtp_sink
from tracker import clock
from tracker.mail.senders import make_sender
from tracker.models import OutgoingEmail
from tracker.services import delivery, reminders

WORKERS: Final = {"sqlite": (1,), "postgresql": (1, 2, 4)}
ANSWER_SECONDS: Final = 0.005
"""So long the mail server takes for each mail, as one that writes it to its disk."""
SENDER: Final = "tracker@tracker.example"


def measure(made: Installations, *, mails: int) -> Iterator[dict[str, Any]]:
    """Send the same `mails` single mails with more and more workers, and then without them."""
    with made.copy(mails) as planned:
        planned.command("demo", "--people", str(mails))
        now = prepare(planned, open_tasks=mails, due=mails, people=mails)
        _plan(planned, now)
        planned.settle()
        alone = 0.0
        for workers in WORKERS[made.kind]:
            with (
                made.copy_of(planned) as installation,
                smtp_sink(made.folder, connections=workers, seconds=ANSWER_SECONDS) as sink,
            ):
                before = _processor_time()
                seconds = _send(installation, sink, now, workers=workers)
                busy, idle = (
                    after - was for was, after in zip(before, _processor_time(), strict=True)
                )
                taken = sink.mails()
                _check(installation, taken, now, mails=mails)
                limit = mails / _hand_over(sink, taken, connections=workers)
            rate = mails / seconds
            alone = alone or rate
            yield {
                "workers": workers,
                "mails": mails,
                "seconds": seconds,
                "mails_s": rate,
                "of_one": rate / alone,
                "smtplib_s": limit,
                "of_smtplib": rate / limit,
                "processors_busy": busy / (busy + idle),
            }


def _processor_time() -> tuple[int, int]:
    """Return how long the machine's processors have been busy and idle, in ticks."""
    ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, idle


def _plan(installation: Installation, now: dt.datetime) -> None:
    with installation.database() as database, database.session(write=True) as session:
        assert reminders.plan_run(session, settings=installation.settings, now=now, slot=now)


def _send(installation: Installation, sink: Sink, now: dt.datetime, *, workers: int) -> float:
    """Return the seconds from the word to go until the last worker finds nothing any more."""
    command = [sys.executable, "-m", "tests.benchmarks.scaling", str(sink.port), now.isoformat()]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command, cwd=ROOT, env=installation.environment, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                )
            )
            for _ in range(workers)
        ]  # fmt: skip
        for process in processes:
            assert _pipe(process.stdout).readline() == "ready\n"
        began = time.perf_counter()
        for process in processes:
            _pipe(process.stdin).close()
        for process in processes:
            assert process.wait() == 0
        return time.perf_counter() - began


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe
    return pipe


def work(installation: Installation, port: int, moment: dt.datetime) -> None:
    """Deliver as a worker does, from the word to go on; the time begins at `moment` and runs."""
    smtp = SmtpSettings(host="127.0.0.1", port=port, tls="off")
    settings = replace(installation.settings, smtp=smtp)
    with installation.database() as database, closing(make_sender(settings.smtp)) as sender:
        with database.session(write=False) as session:
            session.scalar(select(1))
        click.echo("ready")
        sys.stdin.read()
        began = clock.now()
        delivery.deliver_due(
            database, sender, settings=settings, now=lambda: moment + (clock.now() - began)
        )


def _check(
    installation: Installation, taken: list[tuple[str, bytes]], now: dt.datetime, *, mails: int
) -> None:
    """Fail unless everybody got one mail, at the first attempt."""
    assert len({receiver for receiver, _content in taken}) == len(taken) == mails
    with installation.database() as database, database.session(write=False) as session:
        sent = session.scalar(
            select(func.count(OutgoingEmail.id)).where(
                OutgoingEmail.created_at == now,
                OutgoingEmail.state == "sent",
                OutgoingEmail.attempts == 1,
            )
        )
    assert sent == mails, f"{sent} of {mails} mails were sent at the first attempt"


def _hand_over(sink: Sink, taken: list[tuple[str, bytes]], *, connections: int) -> float:
    """Return the seconds that the same mails take with bare smtplib over as many connections."""
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_hand_over_some, args=(sink.port, taken[number::connections]))
        for number in range(connections)
    ]
    began = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - began
    assert len(sink.mails()) == len(taken)
    return seconds


def _hand_over_some(port: int, mails: list[tuple[str, bytes]]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for receiver, content in mails:
            smtp.sendmail(SENDER, receiver, content)


if __name__ == "__main__":
    work(Installation.here(), int(sys.argv[1]), dt.datetime.fromisoformat(sys.argv[2]))
