"""What runs in the mail server's process: aiosmtpd, with a word in at every stage."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import ssl
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from tests.faults.orders import Fault, Signal, Stage, Trouble
from tests.smtp_server import CERTIFICATE, KEY

DATA: Final = Path(__file__).parent / "data"


def run(wire: Connection, file: Path, ports: int) -> None:
    """Serve until the other end of `wire` is closed; the first word on it are the ports."""
    asyncio.run(_Server(file, ports).obey(wire))


class _Server:
    """The orders, and how far things have come."""

    def __init__(self, file: Path, ports: int) -> None:
        self.fault: Fault | None = None
        self.ports: list[int] = []
        self._refused: frozenset[str] = frozenset()
        self._signal: Signal | None = None
        self._mails_until_signal = 0
        self._aimed_at: int | None = None
        self._signalled: int | None = None
        self._taken = 0
        self._taken_before_fault = 0
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND)
        # Keeps each port ours while nobody listens on it.
        self._reserved = [_bound(0) for _ in range(ports)]
        self._listening: list[asyncio.Server] = []
        self._right = _context(CERTIFICATE, KEY)
        self._wrong = _context(DATA / "wrong-certificate.pem", DATA / "wrong-key.pem")

    async def obey(self, wire: Connection) -> None:
        self.ports = [reserved.getsockname()[1] for reserved in self._reserved]
        await self._listen()
        wire.send(self.ports)
        loop = asyncio.get_running_loop()
        while True:
            try:
                name, arguments = await loop.run_in_executor(None, wire.recv)
            except EOFError:
                return
            wire.send(await getattr(self, name)(*arguments))

    # Orders.

    async def break_down(self, fault: Fault) -> None:
        self.fault, self._taken_before_fault = fault, self._taken
        if self.is_broken:
            self._stop_listening_if_refusing()

    async def mend(self) -> None:
        self.fault = None
        if not self._listening:
            await self._listen()

    async def refuse_receivers(self, addresses: frozenset[str]) -> None:
        self._refused = addresses

    async def order(self, signal: Signal | None) -> None:
        self._signal, self._signalled = signal, None
        self._mails_until_signal = signal.mail if signal else 0
        self._aimed_at = None

    async def signalled(self) -> int | None:
        return self._signalled

    # What happens in conversations.

    @property
    def is_broken(self) -> bool:
        fault = self.fault
        return fault is not None and self._taken - self._taken_before_fault >= fault.after

    def conversation(self, port: int) -> SMTP:
        wrong = self.is_broken and self.fault and self.fault.does is Trouble.WRONG_CERTIFICATE
        return _Conversation(self, port, self._wrong if wrong else self._right)

    async def reach(self, stage: Stage, conversation: _Conversation) -> str | None:
        """Do what is to be done at `stage`; return what to answer other than "go on"."""
        self._strike(stage, conversation.port)
        fault = self.fault
        if fault is None or not self.is_broken:
            return None
        if fault.does is Trouble.IS_SLOW:
            await asyncio.sleep(fault.seconds)
            return None
        if fault.stage is Stage.CONNECT and stage is Stage.MAIL:
            # The connection is older than the fault.
            self._stop_listening_if_refusing()
            conversation.hang_up()
            return "421 gone"
        return await conversation.suffer(stage, fault.does) if fault.stage is stage else None

    async def receive(self, conversation: _Conversation, envelope: Envelope) -> str:
        """Take a mail that has come whole."""
        if answer := await self.reach(Stage.CONTENT, conversation):
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        for receiver in envelope.rcpt_tos:
            line = [receiver, _header(content, "Message-ID"), conversation.port]
            os.write(self._file, json.dumps(line).encode() + b"\n")
        answer = await self.reach(Stage.TAKEN, conversation)
        self._taken += 1
        return answer or f"250 2.0.0 queued as {self._taken}"

    def knows(self, receiver: str) -> bool:
        return receiver not in self._refused

    def _strike(self, stage: Stage, port: int) -> None:
        signal = self._signal
        if signal is None or port not in signal.pids:
            return
        if stage is Stage.MAIL:
            self._mails_until_signal -= 1
            if self._mails_until_signal == 0:
                # Others may begin a mail before this one has come as far as it is to come.
                self._aimed_at = port
        if port == self._aimed_at and stage is signal.stage:
            self._signal = None
            send = partial(self._send, signal.pids[port], signal.number)
            if signal.delay:
                asyncio.get_running_loop().call_later(signal.delay, send)
            else:
                send()

    def _send(self, pid: int, number: int) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return  # It had done all its work.
        self._signalled = pid

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listening = [
            await loop.create_server(
                partial(self.conversation, port), sock=_bound(port), backlog=64
            )
            for port in self.ports
        ]

    def _stop_listening_if_refusing(self) -> None:
        if self.fault and self.fault.does is Trouble.REFUSES:
            for listening in self._listening:
                listening.close()
            self._listening = []


class _Conversation(SMTP):
    """One connection."""

    def __init__(self, server: _Server, port: int, context: ssl.SSLContext) -> None:
        self.port = port
        self._server = server
        super().__init__(
            self, hostname="mail.example", ident="tests", tls_context=context,
            loop=asyncio.get_running_loop(), timeout=3600,
        )  # fmt: skip

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    async def suffer(self, stage: Stage, does: Trouble | str) -> str | None:
        match does:
            case Trouble.HANGS:
                await asyncio.Event().wait()
            case Trouble.HANGS_UP:
                if stage is Stage.DATA:
                    await self.push("354 go on")
                    await self._reader.readuntil(b"\r\n")
                self.hang_up()
                return "421 gone"
            case Trouble.STAMMERS:
                self._writer.write(b"25")
                self.hang_up()
                return "421 gone"
            case Trouble.REFUSES | Trouble.WRONG_CERTIFICATE:
                return None  # Listening and the handshake see to it.
            case Trouble():
                message = f"{does} at this stage means nothing"
                raise ValueError(message)
        return str(does)

    # Hooks of aiosmtpd, which calls them by these names.

    async def _handle_client(self) -> None:
        answer = await self._server.reach(Stage.CONNECT, self)
        if answer is None:
            await super()._handle_client()
        elif self.transport is not None:
            await self.push(answer)
            self.hang_up()

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._server.reach(Stage.MAIL, self):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 sender is welcome"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._server.reach(Stage.RCPT, self):
            return answer
        if not self._server.knows(address):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 receiver is known"

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if answer := await self._server.reach(Stage.DATA, self):
            await self.push(answer)
        else:
            await super().smtp_DATA(arg)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        return await self._server.receive(self, envelope)

    async def push(self, status: Any) -> None:
        await super().push(status)
        text = status if isinstance(status, str) else status.decode()
        if text.startswith("250 2.0.0 queued"):
            await self._server.reach(Stage.ANSWERED, self)


def _bound(port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", port))
    return found


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _header(content: bytes, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$".encode(), content, re.IGNORECASE | re.MULTILINE)
    return found[1].decode() if found else ""
