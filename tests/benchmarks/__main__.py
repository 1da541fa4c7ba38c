"""`make bench`: measure, print tables and write JSON. docs/performance.md explains the figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from tests.benchmarks import pages, planning, reminders, scaling, start, tables
from tests.benchmarks.installations import ROOT, Installations, installations
from tests.benchmarks.load import Clients
from tests.benchmarks.smtp_sink import smtp_sink
from tests.benchmarks.tables import Row

PARTS: Final = ("pages", "digests", "single", "scaling", "planning", "start")


def main() -> None:
    """Measure what the command line asks for."""
    asked = _arguments()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tracker-bench-") as folder, _clients(asked) as clients:
        for kind in asked.databases:
            with installations(kind, Path(folder)) as made:
                for part in asked.only:
                    for row in MEASURES[part](made, asked, clients):
                        rows.append({"part": part, "database": kind, **row})
                        click.echo("  ".join(map(str, rows[-1].values())), err=True)
    click.echo(tables.render(rows))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"processors": os.cpu_count(), "python": platform.python_version()}
    result = {"machine": machine, "asked": sys.argv[1:], "rows": rows}
    asked.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    click.echo(f"Written to {asked.json}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description='Options go in BENCH, as in make bench BENCH="--only start".'
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--tasks", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--workers", nargs="+", default=["sync", "gthread"])
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--mails", type=int, default=10_000, help="due tasks to send")
    parser.add_argument("--rounds", type=int, default=5, help="of which medians are taken")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each page and round")
    parser.add_argument("--json", type=Path, default=ROOT / ".test" / "benchmark.json")
    return parser.parse_args()


@contextmanager
def _clients(asked: argparse.Namespace) -> Iterator[list[Clients]]:
    groups = [Clients(number) for number in asked.clients]
    yield groups
    for group in groups:
        group.close()


def _pages(
    made: Installations, asked: argparse.Namespace, clients: Sequence[Clients]
) -> Iterator[Row]:
    for tasks in asked.tasks:
        for worker_class in asked.workers:
            for row in pages.measure(
                made.of(tasks),
                worker_class,
                clients=clients,
                rounds=asked.rounds,
                seconds=asked.seconds,
            ):
                yield {"tasks": tasks, "workers": worker_class, **row}


def _digests(made: Installations, asked: argparse.Namespace, _clients: object) -> Iterator[Row]:
    with smtp_sink(made.folder) as sink:
        yield reminders.digests(made, sink, tasks=asked.mails)


def _single(made: Installations, asked: argparse.Namespace, _clients: object) -> Iterator[Row]:
    with smtp_sink(made.folder) as sink:
        yield reminders.single(made, sink, tasks=asked.mails)


def _scaling(made: Installations, asked: argparse.Namespace, _clients: object) -> Iterator[Row]:
    yield from scaling.measure(made, mails=asked.mails)


def _planning(made: Installations, asked: argparse.Namespace, _clients: object) -> Iterator[Row]:
    for tasks in (max(asked.tasks) // 2, max(asked.tasks)):
        yield planning.measure(made, tasks=tasks, of=max(asked.tasks))


def _start(made: Installations, asked: argparse.Namespace, _clients: object) -> Iterator[Row]:
    yield from start.measure(made.of(min(asked.tasks)), rounds=asked.rounds)


MEASURES: Final[dict[str, Callable[[Installations, Any, Sequence[Clients]], Iterator[Row]]]] = {
    "pages": _pages,
    "digests": _digests,
    "single": _single,
    "scaling": _scaling,
    "planning": _planning,
    "start": _start,
}

if __name__ == "__main__":
    main()
