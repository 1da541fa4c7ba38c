"""Real web servers in front of the product, set up as docs/operations.md says.

What they pass on is taken by the tests themselves, so that they see each byte of it.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from flask import Flask, request, request_started

from config import Settings
from tests.client import Clock
from tests.conftest import make_app
from tests.integration.operating import SECONDS, commands
from tests.recipes.guest import Guest, guest, set_up, wait_until
from tests.recipes.page import files
from tracker.db import Database
from tracker.serve import THREADS

HOST: Final = "oppfolging.example.no"
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
BODY: Final = b"x" * 100_000
"""More than a web server keeps of a body that it passes on as it comes."""
TOKEN: Final = "the-secret-of-one-link"
CERTIFICATE: Final = f"""
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} \\
    -addext subjectAltName=DNS:{HOST} \\
    -keyout /etc/ssl/private/oppfolging.key -out /etc/ssl/oppfolging.pem
"""
PROGRAMS: Final = {"nginx": "nginx", "Apache httpd": "apache2", "Caddy": "caddy"}
START: Final = {
    "nginx": "nginx",
    "Apache httpd": "apachectl start",
    "Caddy": "caddy start --config /etc/caddy/Caddyfile >/tmp/caddy.log 2>&1",
}
LOGS: Final = {
    "nginx": "/var/log/nginx",
    "Apache httpd": "/var/log/apache2",
    "Caddy": "/tmp/caddy.log",
}


@pytest.fixture(scope="module", params=["nginx", "Apache httpd", "Caddy"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, Guest]]:
    recipe: str = request.param
    with guest(PROGRAMS[recipe]) as made:
        made.do([CERTIFICATE])
        for path, text in files(recipe).items():
            made.write(path, text)
        *before, last = commands(recipe)
        assert last == f"systemctl reload {PROGRAMS[recipe]}"
        made.do([*before, START[recipe]])
        yield recipe, made


@pytest.fixture
def upstream(server: tuple[str, Guest]) -> Iterator[socket.socket]:
    """Stand where `serve` listens."""
    with server[1].listen(8000) as listener:
        listener.settimeout(20)
        yield listener


def connected(guest: Guest) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = guest.connect(443)
    plain.settimeout(20)
    return context.wrap_socket(plain, server_hostname=HOST)


def heading(path: str, *more: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def taken(listener: socket.socket) -> bytes:
    """Take the next request that is passed on, answer it and return all of it."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(20)
        got = b""
        while not is_whole(got):
            more = connection.recv(65536)
            assert more, f"the request ends in its midst: {got[:500]!r}"
            got += more
        connection.sendall(ANSWER)
    return got


def is_whole(message: bytes) -> bool:
    start, end, body = message.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in start.lower():
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", start)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def answered(client: ssl.SSLSocket) -> bytes:
    got = b""
    while more := client.recv(65536):
        got += more
    return got


def asked(guest: Guest, listener: socket.socket, *lines: str, path: str = "/") -> bytes:
    """Ask for a page and return the request that came through."""
    with connected(guest) as client:
        client.sendall(heading(path, *lines))
        passed_on = taken(listener)
        assert b" 200 " in answered(client)
    return passed_on


@pytest.mark.parametrize("kind", ["length", "chunks"])
def test_a_body_that_trickles_in_reaches_serve_only_when_it_is_whole(
    server: tuple[str, Guest], upstream: socket.socket, kind: str
) -> None:
    chunked = b"%x\r\n%b\r\n" % (len(BODY), BODY)
    size = f"Content-Length: {len(BODY)}" if kind == "length" else "Transfer-Encoding: chunked"
    body = BODY if kind == "length" else chunked + b"0\r\n\r\n"
    with connected(server[1]) as slow:
        slow.sendall(heading("/slow", size, method="POST"))
        for place in range(0, 90_000, 10_000):
            slow.sendall(body[place : place + 10_000])
            # Meanwhile others are answered, and nothing else has been passed on.
            assert asked(server[1], upstream, path="/quick").startswith(b"GET /quick ")

        slow.sendall(body[90_000:])

        whole = taken(upstream)
        assert whole.startswith(b"POST /slow ")
        assert whole.count(b"x") >= len(BODY)
        assert b" 200 " in answered(slow)


def test_a_sender_who_falls_silent_is_not_waited_for_and_never_reaches_serve(
    server: tuple[str, Guest], upstream: socket.socket
) -> None:
    with connected(server[1]) as slow:
        slow.settimeout(SECONDS)
        slow.sendall(heading("/slow", "Content-Length: 100", method="POST") + b"x")
        assert not answered(slow).endswith(b"ok")
    assert asked(server[1], upstream, path="/quick").startswith(b"GET /quick ")


def test_serve_answers_while_more_senders_than_it_has_threads_trickle(
    server: tuple[str, Guest],
) -> None:
    _, guest = server
    set_up(guest)
    with guest.started("tracker", "serve"), contextlib.ExitStack() as slow:
        wait_until(lambda: b" 200 " in page(guest, "/healthz"), "serve answers")
        for _ in range(THREADS + 2):
            size = f"Content-Length: {len(BODY)}"
            sender = slow.enter_context(connected(guest))
            sender.sendall(heading("/sign-in", size, method="POST") + BODY[:-1])

        shown = page(guest, "/sign-in")
    wait_until(lambda: b" 50" in page(guest, "/healthz"), "serve has ended")

    assert b" 200 " in shown
    assert b"__Host-" in shown or b"Secure" in shown


def page(guest: Guest, path: str) -> bytes:
    with connected(guest) as client:
        client.sendall(heading(path))
        return answered(client)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_the_address_and_https_are_passed_on_as_the_setting_expects(
    server: tuple[str, Guest],
    upstream: socket.socket,
    settings: Settings,
    database: Database,
    now: Clock,
) -> None:
    forged = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http")
    passed_on = asked(server[1], upstream, *forged)

    app = make_app(replace(settings, proxies=1), database, now)
    assert seen_by(app, passed_on) == ("127.0.0.1", "https", HOST)


def seen_by(app: Flask, raw: bytes) -> tuple[str | None, str, str]:
    """Return the address, the scheme and the host that a request has for the product."""
    lines = raw.partition(b"\r\n\r\n")[0].decode().splitlines()[1:]
    seen: list[tuple[str | None, str, str]] = []

    def look(_app: Flask, **_more: object) -> None:
        seen.append((request.remote_addr, request.scheme, request.host))

    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    with request_started.connected_to(look, app):
        app.test_client().get("/sign-in", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    return seen[0]


@pytest.mark.parametrize("kind", ["answer", "calendar", "sign-in/link", "unsubscribe"])
def test_addresses_that_let_one_in_are_in_no_log(
    server: tuple[str, Guest], upstream: socket.socket, kind: str
) -> None:
    recipe, guest = server
    secret = f"/{kind}/{TOKEN}"
    assert asked(guest, upstream, path=secret).startswith(f"GET {secret} ".encode())
    asked(guest, upstream, f"Referer: https://{HOST}{secret}", path="/static/a.css")
    with connected(guest) as broken:
        broken.sendall(heading(secret))
        upstream.accept()[0].close()
        assert b" 50" in answered(broken)
    upstream.close()
    assert b" 50" in page(guest, secret), "nobody listens"

    def logged() -> str:
        return guest.run("sh", "-c", f"find {LOGS[recipe]} -type f | xargs cat")

    if recipe != "Caddy":
        wait_until(lambda: "/static/a.css" in logged(), "the other page is logged")
    assert TOKEN not in logged()
