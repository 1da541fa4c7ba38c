"""Reads what comes back: delivery reports of mail servers (RFC 3464, in a report of RFC 6522)."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from itertools import islice
from typing import Any, Final

from tracker.mail.outcomes import Outcome, Result, Stage, classify_refusal

# A report quotes one mail, and ours are small. These bound the work that reading one can take: the
# standard library's parser looks at each line once for each part that it lies in.
LARGEST: Final = 1024 * 1024
"""Bytes."""
MOST_LINES: Final = 50_000
MOST_PARTS: Final = 40
MOST_RECEIVERS: Final = 20
MOST_WORDS: Final = 200
"""Lines of what a report says to people."""
LONGEST_FIELD: Final = 2000
SAID: Final = "bounced: "

_PART: Final = re.compile(rb"^content-type:.*(?:\n[ \t].*)*", re.IGNORECASE | re.MULTILINE)
# Dots or digits beside them make numbers part of an IP address or a version.
_REPLY: Final = re.compile(r"(?<![\w.\[])([245]\d\d)(?=[ -]|$)")
_ENHANCED: Final = r"([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)"
_SAID_CODE: Final = re.compile(rf"(?:(?<![\w.\[])[245]\d\d[ -]|^)#?{_ENHANCED}")
_STATUS: Final = re.compile(rf"^\s*{_ENHANCED}")
_ADDRESSED_TO: Final = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")


class BounceError(ValueError):
    """No delivery report that can be used, with the reason for who operates this."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail server says became of a mail for one receiver."""

    recipient: str
    """The address, in lower case."""
    has_failed: bool
    """Whether the server has given up; else it is delayed, or on its way."""
    is_final: bool
    """Whether mail to this address arrives nowhere."""
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail that came back."""

    message_id: str
    """As it is quoted; empty where it is not."""
    addressed_to: tuple[str, ...]
    """Where the report was sent to, in lower case."""
    reports: tuple[Report, ...]


def parse(raw: bytes) -> Bounce:
    """Return what a delivery report says, one entry per receiver; raises BounceError."""
    _require_bounded(raw)
    # The older policy never raises for what headers hold.
    message = email.message_from_bytes(raw)
    parts = list(_parts(message))
    groups = [group for part in parts for group in _groups(part)]
    if not groups:
        raise BounceError("it is not a delivery report (multipart with message/delivery-status)")
    if len(groups) > MOST_RECEIVERS:
        raise BounceError("it names more receivers than a mail has")
    texts = (_text(part) for part in parts if part.get_content_type() == "text/plain")
    words = next(texts, "").splitlines()[:MOST_WORDS]
    reports = tuple(report for group in groups for report in _reports(group, words))
    if not reports:
        raise BounceError("it names no receiver (message/delivery-status)")
    return Bounce(next(_quoted_ids(parts), ""), _addressed_to(message), reports)


def _require_bounded(raw: bytes) -> None:
    if len(raw) > LARGEST:
        raise BounceError("it is larger than a delivery report can be")
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if lines.count(b"\n") > MOST_LINES:
        raise BounceError("it has more lines than a delivery report can have")
    parts = _PART.findall(lines)
    if len(parts) > MOST_PARTS or any(len(field) > LONGEST_FIELD for field in parts):
        raise BounceError("it has more parts than a delivery report can have")


def _parts(message: Message) -> Iterator[Message]:
    """Give the parts of a mail, but not those of a mail that it quotes."""
    inner: Any = message.get_payload()
    if message.get_content_maintype() == "multipart" and isinstance(inner, list):
        for part in inner:
            yield from _parts(part)
    else:
        yield message


def _quoted_ids(parts: list[Message]) -> Iterator[str]:
    for part in parts:
        if part.get_content_type() == "message/rfc822":
            inner: Any = part.get_payload()
            quoted = inner[0] if isinstance(inner, list) and inner else None
        elif part.get_content_type() == "text/rfc822-headers":
            quoted = BytesHeaderParser().parsebytes(_content(part))
        else:
            continue
        if quoted is not None and (found := _field(quoted, "Message-ID")):
            yield found


def _groups(part: Message) -> list[Message]:
    """Return the groups of fields of the report; the first of them is about no receiver."""
    groups: Any = part.get_payload()
    is_report = part.get_content_type() == "message/delivery-status" and isinstance(groups, list)
    return [group for group in groups if _recipients(group)] if is_report else []


def _addressed_to(message: Message) -> tuple[str, ...]:
    fields = [value for name in _ADDRESSED_TO for value in islice(message.get_all(name, []), 10)]
    words = (word.strip("<>").lower() for field in fields for word in _cut(field).split())
    return tuple(word for word in words if "@" in word)


def _recipients(group: Message) -> list[str]:
    fields = (_field(group, "Original-Recipient"), _field(group, "Final-Recipient"))
    addresses = (field.partition(";")[2].strip().strip("<>").lower() for field in fields)
    return [address for address in dict.fromkeys(addresses) if address]


def _reports(group: Message, words: Sequence[str]) -> list[Report]:
    status = _field(group, "Status")
    said = _field(group, "Diagnostic-Code").partition(";")[2].strip()
    addresses = _recipients(group)
    if not said:
        # OpenSMTPD says it in the words for people alone.
        said = next((found for address in addresses if (found := _said_of(address, words))), "")
    result, is_unreachable = _reading(status, said)
    has_failed = _field(group, "Action").lower() == "failed"
    outcome = Outcome(result, f"{SAID}{status} {said}".strip()[:1000])
    is_final = has_failed and (is_unreachable or result is Result.BAD_ADDRESS)
    return [Report(address, has_failed, is_final, outcome) for address in addresses]


def _reading(status: str, said: str) -> tuple[Result, bool]:
    """Return what a report's status and diagnostic mean, and whether there is no way there.

    What the receiver's server said tells more than the status, which some servers do not fill in
    and others take from somewhere else.
    """
    codes = [found[1] for found in (_SAID_CODE.search(said), _STATUS.match(status)) if found]
    code = next((code for code in codes if not code.endswith(".0.0")), "")
    reply = _REPLY.search(said)
    number = int(reply[1]) if reply else 500 if (code or status).startswith("5") else 400
    outcome = classify_refusal(Stage.RCPT, number, f"{code} {said}")
    _, subject, detail = code.split(".") if code else ("", "", "")
    # No such mailbox or no way to it, tried in vain for as long as the server does (RFC 3463).
    is_unreachable = subject == "4" or (subject == "1" and detail not in {"7", "8"})
    return outcome.result, is_unreachable


def _said_of(address: str, words: Sequence[str]) -> str:
    """Return what the lines for people say of a receiver, as in `address: words`."""
    lines = (_cut(line) for line in words)
    told = (line for line in lines if line.lower().startswith(f"{address}: "))
    return next(told, "")[len(address) + 1 :].strip()


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    return _content(part).decode("utf-8", "replace")


def _field(fields: Message, name: str) -> str:
    return _cut(fields[name] or "")


def _cut(text: object) -> str:
    """Return a header on one line, not too long, without what no database and no page takes."""
    words = " ".join(str(text)[:LONGEST_FIELD].split())
    return "".join(character for character in words if character.isprintable())
