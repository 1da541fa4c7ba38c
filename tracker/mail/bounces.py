"""Reads what comes back: delivery reports of mail servers (RFC 3464, in a report of RFC 6522)."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final

from tracker.mail.outcomes import Outcome, Result, Stage, classify_refusal

LARGEST: Final = 1024 * 1024
"""Bytes; a report quotes one mail, and ours are small."""
SAID: Final = "bounced: "
_IN_VAIN: Final = tuple(f"{SAID}{code}" for code in ("5.4.4", "4.4.4", "5.4.7", "4.4.7"))
_CODE: Final = re.compile(r"\b([245]\d\d)\b")


class BounceError(ValueError):
    """No delivery report that can be used, with the reason for who operates this."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail server says became of a mail for one receiver."""

    message_id: str
    """Of the mail that came back."""
    recipient: str
    """The address, in lower case."""
    has_failed: bool
    """Whether the server has given up; else it is delayed, or on its way."""
    outcome: Outcome


def parse(raw: bytes) -> list[Report]:
    """Return what a delivery report says, one entry per receiver; raises BounceError."""
    if len(raw) > LARGEST:
        raise BounceError("it is larger than a delivery report can be")
    try:
        return _parsed(raw)
    except RecursionError as error:
        raise BounceError("its parts lie too deep in one another") from error


def _parsed(raw: bytes) -> list[Report]:
    # The older policy never raises for what headers hold.
    message = email.message_from_bytes(raw)
    if message.get_content_type() != "multipart/report":
        raise BounceError("it is not a delivery report (multipart/report)")
    message_id = next(_quoted_ids(message), "")
    if not message_id:
        raise BounceError("it does not quote the Message-ID of the mail that came back")
    found = [_report(message_id, group) for group in _groups(message) if _recipients(group)]
    if not found:
        raise BounceError("it names no receiver (message/delivery-status)")
    return [report for reports in found for report in reports]


def _parts(message: Message) -> Iterator[Message]:
    return (part for part in message.walk() if part is not message)


def _quoted_ids(message: Message) -> Iterator[str]:
    for part in _parts(message):
        if part.get_content_type() == "message/rfc822":
            inner: Any = part.get_payload()
            quoted = inner[0] if isinstance(inner, list) and inner else None
        elif part.get_content_type() == "text/rfc822-headers":
            content = part.get_payload(decode=True)
            quoted = email.message_from_bytes(content if isinstance(content, bytes) else b"")
        else:
            continue
        if quoted is not None and quoted["Message-ID"]:
            yield _plain(quoted["Message-ID"])


def _groups(message: Message) -> Iterator[Message]:
    """Give the groups of fields of the report; the first of them is about no receiver."""
    for part in _parts(message):
        groups: Any = part.get_payload()
        if part.get_content_type() == "message/delivery-status" and isinstance(groups, list):
            yield from groups


def _recipients(group: Message) -> list[str]:
    fields = [group["Original-Recipient"], group["Final-Recipient"]]
    addresses = [_plain(str(field).partition(";")[2]).lower() for field in fields if field]
    return [address for address in dict.fromkeys(addresses) if address]


def _report(message_id: str, group: Message) -> list[Report]:
    status = _plain(group["Status"] or "")
    said = _plain(" ".join(str(group["Diagnostic-Code"] or "").partition(";")[2].split()))
    code = _CODE.search(said)
    number = int(code[1]) if code else 500 if status.startswith("5") else 400
    outcome = classify_refusal(Stage.RCPT, number, status)
    words = f"{status} {said}".strip()[:1000]
    has_failed = str(group["Action"] or "").strip().lower() == "failed"
    return [
        Report(message_id, recipient, has_failed, Outcome(outcome.result, f"{SAID}{words}"))
        for recipient in _recipients(group)
    ]


def is_final(report: Report) -> bool:
    """Return whether the report says that mail to this address arrives nowhere.

    There is no such mailbox or no way to its domain (X.4.4), or servers have tried in vain for as
    long as they do (X.4.7; RFC 3463, 3.5).
    """
    in_vain = report.outcome.answer.startswith(_IN_VAIN)
    return report.has_failed and (in_vain or report.outcome.result is Result.BAD_ADDRESS)


def _plain(text: object) -> str:
    """Return the text of a header without what no database and no page takes."""
    return "".join(character for character in str(text).strip() if character.isprintable())
