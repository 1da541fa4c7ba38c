"""A guest: this machine once more, in which programs are installed and do what they like.

What is written in it lies in memory and is gone afterwards. It has processes and a network of its
own, in which nobody is but itself, so programs listen on their usual ports and reach nothing else.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import pytest

from tests.integration.operating import ROOT, SECONDS, commands

FETCHED: Final = ROOT / ".test" / "recipes"
"""Where tests/recipes/setup.sh puts packages, in a folder for each program."""
MAKE: Final = """
set -eu
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount -t proc proc /mnt/root/proc
mount --rbind /dev /mnt/root/dev
ip link set lo up
echo made
exec chroot /mnt/root sleep infinity
"""
ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
NEW_NETWORK: Final = 0x40000000
"""CLONE_NEWNET of sched.h."""
Made = TypeVar("Made")


@dataclass(frozen=True)
class Guest:
    """Process 1 of the guest, by its number outside."""

    process: int

    def run(self, *command: str, given: bytes | str = b"") -> str:
        """Run a command as root, which must succeed; return what it prints."""
        done = self.try_to_run(*command, given=given)
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, f"{command}: {said}"
        return said

    def try_to_run(
        self, *command: str, given: bytes | str = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._enter(), *command], env=ENVIRONMENT, check=False, timeout=SECONDS,
            input=given.encode() if isinstance(given, str) else given,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @contextmanager
    def started(self, *command: str) -> Iterator[None]:
        """Run a command meanwhile, and tell it to end afterwards."""
        told = ["setpriv", "--pdeathsig", "TERM"]
        with subprocess.Popen([*self._enter(), *told, *command], env=ENVIRONMENT) as process:
            try:
                yield
            finally:
                process.terminate()

    def _enter(self) -> list[str]:
        into = ("mount", "net", "pid", "root", "wdns=/")
        return ["nsenter", f"--target={self.process}", *(f"--{name}" for name in into), "--"]

    def do(self, lines: list[str]) -> None:
        """Run commands that the page shows."""
        self.run("sh", "-euc", "\n".join(lines))

    def write(self, path: str, text: str, *, more: bool = False) -> None:
        """Write a file, or `more` at the end of one."""
        self.run("sh", "-euc", 'cat >>"$1"' if more else 'cat >"$1"', "sh", path, given=text)

    def read(self, path: str) -> str:
        """Return what stands in a file, nothing where there is none."""
        return self.run("sh", "-c", 'cat "$1" 2>/dev/null || true', "sh", path)

    def connect(self, port: int) -> socket.socket:
        """Open a connection to a port of the guest's own address."""
        return self._inside(lambda: socket.create_connection(("127.0.0.1", port), SECONDS))

    def listen(self, port: int) -> socket.socket:
        """Listen on a port of the guest's own address."""
        return self._inside(lambda: socket.create_server(("127.0.0.1", port)))

    def _inside(self, make: Callable[[], Made]) -> Made:
        """Make a socket in the guest's network: it stays there, and a thread alone goes in."""
        made: list[Made] = []
        failed: list[BaseException] = []

        def go() -> None:
            network = os.open(f"/proc/{self.process}/ns/net", os.O_RDONLY)
            try:
                assert ctypes.CDLL(None).setns(network, NEW_NETWORK) == 0
                made.append(make())
            except OSError as error:
                failed.append(error)
            finally:
                os.close(network)

        thread = threading.Thread(target=go)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]


@contextmanager
def guest(program: str) -> Iterator[Guest]:
    """Give a guest with a program that tests/recipes/setup.sh has fetched; skip without."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a guest")
    if not (FETCHED / program).is_dir():
        pytest.skip(f"{program} is not there; tests/recipes/setup.sh says why")
    # The guest goes when the tests are killed.
    with_us = ["setpriv", "--pdeathsig", "KILL"]
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL"]
    with subprocess.Popen(
        [*with_us, *unshare, "sh", "-c", MAKE], stdout=subprocess.PIPE
    ) as outside:
        try:
            assert outside.stdout
            if outside.stdout.readline() != b"made\n":
                pytest.skip("this machine lets nobody make a guest")
            children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text()
            made = Guest(int(children))
            _install(made, program)
            yield made
        finally:
            outside.kill()


def _install(guest: Guest, program: str) -> None:
    guest.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
    guest.run("chmod", "755", "/usr/sbin/policy-rc.d")
    packages = sorted(str(path) for path in (FETCHED / program).glob("*.deb"))
    if packages:
        guest.run("dpkg", "--install", *packages)


def set_up(guest: Guest) -> None:
    """Install the product as the page says, from this repository and its Python."""
    guest.run("ln", "-s", str(ROOT), "/opt/tracker")
    python = (ROOT / ".venv" / "bin" / "python").resolve()
    for folder in (ROOT, ROOT.joinpath(".venv").resolve(), python):
        for above in folder.parents:
            guest.run("chmod", "a+x", str(above))
    left_out = ("apt-get ", "git ", "python3 ", "/opt/tracker/.venv/bin/pip ", "systemctl ")
    guest.do([line for line in commands("One machine") if not line.startswith(left_out)])
    guest.run("sed", "-i", "/^TRACKER_SMTP_URL=/d", "/etc/tracker/tracker.env")
    guest.run("tracker", "db", "upgrade")


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look again and again whether something has come about, for a minute."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS} seconds: {what}"
        time.sleep(0.1)
