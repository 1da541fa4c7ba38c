"""Planning many tasks: time and peak memory, in a process of its own."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from tests.benchmarks.cases import prepare
from tests.benchmarks.installations import ROOT, Installation, Installations
from tracker.services import reminders

DUE: Final = 10
"""One task of so many is due."""
PEOPLE: Final = 200


def measure(made: Installations, *, tasks: int, of: int) -> dict[str, Any]:
    """Plan `tasks` open tasks among `of`, a tenth of them due."""
    with made.copy(of) as installation:
        now = prepare(installation, open_tasks=tasks, due=tasks // DUE, people=PEOPLE)
        command = [sys.executable, "-m", "tests.benchmarks.planning", now.isoformat()]
        found = subprocess.run(
            command, cwd=ROOT, env=installation.environment, check=True, capture_output=True
        )
    row: dict[str, Any] = json.loads(found.stdout)
    assert row.pop("planned") == tasks // DUE
    return {"tasks": tasks, "due": tasks // DUE} | row


def plan(installation: Installation, now: dt.datetime) -> dict[str, float]:
    """Plan as a run does, and tell what this process took."""
    before = _peak_mib()
    with installation.database() as database, database.session(write=True) as session:
        began = time.perf_counter()
        run = reminders.plan_run(session, settings=installation.settings, now=now)
        assert run
        seconds = time.perf_counter() - began
    return {
        "planned": run.counts.planned,
        "plan_s": seconds,
        "peak_mib": _peak_mib(),
        "of_which_program_mib": before,
    }


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    click.echo(json.dumps(plan(Installation.here(), dt.datetime.fromisoformat(sys.argv[1]))))
