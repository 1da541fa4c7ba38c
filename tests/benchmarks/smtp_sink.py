"""A mail server that takes everything, in a process of its own."""

from __future__ import annotations

import multiprocessing
import pickle
import socket
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
    spool: Path

    def mails(self) -> list[tuple[str, bytes]]:
        """Return receiver and content of each mail, and forget them."""
        found = []
        with self.spool.open("rb") as file:
            while file.peek(1):
                found.append(pickle.load(file))
        self.spool.write_bytes(b"")
        return found


@contextmanager
def smtp_sink(folder: Path) -> Iterator[Sink]:
    """Give a mail server on this machine."""
    spool = folder / "mails"
    spool.touch()
    with listening_socket() as listener:
        process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(listener, spool), daemon=True
        )
        process.start()
        try:
            yield Sink(listener.getsockname()[1], spool)
        finally:
            process.terminate()
            process.join()


def _serve(listener: socket.socket, spool: Path) -> None:
    while True:
        connection, _address = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, spool.open("ab") as file:
            _converse(connection.makefile("rwb"), file)


def _converse(wire: BufferedRWPair, spool: BinaryIO) -> None:
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
