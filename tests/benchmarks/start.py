"""Starting: how soon `serve` answers, and what the imports take of that."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any, Final

from tests.benchmarks.installations import ROOT, Installation
from tests.benchmarks.servers import wait_for
from tests.browser import listening_socket

IMPORTS: Final = {"import": "import tracker", "import, reference": "import flask, sqlalchemy.orm"}


def measure(installation: Installation, *, rounds: int) -> list[dict[str, Any]]:
    """Return the median seconds from the command to the first answer, and of the imports."""
    found: dict[str, list[float]] = {}
    for _round in range(rounds):
        for name, statement in IMPORTS.items():
            found.setdefault(name, []).append(_python(installation, statement))
        found.setdefault("serve", []).append(_serve(installation))
    return [{"what": name, "seconds": statistics.median(times)} for name, times in found.items()]


def _python(installation: Installation, statement: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-c", statement]
    subprocess.run(command, cwd=ROOT, env=installation.environment, check=True)
    return time.perf_counter() - began


def _serve(installation: Installation) -> float:
    with listening_socket() as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flask", "--app", "tracker", "serve", "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env=installation.environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(port, "/sign-in")
            return time.perf_counter() - began
        finally:
            process.terminate()
