"""Everything in one process tree: the web in a gunicorn worker, with the scheduler beside it."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

Starter = Callable[[], Callable[[], None]]
"""Begins the jobs and gives what ends them."""

THREADS = 8
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


class _Worker(ThreadWorker):
    """One worker with threads; Ctrl-C lets it finish what it does, as a stop request would."""

    def handle_quit(self, sig: int, frame: Any) -> None:
        self.handle_exit(sig, frame)


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
