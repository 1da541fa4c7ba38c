"""Gunicorn as a child process, and the memory that it takes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from tests.benchmarks.installations import ROOT
from tests.browser import listening_socket

WORKERS: Final = 2
THREADS: Final = 4
START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Server:
    """A server that answers on `port` of this machine."""

    port: int
    process: subprocess.Popen[bytes]

    def memory(self) -> float:
        """Return the proportional set size of all its processes in MiB."""
        return sum(map(_proportional_kib, _family(self.process.pid))) / 1024


@contextmanager
def gunicorn(app: str, worker_class: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve `app` (module:name) with two workers of `sync` or `gthread`."""
    with listening_socket() as listener:
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--no-control-socket"]
        command += ["--log-level", "warning", "--workers", str(WORKERS)]
        command += ["--worker-class", worker_class, "--threads", str(THREADS)]
        command += ["--bind", f"fd://{listener.fileno()}", app]
        with subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), pass_fds=[listener.fileno()]
        ) as process:
            try:
                yield Server(port, process)
            finally:
                process.terminate()


def wait_for(port: int, path: str, *, status: int = 200) -> None:
    """Return when `path` is answered with `status`."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request("GET", path)
            found = connection.getresponse().status
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nothing answers on port {port}"
            time.sleep(0.01)
        else:
            assert found == status, f"{path} was answered with {found}"
            return
        finally:
            connection.close()


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def _proportional_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(pid)
