"""Everything in one process tree: the web in a gunicorn worker, with the scheduler beside it."""

from __future__ import annotations

import logging
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread
from gunicorn.workers.gthread import ThreadWorker

Starter = Callable[[], Callable[[], None]]
"""Begins the jobs and gives what ends them."""

THREADS = 8
SLOW_CLIENTS = THREADS // 2
"""So many clients may keep threads waiting at once."""
READ_SECONDS = 20
"""How long a client may take to send a request, headers and body."""
GRACE_SECONDS = 0.25
"""For so long, all in all, a request may be waited for without being a slow one."""
# A mail on its way is given this many seconds to end when the process is told to stop.
GRACE = 10


class PortTakenError(Exception):
    """Another program listens there, or the address is not this machine's."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket on `host` (name or IP address) and `port`; raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        # Python adds the address to the system's words.
        reason = str(getattr(error, "strerror", None) or error).partition(" (")[0]
        raise PortTakenError(reason) from error


class _Patience(SocketUnreader):
    """Reads one request from its socket, for a limited time.

    Whoever keeps a thread waiting needs one of few places, so that threads are left for others. A
    client that is too slow, or finds no place, is treated like one that has gone.
    """

    places = threading.BoundedSemaphore(SLOW_CLIENTS)

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._ends_at = time.monotonic() + READ_SECONDS
        self._grace = GRACE_SECONDS
        self._has_place = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes, or none where the client has gone or is too slow."""
        began = time.monotonic()
        has_data = _arrives(self.sock, self._grace)
        self._grace -= time.monotonic() - began
        if not has_data and self._take_place():
            has_data = _arrives(self.sock, self._ends_at - time.monotonic())
        return bytes(super().chunk(size_hint)) if has_data else b""

    def end(self) -> None:
        """Leave the place to others."""
        if self._has_place:
            self.places.release()

    def _take_place(self) -> bool:
        self._has_place = self._has_place or self.places.acquire(blocking=False)
        return self._has_place


class _Worker(ThreadWorker):
    """One worker with threads; Ctrl-C lets it finish what it does, as a stop request would."""

    def handle_quit(self, sig: int, frame: Any) -> None:
        self.handle_exit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """Answer a request; a connection on which nothing comes waits outside the threads."""
        if not (conn.initialized or conn.wait_for_data(GRACE_SECONDS)):
            return gthread._DEFER  # noqa: SLF001 - what gunicorn's own method returns
        conn.init()
        # Each request on a kept connection has its own time; what was read ahead is kept.
        patient = _Patience(conn.sock)
        patient.unread(conn.parser.unreader.take_buffered())
        conn.parser.unreader = patient
        try:
            is_kept = super().handle(conn)
        finally:
            patient.end()
        if not is_kept:
            _hang_up(conn.sock)
        return is_kept


def _hang_up(connection: socket.socket) -> None:
    """Give the client a moment to take the answer and close.

    Gunicorn then closes at once; else it would wait for the client in the thread that accepts.
    """
    ends_at = time.monotonic() + GRACE_SECONDS
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left := ends_at - time.monotonic()) > 0 and _arrives(connection, left):
            if not connection.recv(65536):
                break
        connection.shutdown(socket.SHUT_RD)


def _arrives(connection: socket.socket, seconds: float) -> bool:
    """Return whether there is something to read, or the other end has closed, within `seconds`."""
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(max(seconds, 0) * 1000))


class _Server(BaseApplication):
    """Gunicorn without command line or configuration file."""

    def __init__(self, app: Flask, listener: socket.socket, start_jobs: Starter) -> None:
        self.app = app
        self.listener = listener
        self.start_jobs = start_jobs
        self.stop_jobs: Callable[[], None] = lambda: None
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": f"fd://{self.listener.fileno()}",
            "worker_class": _Worker,
            # One process answers, so that the scheduler in it runs once.
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": GRACE,
            # What a proxy says is read by the application, and only where a setting says so.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": self._start,
            "worker_exit": self._stop,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app

    def _start(self, _worker: _Worker) -> None:
        self.stop_jobs = self.start_jobs()

    def _stop(self, _arbiter: Any, _worker: _Worker) -> None:
        self.stop_jobs()


def serve(app: Flask, listener: socket.socket, *, start_jobs: Starter) -> None:
    """Answer on `listener` and run the jobs until SIGINT or SIGTERM; exits the process.

    The caller has closed its database connections: a worker process must not inherit them.
    """
    _log()
    _Server(app, listener, start_jobs).run()


def stop_requests() -> threading.Event:
    """Return what SIGINT and SIGTERM set from now on, instead of ending the process at once.

    To be called before the process says that it can be stopped.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


def work(start_jobs: Starter, stopped: threading.Event) -> None:
    """Run the jobs without the web until `stopped` is set."""
    _log()
    stop_jobs = start_jobs()
    stopped.wait()
    stop_jobs()


def _log() -> None:
    """Write to standard error what operators need: runs, sent mail, the audit log's head."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("tracker").setLevel(logging.INFO)
