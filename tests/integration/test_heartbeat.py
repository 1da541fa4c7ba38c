"""A watcher outside is called after each good run, and never keeps mail waiting."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config import Settings
from tests.client import Clock
from tracker.db import Database
from tracker.jobs import heartbeat, plan

PATIENCE = 10
"""Seconds until a test that waits in vain fails."""


class Watcher:
    """A real HTTP server; `answers` is set when it may answer."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.called, self.answers = threading.Event(), threading.Event()

    @contextmanager
    def running(self) -> Iterator[str]:
        watcher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                watcher.calls.append(self.path)
                watcher.called.set()
                watcher.answers.wait(PATIENCE)
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/ping/secret?x=1"
        self.answers.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def test_a_good_run_calls_once_and_does_not_wait_for_the_answer(
    database: Database, settings: Settings, now: Clock, watcher: Watcher
) -> None:
    with watcher.running() as url:
        watched = replace(settings, heartbeat_url=url)
        plan.tick(database, settings=watched, now=now)  # returns although nothing is answered
        assert watcher.called.wait(PATIENCE)
        plan.tick(database, settings=watched, now=now)
    assert watcher.calls == ["/ping/secret?x=1"]


def test_a_run_that_fails_does_not_call(
    database: Database, settings: Settings, now: Clock, watcher: Watcher
) -> None:
    with watcher.running() as url:
        with database.engine.execution_options(writes=True).begin() as connection:
            connection.exec_driver_sql("ALTER TABLE reminders RENAME TO gone")
        plan.tick(database, settings=replace(settings, heartbeat_url=url), now=now)
        assert not watcher.calls


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_address_where_nobody_listens_is_logged_without_its_secret(
    caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    thread = heartbeat.beat("http://127.0.0.1:9/ping/secret")
    assert thread is not None
    thread.join(PATIENCE)
    assert "no heartbeat at 127.0.0.1" in caplog.text
    assert "secret" not in caplog.text
    assert heartbeat.beat(None) is None


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_address_that_answers_letter_by_letter_is_hung_up_on(
    caplog: pytest.LogCaptureFixture, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "TIMEOUT", 1)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while not ended.wait(0.1):
                    connection.sendall(b"H")

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        thread = heartbeat.beat(f"http://127.0.0.1:{server.getsockname()[1]}/")
        assert thread is not None
        thread.join(PATIENCE)
        ended.set()
        dripping.join(PATIENCE)
    assert not thread.is_alive()
    assert "no heartbeat" in caplog.text
