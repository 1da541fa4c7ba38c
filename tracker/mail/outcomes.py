"""What came of an attempt to send, so that each kind is met with the right answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_ENHANCED_CODE: Final = re.compile(r"\s*(?:\d{3}[ -])?#?([245])\.(\d{1,3})\.(\d{1,3})\b")
_ABOUT_US: Final = re.compile(
    r"relay|rcpthosts|authenticat|prohibit|blocklist|black ?list|\b(spf|dkim|dmarc|policy|spam)\b",
    re.IGNORECASE,
)
"""How servers without enhanced codes say that it is not the receiver whom they refuse."""


class Result(StrEnum):
    """The kinds of outcome."""

    ACCEPTED = "accepted"
    """The server took responsibility for the mail."""
    TEMPORARY = "temporary"
    """Nothing was sent; this mail is to be tried again later."""
    UNREACHABLE = "unreachable"
    """Nothing was sent; there was no server to talk to, so other mails need not try now."""
    BAD_ADDRESS = "bad_address"
    """The server says that there is no such receiver; trying again does not help."""
    FULL = "full"
    """The receiver's mailbox is full; that may pass."""
    REFUSED = "refused"
    """The server refuses this mail, for its receiver or for all: what others get tells which."""
    INSTALLATION_FAULT = "installation_fault"
    """The server refuses us, not the receiver: sending pauses until somebody has looked."""
    UNKNOWN = "unknown"
    """The connection was lost after the whole mail was handed over and before the answer."""


class Stage(StrEnum):
    """Where in the conversation the server answered."""

    CONNECT = "connect"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"


@dataclass(frozen=True)
class Outcome:
    """A result with the server's own words (or the error's) for the log."""

    result: Result
    answer: str


def classify_refusal(stage: Stage, code: int, answer: str) -> Outcome:
    """Classify the server's refusal `code` `answer` (RFC 5321; enhanced codes RFC 3463).

    Only a refused RCPT that speaks of the mailbox is the address's fault. A policy refusal (5.7.x),
    or the complaint that the *sender's* address is bad (5.1.7, 5.1.8), never is.
    """
    return Outcome(_kind(stage, code, answer), f"{stage}: {code} {answer}".strip())


def enhanced_code(answer: str) -> tuple[int, int, int] | None:
    """Return the enhanced status code that an answer begins with, such as 5, 7, 26."""
    found = _ENHANCED_CODE.match(answer)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _kind(stage: Stage, code: int, answer: str) -> Result:
    found = enhanced_code(answer)
    subject = found[1:] if found else (0, 0)
    is_before_receiver = stage in {Stage.CONNECT, Stage.AUTH, Stage.MAIL}
    if subject == (2, 2) and not is_before_receiver:
        return Result.FULL
    if 400 <= code < 500:
        is_early = stage in {Stage.CONNECT, Stage.AUTH}
        return Result.UNREACHABLE if is_early else Result.TEMPORARY
    if stage in {Stage.CONNECT, Stage.AUTH} or code == 530:
        return Result.INSTALLATION_FAULT  # 530: sign in first
    if not found and code == 552 and not is_before_receiver:
        return Result.FULL
    if stage is not Stage.RCPT or subject[0] == 7 or subject in {(1, 7), (1, 8)}:
        return Result.REFUSED
    if not found and _ABOUT_US.search(answer):
        return Result.REFUSED
    # A few say 5.2.1 or 5.5.0 of a mailbox that is not there, but 5.2.3 of a mail that is too long.
    is_about_mail = subject[0] in {3, 6} or subject == (2, 3)
    is_bad = subject[0] == 1 or (code in {550, 551, 553} and not is_about_mail)
    return Result.BAD_ADDRESS if is_bad else Result.REFUSED
