"""What came of an attempt to send, so that each kind is met with the right answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_ENHANCED_CODE = re.compile(r"\s*(?:\d{3}[ -])?([245])\.(\d{1,3})\.(\d{1,3})\b")
_ABOUT_US = re.compile(r"relay|rcpthosts|authenticat", re.IGNORECASE)
"""How servers without enhanced codes say that they do not take mail from us for anybody."""


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
    or the complaint that the *sender's* address is bad (5.1.7, 5.1.8), is ours.
    """
    words = Outcome(Result.TEMPORARY, f"{stage}: {code} {answer}".strip())
    if 400 <= code < 500:
        early = stage in {Stage.CONNECT, Stage.AUTH}
        return Outcome(Result.UNREACHABLE, words.answer) if early else words
    if stage is not Stage.RCPT:
        return Outcome(Result.INSTALLATION_FAULT, words.answer)
    match = _ENHANCED_CODE.match(answer)
    subject, detail = (int(match[2]), int(match[3])) if match else (0, 0)
    is_ours = not match and _ABOUT_US.search(answer)
    if is_ours or subject == 7 or (subject, detail) in {(1, 7), (1, 8)}:
        return Outcome(Result.INSTALLATION_FAULT, words.answer)
    if (subject, detail) == (2, 2) or code == 552:
        return words  # the mailbox is full; that passes
    if subject == 1 or code in {550, 551, 553}:
        return Outcome(Result.BAD_ADDRESS, words.answer)
    return Outcome(Result.INSTALLATION_FAULT, words.answer)
