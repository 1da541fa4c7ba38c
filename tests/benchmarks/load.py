"""Clients that ask for pages as fast as they are answered, and check every answer."""

from __future__ import annotations

import itertools
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Final

TIMEOUT: Final = 60.0
ONCE_OR_MORE: Final = 0
AHEAD: Final = 0.3
"""Seconds until all clients have been told when to begin."""


@dataclass(frozen=True)
class Request:
    """What a client asks for and what the answer must be."""

    path: str
    status: int = 200
    contains: tuple[tuple[str, int], ...] = ()
    """Texts, and how often each stands on the page."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    """Of a POST, which is sent once only; None: a GET."""

    def check(self, status: int, answer: bytes) -> None:
        """Fail unless the answer is the expected one."""
        assert status == self.status, f"{self.path}: {status} {answer[:500]!r}"
        for text, times in self.contains:
            found = answer.count(text.encode())
            right = found == times or (found > 0 and times == ONCE_OR_MORE)
            assert right, f"{self.path}: {found} times {text!r}"


@dataclass(frozen=True)
class Sample:
    """What some clients measured together: requests a second and milliseconds."""

    rate: float
    p50: float
    p95: float
    requests: int


def median(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure; the number of requests is that of all together."""
    return Sample(
        rate=statistics.median(sample.rate for sample in samples),
        p50=statistics.median(sample.p50 for sample in samples),
        p95=statistics.median(sample.p95 for sample in samples),
        requests=sum(sample.requests for sample in samples),
    )


class Clients:
    """Some processes that ask at the same time."""

    def __init__(self, number: int) -> None:
        self.number = number
        # Started before any thread, so that a plain fork is safe and cheap.
        context = multiprocessing.get_context("fork")
        self._pool = ProcessPoolExecutor(number, mp_context=context)

    def measure(self, port: int, requests: Sequence[Request], seconds: float) -> Sample:
        """Ask for `requests` in turn for so long; a POST is sent by one client and once."""
        begin = time.monotonic() + AHEAD
        shares = [self._share(requests, client) for client in range(self.number)]
        tasks = [
            self._pool.submit(_ask, port, share, begin, begin + seconds, client)
            for client, share in enumerate(shares)
        ]
        results = [task.result() for task in tasks]
        times = sorted(milliseconds for of_client, _end in results for milliseconds in of_client)
        ended = max(end for _times, end in results)
        return Sample(
            rate=len(times) / (ended - begin),
            p50=statistics.median(times),
            p95=times[min(len(times) - 1, int(len(times) * 0.95))],
            requests=len(times),
        )

    def close(self) -> None:
        self._pool.shutdown()

    def _share(self, requests: Sequence[Request], client: int) -> list[Request]:
        once = requests[0].body is not None
        return list(requests[client :: self.number] if once else requests)


def _ask(
    port: int, requests: Sequence[Request], begin: float, end: float, client: int
) -> tuple[list[float], float]:
    """Return the milliseconds that each answer took, and when the last one came."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    times: list[float] = []
    time.sleep(max(0.0, begin - time.monotonic()))
    for request in _in_turn(requests, client):
        started = time.monotonic()
        if started >= end and times:
            break
        # The client opens the connection again where the server has closed it.
        method = "GET" if request.body is None else "POST"
        connection.request(method, request.path, request.body, dict(request.headers))
        response = connection.getresponse()
        answer = response.read()
        times.append((time.monotonic() - started) * 1000)
        request.check(response.status, answer)
    connection.close()
    return times, time.monotonic()


def _in_turn(requests: Sequence[Request], client: int) -> Iterator[Request]:
    if requests[0].body is not None:
        return iter(requests)
    # Each client begins elsewhere.
    first = client * len(requests) // 8 % len(requests)
    return itertools.cycle([*requests[first:], *requests[:first]])
