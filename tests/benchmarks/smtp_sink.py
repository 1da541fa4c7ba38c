"""A mail server that takes everything, in processes of its own."""

from __future__ import annotations

import multiprocessing
import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRWPair
from pathlib import Path
from typing import BinaryIO

from tests.browser import listening_socket


@dataclass(frozen=True)
class Sink:
    """The server's port, and what it was given up to the last QUIT."""

    port: int
    spools: tuple[Path, ...]
    """One for each connection that may be open at a time."""

    def mails(self) -> list[tuple[str, bytes]]:
        """Return receiver and content of each mail, and forget them."""
        found = []
        for spool in self.spools:
            with spool.open("rb") as file:
                while file.peek(1):
                    found.append(pickle.load(file))
            spool.write_bytes(b"")
        return found


@contextmanager
def smtp_sink(folder: Path, *, connections: int = 1, seconds: float = 0.0) -> Iterator[Sink]:
    """Give a mail server on this machine.

    It serves so many connections at a time, and takes each mail after so many seconds.
    """
    spools = tuple(folder / f"mails-{number}" for number in range(connections))
    context = multiprocessing.get_context("fork")
    with listening_socket() as listener:
        processes = [
            context.Process(target=_serve, args=(listener, spool, seconds), daemon=True)
            for spool in spools
        ]
        for spool, process in zip(spools, processes, strict=True):
            spool.touch()
            process.start()
        try:
            yield Sink(listener.getsockname()[1], spools)
        finally:
            for process in processes:
                process.terminate()
                process.join()


def _serve(listener: socket.socket, spool: Path, seconds: float) -> None:
    while True:
        connection, _address = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, spool.open("ab") as file:
            _converse(connection.makefile("rwb"), file, seconds)


def _converse(wire: BufferedRWPair, spool: BinaryIO, seconds: float) -> None:
    _answer(wire, b"220 sink")
    receiver = ""
    while command := wire.readline().rstrip():
        match command[:4].upper():
            case b"RCPT":
                receiver = command.partition(b"<")[2].partition(b">")[0].decode()
                _answer(wire, b"250 OK")
            case b"DATA":
                _answer(wire, b"354 go on")
                lines = []
                while (line := wire.readline()) != b".\r\n":
                    lines.append(line.removeprefix(b"."))
                pickle.dump((receiver, b"".join(lines)), spool)
                if seconds:
                    time.sleep(seconds)
                _answer(wire, b"250 taken")
            case b"QUIT":
                spool.flush()
                _answer(wire, b"221 bye")
                return
            case _:
                _answer(wire, b"250 OK")


def _answer(wire: BufferedRWPair, words: bytes) -> None:
    wire.write(words + b"\r\n")
    wire.flush()
