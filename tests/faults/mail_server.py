"""A mail server in a process of its own, told beforehand what goes wrong and at which mail.

What it takes it writes to a file before it says so. The file outlives every process, so it is what
the tests count.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from config import SmtpSettings, StartTls
from tests.faults.forked import FORKED
from tests.faults.mail_server_process import run
from tests.faults.orders import Fault, Signal
from tests.faults.waiting import DEADLINE


class Arrival(NamedTuple):
    """A mail that the server took."""

    to: str
    message_id: str
    port: int


class MailServer:
    """The running server as the tests see it."""

    def __init__(self, ports: list[int], file: Path, wire: Connection) -> None:
        self.ports = ports
        self._file = file
        self._wire = wire

    def settings(self, place: int = 0, *, tls: StartTls = "off") -> SmtpSettings:
        """Return how to reach one of its ports."""
        return SmtpSettings(
            "localhost" if tls == "required" else "127.0.0.1", self.ports[place], tls=tls
        )

    def arrivals(self) -> list[Arrival]:
        """Return what it took, in order."""
        return [Arrival(*json.loads(line)) for line in self._file.read_text().splitlines()]

    def arrived(self) -> Counter[str]:
        """Return how many mails each address got."""
        return Counter(arrival.to for arrival in self.arrivals())

    def break_down(self, fault: Fault) -> None:
        """Let `fault` begin."""
        self._ask("break_down", fault)

    def mend(self) -> None:
        """End the fault."""
        self._ask("mend")

    def refuse_receivers(self, *addresses: str) -> None:
        """Answer from now on that there is no such user."""
        self._ask("refuse_receivers", frozenset(addresses))

    def order(self, signal: Signal | None) -> None:
        """Arm a signal in place of the one before, or none."""
        self._ask("order", signal)

    def signalled(self) -> int | None:
        """Return the process to which the signal has been sent, if it has."""
        found: int | None = self._ask("signalled")
        return found

    def start_anew(self) -> None:
        """Forget everything that was said and taken."""
        self.order(None)
        self.mend()
        self.refuse_receivers()
        self._file.write_bytes(b"")

    def _ask(self, name: str, *arguments: Any) -> Any:
        self._wire.send((name, arguments))
        assert self._wire.poll(DEADLINE), f"the mail server does not {name}"
        return self._wire.recv()


@contextmanager
def mail_server(folder: Path, *, ports: int = 1) -> Iterator[MailServer]:
    """Run a mail server that listens on so many `ports`."""
    file = folder / "arrivals"
    file.touch()
    ours, theirs = FORKED.Pipe()
    process = FORKED.Process(target=run, args=(theirs, file, ports), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.poll(DEADLINE), "the mail server does not start"
        yield MailServer(ours.recv(), file, ours)
    finally:
        ours.close()
        process.join(DEADLINE)
        process.kill()
