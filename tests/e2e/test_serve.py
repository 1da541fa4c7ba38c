"""The processes that stay, started as a person starts them."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.databases import migrate
from tracker import serve as processes

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0
"""Seconds after which a process that has not done what it should counts as broken."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An installation of its own, with tables and nothing in them."""
    url = f"sqlite:///{tmp_path / 'tracker.db'}"
    migrate(url)
    inherited = {name: value for name, value in os.environ.items() if "TRACKER_" not in name}
    return inherited | {"TRACKER_DATABASE_URL": url, "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


def flask(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "tracker", *arguments]


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        flask(*arguments), cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=DEADLINE, check=False,
    )  # fmt: skip


class Process:
    """A started command with what it has said so far."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.said = ""

    def wait_for(self, words: str) -> None:
        """Read until `words` were said."""
        assert self.child.stdout
        deadline = time.monotonic() + DEADLINE
        while words not in self.said:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.child.stdout], [], [], max(left, 0))
            chunk = os.read(self.child.stdout.fileno(), 65536).decode() if ready else ""
            assert chunk, f"said {self.said!r} and not {words!r}"
            self.said += chunk

    def get(self, port: int, path: str) -> int:
        """Return the status of the answer, waiting until the process listens."""
        deadline = time.monotonic() + DEADLINE
        while True:
            connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
            try:
                connection.request("GET", path)
                return connection.getresponse().status
            except ConnectionRefusedError:
                assert self.child.poll() is None, f"ended: {self.child.communicate()[0]!r}"
                assert time.monotonic() < deadline, "nobody listens"
                select.select([], [], [], 0.02)
            finally:
                connection.close()

    def end(self, number: signal.Signals) -> int:
        """Send a signal as a terminal does, to the whole group, and return the exit code."""
        os.killpg(self.child.pid, number)
        rest, _ = self.child.communicate(timeout=DEADLINE)
        self.said += rest.decode()
        return self.child.returncode


@contextmanager
def started(environment: dict[str, str], *arguments: str) -> Iterator[Process]:
    with subprocess.Popen(
        flask(*arguments), cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    ) as child:  # fmt: skip
        try:
            yield Process(child)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_says_where_and_ends_cleanly(
    environment: dict[str, str], port: int, number: signal.Signals
) -> None:
    with started(environment, "serve", "--port", str(port)) as process:
        assert process.get(port, "/healthz") == 200
        process.wait_for("Ctrl-C")
        began = time.monotonic()
        assert process.end(number) == 0
    assert time.monotonic() - began < processes.GRACE, "it had to be killed"
    assert f"http://127.0.0.1:{port}/" in process.said
    assert "Traceback" not in process.said


def test_a_browser_that_keeps_its_connection_does_not_hold_up_the_end(
    environment: dict[str, str], port: int
) -> None:
    with started(environment, "serve", "--port", str(port)) as process:
        process.get(port, "/healthz")
        browser = HTTPConnection("127.0.0.1", port)
        browser.request("GET", "/healthz")
        browser.getresponse().read()
        began = time.monotonic()
        assert process.end(signal.SIGINT) == 0
        assert time.monotonic() - began < processes.GRACE, "it had to be killed"
        browser.close()


def test_slow_clients_keep_neither_all_threads_nor_the_database(
    environment: dict[str, str], port: int
) -> None:
    half_sent = [
        b"",
        b"GET / HTTP/1.1\r\nHost: 127",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nemail=",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
    ]
    with started(environment, "serve", "--port", str(port)) as process, ExitStack() as closing:
        assert process.get(port, "/healthz") == 200
        slow = []
        for sent in half_sent * processes.THREADS:
            client = closing.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(sent)
            slow.append(client)
        assert process.get(port, "/healthz") == 200
        assert process.get(port, "/sign-in") == 200
        answered, _, _ = select.select(slow, [], [], 0)
        assert len(slow) - len(answered) >= processes.SLOW_CLIENTS, "all have been given up"


def test_a_client_that_is_too_slow_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0)
    monkeypatch.setattr(processes, "READ_SECONDS", 0.01)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"begun")
        reader = processes._Patience(ours)
        assert reader.chunk() == b"begun"
        assert reader.chunk() == b""
        theirs.sendall(b"rest")
        assert reader.chunk() == b"rest", "what has come by then is read"
        reader.end()


def test_no_more_clients_than_there_are_places_keep_a_thread_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0)
    monkeypatch.setattr(processes._Patience, "places", threading.BoundedSemaphore(1))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first, second = processes._Patience(ours), processes._Patience(ours)
        assert first._take_place()
        assert second.chunk() == b"", "turned away at once"
        first.end()
        assert second._take_place()


@pytest.mark.parametrize("path", ["/sign-in", "//evil.example/sign-in"])
def test_the_script_name_that_a_client_claims_changes_no_address(
    environment: dict[str, str], port: int, path: str
) -> None:
    claims = "SCRIPT_NAME: //evil.example\r\nScript-Name: //evil.example\r\nPATH_INFO: /x\r\n"
    with started(environment, "serve", "--port", str(port)) as process:
        process.get(port, "/healthz")
        with socket.create_connection(("127.0.0.1", port)) as client:
            begin = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            client.sendall(f"{begin}{claims}\r\n".encode())
            answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    assert answer.startswith(("HTTP/1.1 200", "HTTP/1.1 308", "HTTP/1.1 404"))
    assert "evil.example/static" not in answer
    assert "Location: //" not in answer
    assert "://evil" not in answer


def test_the_slot_of_today_runs_at_once(environment: dict[str, str], port: int) -> None:
    # Whatever the hour is, the first minute of the day has passed.
    with started(environment | {"TRACKER_SLOTS": "00:00"}, "serve", "--port", str(port)) as process:
        deadline = time.monotonic() + DEADLINE
        while process.get(port, "/healthz/reminders") != 200:
            assert time.monotonic() < deadline, "no run has been recorded"
            select.select([], [], [], 0.1)


def test_an_installation_without_mail_server_says_so_and_where_the_mails_are(
    environment: dict[str, str], port: int
) -> None:
    with started(environment, "serve", "--port", str(port)) as process:
        process.wait_for("TRACKER_SMTP_URL is not set")
        process.wait_for(f"http://127.0.0.1:{port}/mailbox")


def test_a_demonstration_says_who_to_be_and_where_the_mails_are(
    environment: dict[str, str], port: int
) -> None:
    for command in ("seed", "demo"):
        done = run(environment, command)
        assert done.returncode == 0, done.stderr
    with started(environment, "serve", "--port", str(port)) as process:
        process.wait_for("demonstration")
        process.wait_for(f"http://127.0.0.1:{port}/mailbox")


def test_a_taken_port_is_one_clear_line(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(environment, "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Address already in use" in done.stderr


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_database_without_tables_is_one_clear_line(
    environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    environment["TRACKER_DATABASE_URL"] = f"sqlite:///{tmp_path / 'empty.db'}"
    done = run(environment, command)
    assert done.returncode == 75
    assert done.stderr.count("\n") == 1
    assert "db upgrade" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRACKER_LOCALE", "no"),
        ("TRACKER_DATABASE_URL", "sqlite:////dev/null/tracker.db"),
        ("TRACKER_SMTP_URL", "mail.example"),
    ],
)
def test_a_wrong_setting_is_one_clear_line_with_its_name(
    environment: dict[str, str], name: str, value: str
) -> None:
    done = run(environment | {name: value}, "serve")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert name in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_ends_cleanly_from_its_first_word_on(
    environment: dict[str, str], number: signal.Signals
) -> None:
    with started(environment, "worker") as process:
        process.wait_for("Reminders")
        assert process.end(number) == 0
    assert "Traceback" not in process.said
