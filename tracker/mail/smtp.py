"""Sends mails to an SMTP server over one kept connection."""

from __future__ import annotations

import base64
import logging
import smtplib
import socket
import ssl

from addresses import AddressError
from config import SmtpSettings
from tracker.mail.message import Email
from tracker.mail.outcomes import Outcome, Result, Stage, classify_refusal

TIMEOUT_SECONDS = 30.0  # for each answer of the server
_LINE_END = b"\r\n"
_SIGNED_IN = {235, 503}

logger = logging.getLogger(__name__)


class _RefusalError(Exception):
    """The server answered no; carries the classified outcome."""

    def __init__(self, outcome: Outcome, *, hangs_up: bool = False) -> None:
        super().__init__(outcome.answer)
        self.outcome = outcome
        self.hangs_up = hangs_up


class _DroppedError(Exception):
    """A kept connection turned out to be gone before the server had taken MAIL."""


class SmtpSender:
    """Sends over a connection that is opened at the first mail and kept until `close`."""

    def __init__(
        self,
        server: SmtpSettings,
        *,
        timeout: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take `timeout` in seconds per answer; `tls` replaces the machine's trusted roots."""
        self._server = server
        self._timeout = timeout
        self._tls = tls
        self._smtp: smtplib.SMTP | None = None

    def send(self, email: Email) -> Outcome:
        """Try once to hand over `email`; never raises, and alone knows how far it came."""
        try:
            receiver = email.to.wire_address
        except AddressError as error:
            return Outcome(Result.BAD_ADDRESS, str(error))
        try:
            content, sender = email.as_bytes(), (email.return_path or email.sender).wire_address
        except AddressError as error:
            # What is left are our own addresses, which the settings hold.
            return Outcome(Result.INSTALLATION_FAULT, str(error))
        except ValueError as error:
            logger.exception("a mail cannot be put into bytes")
            return Outcome(Result.TEMPORARY, f"cannot be put into bytes: {type(error).__name__}")
        if self._smtp is not None:
            try:
                return self._transact(self._smtp, sender, receiver, content, kept=True)
            except _DroppedError:
                # Servers close idle connections; nothing was handed over, so start afresh once.
                self.close()
        try:
            self._smtp = self._connect()
        except _RefusalError as refusal:
            return refusal.outcome
        return self._transact(self._smtp, sender, receiver, content, kept=False)

    def close(self) -> None:
        """Say goodbye and close the connection; harmless when there is none."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            smtp.quit()
        except (OSError, smtplib.SMTPException):
            smtp.close()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        smtp: smtplib.SMTP | None = None
        try:
            if server.tls == "implicit":
                smtp = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=self._timeout, context=self._context()
                )
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=self._timeout)
            # Else the last line of a mail waits until the server has confirmed those before it.
            if smtp.sock is not None:
                smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            smtp.ehlo_or_helo_if_needed()
            self._secure(smtp)
            if server.user is not None and server.password is not None:
                _sign_in(smtp, server.user, server.password)
        except Exception as error:  # Whatever it is, nothing has been handed over.
            if smtp is not None:
                smtp.close()
            raise _RefusalError(_connection_outcome(error)) from error
        return smtp

    def _secure(self, smtp: smtplib.SMTP) -> None:
        wanted = self._server.tls
        if wanted not in {"required", "optional"}:
            return
        if smtp.has_extn("starttls"):
            smtp.starttls(context=self._context())
            smtp.ehlo()
        elif wanted == "required":
            words = "STARTTLS is required by TRACKER_SMTP_URL, and the server does not offer it"
            raise _RefusalError(Outcome(Result.INSTALLATION_FAULT, words))

    def _context(self) -> ssl.SSLContext:
        if self._tls is not None:
            return self._tls
        context = ssl.create_default_context()
        if self._server.tls == "optional":
            # Whoever can forge a certificate can also hide STARTTLS; refusing to encrypt to a relay
            # with a certificate of its own would protect nothing (RFC 7435).
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _transact(
        self, smtp: smtplib.SMTP, sender: str, receiver: str, content: bytes, *, kept: bool
    ) -> Outcome:
        """Go through MAIL, RCPT and DATA, knowing at each point what a lost connection means.

        Raises _DroppedError when a kept connection is gone before MAIL was taken.
        """
        handed_over = False
        try:
            _introduce(smtp, sender, len(content), kept=kept)
            _expect(Stage.RCPT, {250, 251}, smtp.rcpt(receiver))
            _expect(Stage.DATA, {354}, smtp.docmd("DATA"))
            smtp.send(_stuffed(content))
            # From the closing dot on only the server knows whether the mail is on its way.
            handed_over = True
            smtp.send(b"." + _LINE_END)
            reply = smtp.getreply()
            _expect(Stage.DATA, {250}, reply)
        except _RefusalError as refusal:
            self._reset_after(smtp, refusal)
            return refusal.outcome
        except _DroppedError:
            raise
        except Exception as error:
            if not isinstance(error, (OSError, smtplib.SMTPException)):
                logger.exception("a mail cannot be handed over")
            self._abandon()
            result = Result.UNKNOWN if handed_over else Result.TEMPORARY
            return Outcome(result, f"connection lost: {_words(error)}")
        return Outcome(Result.ACCEPTED, f"{reply[0]} {_decode(reply[1])}")

    def _reset_after(self, smtp: smtplib.SMTP, refusal: _RefusalError) -> None:
        """Make the connection ready for the next mail, or give it up."""
        try:
            if refusal.hangs_up or smtp.rset()[0] != 250:
                self._abandon()
        except (OSError, smtplib.SMTPException):
            self._abandon()

    def _abandon(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def _sign_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Sign in, also with letters that the standard library's `login` cannot send (RFC 4616)."""
    if (user + password).isascii():
        smtp.login(user, password)
        return
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        reply = smtp.docmd("AUTH", f"PLAIN {_base64(chr(0).join(('', user, password)))}")
    elif "LOGIN" in offered:
        reply = smtp.docmd("AUTH", f"LOGIN {_base64(user)}")
        if reply[0] == 334:
            reply = smtp.docmd(_base64(password))
    else:
        words = "the server offers neither AUTH PLAIN nor LOGIN, which other letters than a-z need"
        raise smtplib.SMTPNotSupportedError(words)
    if reply[0] not in _SIGNED_IN:
        raise smtplib.SMTPAuthenticationError(*reply)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _introduce(smtp: smtplib.SMTP, sender: str, size: int, *, kept: bool) -> None:
    """Send MAIL, which on a kept connection also finds out whether it still lives."""
    try:
        code, answer = smtp.mail(sender, [f"size={size}"] if smtp.has_extn("size") else [])
    except (OSError, smtplib.SMTPException) as error:
        if kept:
            raise _DroppedError from error
        raise
    if kept and code == 421:
        raise _DroppedError
    _expect(Stage.MAIL, {250}, (code, answer))


def _expect(stage: Stage, codes: set[int], reply: tuple[int, bytes]) -> None:
    code, answer = reply
    if code in codes:
        return
    if not 400 <= code < 600:
        # Half an answer is what is left of a lost connection, and says neither yes nor no.
        raise smtplib.SMTPServerDisconnected(f"unclear answer to {stage}: {code} {_decode(answer)}")
    raise _RefusalError(classify_refusal(stage, code, _decode(answer)), hangs_up=code == 421)


def _connection_outcome(error: Exception) -> Outcome:
    """Say what a failure before the first mail means."""
    match error:
        case _RefusalError():
            return error.outcome
        case smtplib.SMTPAuthenticationError():
            return classify_refusal(Stage.AUTH, error.smtp_code, _decode(error.smtp_error))
        case smtplib.SMTPResponseException() if error.smtp_code > 0:
            return classify_refusal(Stage.CONNECT, error.smtp_code, _decode(error.smtp_error))
        case smtplib.SMTPNotSupportedError() | ssl.SSLError():
            # No way to sign in, or a certificate that cannot be trusted: settings, not the network.
            return Outcome(Result.INSTALLATION_FAULT, _words(error))
        case OSError() | smtplib.SMTPException():
            return Outcome(Result.UNREACHABLE, _words(error))
        case _:
            # Settings that cannot be used, or a server that makes no sense. The words of such an
            # error may quote the password.
            return Outcome(Result.INSTALLATION_FAULT, f"cannot connect: {type(error).__name__}")


def _stuffed(content: bytes) -> bytes:
    """Double leading dots (RFC 5321 section 4.5.2) and end with a line end."""
    lines = content.removesuffix(_LINE_END).split(_LINE_END)
    stuffed = [b"." + line if line.startswith(b".") else line for line in lines]
    return _LINE_END.join(stuffed) + _LINE_END


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _decode(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
