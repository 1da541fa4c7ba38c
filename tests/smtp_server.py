"""A real SMTP server (aiosmtpd) that can be told to refuse, to stall and to hang up."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

from config import SmtpSettings

CERTIFICATE = Path(__file__).parent / "data" / "smtp-certificate.pem"
KEY = Path(__file__).parent / "data" / "smtp-key.pem"

HANG_UP = "hang up"


@dataclass(frozen=True)
class Received:
    """A mail that the server took responsibility for, as it came over the wire."""

    to: str
    sender: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The parsed mail."""
        message = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message


@dataclass
class Script:
    """What the server answers next, per command; empty lists mean that all goes well.

    `rcpt` holds answers per receiver. HANG_UP closes the connection instead of answering, to
    `content` after all of it has come. A `data_command` answered with 354 hangs up meanwhile.
    """

    mail: list[str] = field(default_factory=list)
    rcpt: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    data_command: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    password: str = ""


class SmtpServer:
    """The running server: what it received, how often somebody connected, and its script."""

    def __init__(self) -> None:
        self.script = Script()
        self.received: list[Received] = []
        self.connections = 0
        self.open: list[SMTP] = []
        self.settings = SmtpSettings("127.0.0.1", 0, tls="off")
        self.controller: Controller | None = None
        self.mechanisms = ""
        """What the server says that it offers to sign in with; empty: as it is."""

    @property
    def receivers(self) -> list[str]:
        """Who got mail, in order; each as often as the server accepted one."""
        return [received.to for received in self.received]

    def drop_connections(self) -> None:
        """Close every open connection as an idle time-out does."""
        assert self.controller is not None
        for connection in self.open:
            self.controller.loop.call_soon_threadsafe(_hang_up, connection)

    # Hooks of aiosmtpd, which calls them by these names.

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.script.mail:
            return self.script.mail.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.script.rcpt[address]:
            return _answer(server, self.script.rcpt[address].pop(0))
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Receiver OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        if self.script.content and self.script.content[0] != HANG_UP:
            return self.script.content.pop(0)
        for address in envelope.rcpt_tos:
            self.received.append(Received(address, envelope.mail_from or "", content))
        if self.script.content:
            return _answer(server, self.script.content.pop(0))
        return f"250 2.0.0 queued as {len(self.received)}"

    def authenticate(self, _server: SMTP, _session: Session, *credentials: Any) -> AuthResult:
        """Let in whoever has the script's password."""
        given = credentials[-1]
        assert isinstance(given, LoginPassword)
        right = given.password == self.script.password.encode()
        return AuthResult(success=right, handled=False)


class _ScriptedSmtp(SMTP):
    """The conversation itself, for what the hooks cannot do."""

    def __init__(self, scripted: SmtpServer, *args: Any, **options: Any) -> None:
        self._scripted = scripted
        super().__init__(scripted, *args, **options)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self not in self._scripted.open:
            self._scripted.connections += 1
            self._scripted.open.append(self)

    async def push(self, status: Any) -> None:
        if self._scripted.mechanisms and "AUTH " in str(status):
            status = f"{status[:4]}AUTH {self._scripted.mechanisms}"
        await super().push(status)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        answers = self._scripted.script.data_command
        if not answers:
            await super().smtp_DATA(arg)
            return
        answer = answers.pop(0)
        if answer != HANG_UP:
            await self.push(answer)
        if answer == HANG_UP or answer.startswith("354"):
            _hang_up(self)


class _Controller(Controller):
    def __init__(self, scripted: SmtpServer, **options: Any) -> None:
        self._scripted = scripted
        super().__init__(scripted, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self) -> None:
        # The port is known only now; the controller makes a first connection to it.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

    def factory(self) -> SMTP:
        return _ScriptedSmtp(self._scripted, **self.SMTP_kwargs)


def _answer(server: SMTP, answer: str) -> str:
    if answer == HANG_UP:
        _hang_up(server)
    return answer


def _hang_up(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.close()


@contextmanager
def running_smtp_server(*, tls: bool = False, password: str = "") -> Iterator[SmtpServer]:
    """Run a server on a free port; with `password`, which needs `tls`, it lets nobody else send."""
    server = SmtpServer()
    server.script.password = password
    options: dict[str, Any] = {}
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        options = {"tls_context": context}
    if password:
        options |= {"authenticator": server.authenticate, "auth_required": True}
    controller = _Controller(server, **options)
    server.controller = controller
    controller.start()
    try:
        server.settings = SmtpSettings("127.0.0.1", controller.port, tls="off")
        server.connections = 0
        yield server
    finally:
        controller.stop()


def trusting_context() -> ssl.SSLContext:
    """A client's TLS settings that trust the test certificate."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))
