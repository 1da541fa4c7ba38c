"""What the mail server can be told to do wrong, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where in the conversation something happens."""

    CONNECT = "connect"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"
    """All of the mail has come and has not been taken."""
    TAKEN = "taken"
    """It has been taken and the client does not know it."""
    ANSWERED = "answered"
    """The client has been told."""


class Trouble(StrEnum):
    """What the server does instead of answering."""

    REFUSES = "refuses"
    """Nobody listens."""
    WRONG_CERTIFICATE = "wrong certificate"
    HANGS_UP = "hangs up"
    """To DATA: in the midst of the content."""
    HANGS = "hangs"
    IS_SLOW = "is slow"
    STAMMERS = "stammers"
    """Hangs up within its answer."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with every mail once `after` mails were taken, until it is mended.

    One at CONNECT hits connections that exist too: they are closed at their next MAIL.
    """

    stage: Stage
    does: Trouble | str
    """Text is the server's answer."""
    after: int = 0
    seconds: float = 0.05
    """How long a slow server takes at each stage."""


@dataclass(frozen=True)
class Signal:
    """A signal to the process that sends a mail, sent when that mail reaches a stage."""

    number: int
    pids: Mapping[int, int]
    """Who sends to which port; mails to other ports do not count."""
    stage: Stage
    mail: int
    """Counted from 1 at each order, by their MAIL commands."""
    delay: float = 0
    """Seconds, so that it strikes anywhere in what the process does next."""
