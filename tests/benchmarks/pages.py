"""Pages under load: the product and a bare "hello" behind the same server, turn by turn."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import func, select

from tests.benchmarks import load
from tests.benchmarks.installations import Installation
from tests.benchmarks.load import ONCE_OR_MORE, Clients, Request, Sample
from tests.benchmarks.servers import Server, gunicorn, wait_for
from tests.client import session_token, tracker_of
from tracker import clock, create_app
from tracker.domain.status import Status
from tracker.models import StatusUpdate, Task, User
from tracker.services import sign_in
from tracker.services.task_list import PAGE_SIZE
from tracker.web.context import TOKEN

HELLO: Final = "hello"
UPDATE: Final = "update (POST)"
DETAILS: Final = 50
"""So many tasks' pages are asked for in turn."""
WARM_UP: Final = 1.0
"""Seconds for each page, not counted."""


@dataclass
class Visitor:
    """A person's browser: its cookie, and the token of its forms."""

    cookie: str
    csrf: str

    def get(self, path: str, *contains: tuple[str, int]) -> Request:
        return Request(path, contains=contains, headers={"Cookie": self.cookie})

    def post(self, path: str, to: str, **fields: str) -> Request:
        """Send a form that answers with a redirect to `to`."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"csrf_token": self.csrf} | fields)
        return Request(path, 303, ((to, ONCE_OR_MORE),), headers, body)


class Site:
    """What is asked for on one installation."""

    def __init__(self, installation: Installation) -> None:
        self._app = create_app(installation.settings)
        self._database = tracker_of(self._app).database
        with self._database.session(write=False) as session:
            people = sign_in.demonstration_people(session)
        assert people.adviser
        assert people.secretariat
        assert people.director
        self._adviser = people.adviser
        adviser = _visitor(self._app, people.adviser)
        secretariat = _visitor(self._app, people.secretariat)
        self._poster = adviser
        owner_id, shown = self._owned()
        self.pages = {
            "owner's list": [adviser.get(f"/tasks?owner={owner_id}", _rows(PAGE_SIZE))],
            "overdue list": [adviser.get("/tasks?overdue=1", _rows(PAGE_SIZE))],
            "task": [
                adviser.get(f"/tasks/{number}", (ref, ONCE_OR_MORE), ("app-timeline__head", 3))
                for number, ref in shown
            ],
            "overview, adviser": [adviser.get("/", ("Venter på deg", 1))],
            "overview, secretariat": [secretariat.get("/", ("Venter på sekretariatet", 1))],
            "overview, director": [
                _visitor(self._app, people.director).get("/", ("Anbefalinger og mål", ONCE_OR_MORE))
            ],
            "coming reminders": [secretariat.get("/reminders", ("<h1", 1))],
            "their calendar": [
                secretariat.get(
                    "/reminders/calendar?whose=all", ("app-calendar__number", ONCE_OR_MORE)
                )
            ],
        }
        self._database.dispose()

    def updates(self) -> list[Request]:
        """Return a POST for each task that the adviser may answer for, as things are now."""
        latest = (
            select(func.max(StatusUpdate.id))
            .where(StatusUpdate.task_id == Task.id)
            .scalar_subquery()
        )
        rows = self._read(
            select(Task.id, latest)
            .where(
                Task.owner_id == self._owned()[0],
                Task.status == Status.IN_PROGRESS,
                Task.deadline > clock.local_date(clock.now(), "Europe/Oslo"),
            )
            .order_by(Task.changed_at, Task.id)
        )
        return [
            self._poster.post(
                f"/tasks/{task_id}/update",
                f"/tasks/{task_id}",
                progress="on_track",
                status=Status.IN_PROGRESS,
                comment="Avtalen er på høring til 15. i neste måned.",
                seen=str(seen),
            )
            for task_id, seen in rows
        ]

    def written(self) -> int:
        """Return how many updates there are."""
        return int(self._read(select(func.count()).select_from(StatusUpdate))[0][0])

    def _owned(self) -> tuple[int, list[tuple[int, str]]]:
        """Return the adviser's actor, and the id and reference of some of its tasks."""
        owner_id = self._adviser.memberships[0].actor_id
        assert owner_id is not None
        # The newest are synthetic, and what is on hold is not updated by `updates`.
        rows = self._read(
            select(Task.id, Task.ref)
            .where(Task.owner_id == owner_id, Task.status == Status.ON_HOLD)
            .order_by(Task.id.desc())
            .limit(DETAILS)
        )
        return owner_id, [(row[0], row[1]) for row in rows]

    def _read(self, query: Any) -> Sequence[Any]:
        with self._database.session(write=False) as session:
            rows = session.execute(query).all()
        self._database.dispose()  # What is kept open must not be counted beside the server.
        return rows


def measure(
    installation: Installation,
    worker_class: str,
    *,
    clients: Sequence[Clients],
    rounds: int,
    seconds: float,
) -> Iterator[dict[str, Any]]:
    """Give a row for each page and number of clients, and one for the memory of each server."""
    site = Site(installation)
    samples: dict[tuple[str, int], list[Sample]] = {}
    with _servers(installation, worker_class) as (reference, product):
        for _round in range(rounds + 1):
            for name, server, requests in _asked(site, reference, product):
                for group in clients:
                    before = site.written() if name == UPDATE else 0
                    asked = site.updates() if name == UPDATE else requests
                    sample = group.measure(server.port, asked, seconds if _round else WARM_UP)
                    if name == UPDATE:
                        assert site.written() == before + sample.requests
                    if _round:
                        samples.setdefault((name, group.number), []).append(sample)
        memory = {HELLO: reference.memory(), "product": product.memory()}
    for (name, number), found in samples.items():
        middle = load.median(found)
        hello = load.median(samples[HELLO, number])
        yield {
            "page": name,
            "clients": number,
            "rate": middle.rate,
            "of_hello": middle.rate / hello.rate,
            "p50_ms": middle.p50,
            "p95_ms": middle.p95,
            "requests": middle.requests,
        }
    for name, mebibytes in memory.items():
        yield {"page": f"memory, {name}", "pss_mib": mebibytes}


@contextmanager
def _servers(installation: Installation, worker_class: str) -> Iterator[tuple[Server, Server]]:
    with ExitStack() as stack:
        environment = installation.environment
        reference = stack.enter_context(
            gunicorn("tests.benchmarks.hello:app", worker_class, environment)
        )
        product = stack.enter_context(gunicorn("tracker:create_app()", worker_class, environment))
        wait_for(reference.port, "/hello")
        wait_for(product.port, "/healthz")
        yield reference, product


def _asked(
    site: Site, reference: Server, product: Server
) -> Iterator[tuple[str, Server, list[Request]]]:
    yield HELLO, reference, [Request("/hello", contains=((HELLO, 1),))]
    for name, requests in site.pages.items():
        yield name, product, requests
    yield UPDATE, product, []


def _visitor(app: Flask, user: User) -> Visitor:
    """Sign `user` in."""
    secret = secrets.token_hex(20)
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    value = signer.dumps({TOKEN: session_token(app, user), "csrf_token": secret})
    key = str(app.secret_key)
    csrf = str(URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(secret))
    return Visitor(f"{app.config['SESSION_COOKIE_NAME']}={value!s}", csrf)


def _rows(number: int) -> tuple[str, int]:
    return '<th scope="row">', number
