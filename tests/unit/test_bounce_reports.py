"""Delivery reports as mail servers write them, and what each of them means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from tracker.mail import bounces
from tracker.mail.bounces import Bounce, BounceError, Report
from tracker.mail.outcomes import Result

ADDRESS: Final = "kari@ks.example"
MESSAGE_ID: Final = "<6f1d@tracker.example>"
RETURN_PATH: Final = "bounce+17-abcdefgh234567ab@tracker.example"
QUOTED: Final = f"Message-ID: {MESSAGE_ID}\nSubject: 1 over fristen\n\nHei, Kari\n"


def written(
    fields: str,
    *,
    about: str = "Reporting-MTA: dns; mx.tracker.example",
    words: str = "Your mail could not be delivered.",
    kind: str = "multipart/report; report-type=delivery-status",
    quoted: str = "message/rfc822",
) -> bytes:
    """Write a report with the `fields` about one receiver."""
    parts = {
        "text/plain; charset=utf-8": words + "\n",
        "message/delivery-status": f"{about}\n\n{fields.strip()}\n",
        quoted: QUOTED,
    }
    body = "".join(f"--b7/x\nContent-Type: {of}\n\n{text}\n" for of, text in parts.items())
    head = f"From: <MAILER-DAEMON@mx.example>\nTo: {RETURN_PATH}\nContent-Type: {kind};"
    return f'{head} boundary="b7/x"\nMIME-Version: 1.0\n\n{body}--b7/x--\n'.replace(
        "\n", "\r\n"
    ).encode()


@dataclass(frozen=True)
class Sample:
    """A report, and what it means."""

    server: str
    raw: bytes
    means: tuple[bool, Result]
    """Whether nothing arrives there, and which kind of answer it is."""


DEAD: Final = (True, Result.BAD_ADDRESS)
GONE: Final = (True, Result.TEMPORARY)
NO_WAY: Final = (True, Result.REFUSED)
REFUSED: Final = (False, Result.REFUSED)
FULL: Final = (False, Result.FULL)
LATER: Final = (False, Result.TEMPORARY)


def postfix(status: str, diagnostic: str, action: str = "failed") -> bytes:
    return written(
        f"""
Final-Recipient: rfc822; {ADDRESS}
Original-Recipient: rfc822;{ADDRESS}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.ks.example
Diagnostic-Code: {diagnostic}
""",
        about="Reporting-MTA: dns; mail.tracker.example\nX-Postfix-Queue-ID: 4Zk1\n"
        "X-Postfix-Sender: rfc822; oppfolging@tracker.example",
    )


def exim(diagnostic: str) -> bytes:
    code = f"\nRemote-MTA: dns; mx.ks.example\nDiagnostic-Code: {diagnostic}" if diagnostic else ""
    return written(
        f"Action: failed\nFinal-Recipient: rfc822;{ADDRESS}\nStatus: 5.0.0{code}",
        quoted="text/rfc822-headers",
        words="A message that you sent could not be delivered to one or more of its\n"
        f"recipients. The following address(es) failed:\n\n  {ADDRESS}\n    all failed\n",
    )


def opensmtpd(words: str, action: str = "failed", status: str = "5.0.0") -> bytes:
    return written(
        f"Final-Recipient: rfc822; {ADDRESS}\nAction: {action}\nStatus: {status}",
        kind="multipart/mixed",
        quoted="text/rfc822-headers",
        words=f"    Hi!\n\n    This is the MAILER-DAEMON.\n\n{ADDRESS}: {words}\n",
    )


def microsoft(status: str, diagnostic: str) -> bytes:
    return written(
        f"""
Final-Recipient: rfc822;{ADDRESS}
Action: failed
Status: {status}
Diagnostic-Code: smtp;{diagnostic}
X-Display-Name: Kari Nordmann
""",
        about="Reporting-MTA: dns;OSL0001.eurprd01.prod.outlook.example\n"
        "Received-From-MTA: dns;mail.tracker.example\nArrival-Date: Mon, 2 Mar 2026 06:00:00 +0000",
    )


def plain(status: str, diagnostic: str, action: str = "failed") -> bytes:
    return written(
        f"Final-Recipient: RFC822; {ADDRESS}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: {diagnostic}"
    )


SAMPLES: Final = (
    Sample(
        "Postfix: no such user",
        postfix(
            "5.1.1", f"smtp; 550 5.1.1 <{ADDRESS}>: Recipient\n    address rejected: User unknown"
        ),
        DEAD,
    ),
    Sample(
        "Postfix: gone for days",
        postfix(
            "4.4.1", "X-Postfix; connect to mx.ks.example[250.2.3.4]:25:\n    Connection timed out"
        ),
        GONE,
    ),
    Sample(
        "Postfix: a domain that is not there",
        postfix(
            "5.4.4",
            "X-Postfix; Host or domain name not found. Name service\n"
            "    error for name=ks.example type=AAAA: Host not found",
        ),
        NO_WAY,
    ),
    Sample(
        "Postfix: a status against the words",
        postfix("5.1.1", "smtp; 550 5.7.1 Message rejected due to policy"),
        REFUSED,
    ),
    Sample(
        "Postfix: full for days",
        postfix("4.2.2", "smtp; 452 4.2.2 The mailbox is over quota"),
        FULL,
    ),
    Sample(
        "Postfix: an unverified address",
        postfix("4.1.1", "smtp; 450 4.1.1 unverified address"),
        GONE,
    ),
    Sample(
        "Postfix: greylisted for days",
        postfix("4.4.1", "smtp; 451 4.7.1 Greylisted, try later"),
        LATER,
    ),
    Sample("Postfix: late", postfix("4.4.1", "X-Postfix; Connection timed out", "delayed"), LATER),
    Sample(
        "Exim: our DMARC",
        exim(
            "smtp; 550-5.7.26 Unauthenticated email from tracker.example is not\n"
            " 550 5.7.26 accepted due to domain's DMARC policy"
        ),
        REFUSED,
    ),
    Sample("Exim: no such user", exim("smtp; 550 5.1.1 no such user"), DEAD),
    Sample("Exim: no such user, no code", exim("smtp; 550 Unrouteable address"), DEAD),
    Sample("Exim: a policy, no code", exim("smtp; 550 Administrative prohibition"), REFUSED),
    Sample("Exim: full", exim("smtp; 552 5.2.2 Mailbox size limit exceeded"), FULL),
    Sample("Exim: says nothing", exim(""), REFUSED),
    Sample("OpenSMTPD: no such user", opensmtpd("550 5.1.1 <kari@ks.example>: no such user"), DEAD),
    Sample("OpenSMTPD: a policy", opensmtpd("550 5.7.1 rejected by policy"), REFUSED),
    Sample("OpenSMTPD: late", opensmtpd("451 4.4.1 try later", "delayed", "4.0.0"), LATER),
    Sample(
        "Microsoft 365: not found",
        microsoft(
            "5.1.10",
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient\n not found by SMTP",
        ),
        DEAD,
    ),
    Sample(
        "Microsoft 365: access denied",
        microsoft("5.4.1", "550 5.4.1 Recipient address rejected: Access denied."),
        DEAD,
    ),
    Sample(
        "Microsoft 365: restricted",
        microsoft("5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup"),
        REFUSED,
    ),
    Sample(
        "Exchange: in vain", microsoft("4.4.7", "550 4.4.7 QUEUE.Expired; message expired"), DEAD
    ),
    Sample(
        "Exchange: full",
        microsoft("5.2.2", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception"),
        FULL,
    ),
    Sample("Exchange: old words", microsoft("5.0.0", "#5.1.1 smtp;550 5.1.1 User unknown>"), DEAD),
    Sample(
        "Sendmail: no such user",
        plain("5.1.1", "SMTP; 550 5.1.1 <kari@ks.example>... User unknown"),
        DEAD,
    ),
    Sample("Sendmail: tried for five days", plain("4.4.7", ""), GONE),
    Sample(
        "Google: no such account",
        plain(
            "5.1.1",
            "smtp; 550-5.1.1 The email account does not exist.\n "
            "550-5.1.1 try double-checking it.\n "
            "550 5.1.1 https://support.example/?p=NoSuchUser 4.96.2 - gsmtp",
        ),
        DEAD,
    ),
    Sample(
        "Google: our SPF",
        plain("5.0.0", "smtp; 550-5.7.27 This mail has been blocked: no SPF."),
        REFUSED,
    ),
    Sample(
        "Google: full",
        plain("4.2.2", "smtp; 452-4.2.2 The recipient's inbox is out of storage space."),
        FULL,
    ),
    Sample("Halon: no such user", plain("5.0.0", "smtp; 550 5.1.1 Recipient not found"), DEAD),
    Sample(
        "Proofpoint: blocked",
        plain("5.0.0", "smtp; 554 5.7.0 Blocked - see https://ipcheck.example/?ip=10.5.1.1"),
        REFUSED,
    ),
    Sample(
        "IronPort: no such user",
        plain("5.1.0", "smtp; 550 #5.1.0 Address rejected kari@ks.example"),
        DEAD,
    ),
    Sample(
        "Haraka: no such user",
        plain("5.1.1", f"smtp; 550 5.1.1 <{ADDRESS}> I cannot deliver mail for"),
        DEAD,
    ),
    Sample("Haraka: nothing but a code", plain("5.0.0", "smtp; 550 rejected by spf"), REFUSED),
)


def only(bounce: Bounce) -> Report:
    (report,) = bounce.reports
    return report


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.server)
def test_what_the_receivers_server_said_decides_what_a_report_means(sample: Sample) -> None:
    bounce = bounces.parse(sample.raw)
    report = only(bounce)
    assert bounce.message_id == MESSAGE_ID
    assert bounce.addressed_to == (RETURN_PATH,)
    assert (report.recipient, report.has_failed) == (ADDRESS, "late" not in sample.server)
    assert (report.is_final, report.outcome.result) == sample.means


def test_a_policy_never_makes_an_address_dead_whatever_the_status_says() -> None:
    for status in ("5.1.1", "5.0.0", "5.4.4", "4.4.7", "5.7.1", ""):
        for said in ("550 5.7.1 no", "550-5.7.26 no", "451 4.7.0 no", "554 5.7.509 no"):
            assert not only(bounces.parse(plain(status, f"smtp; {said}"))).is_final


def test_a_report_that_a_filter_wrapped_once_more_is_read() -> None:
    raw = plain("5.1.1", "smtp; 550 5.1.1 no such user")
    wrapped = b'To: x@y.example\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n--o\r\n'
    wrapped += raw + b"\r\n--o\r\nContent-Type: text/plain\r\n\r\nScanned.\r\n--o--\r\n"
    assert only(bounces.parse(wrapped)).is_final


def test_a_report_that_a_mail_quotes_is_none() -> None:
    raw = plain("5.1.1", "smtp; 550 5.1.1 no such user")
    quoting = b'Content-Type: multipart/mixed; boundary="o"\r\n\r\n--o\r\n'
    quoting += b"Content-Type: message/rfc822\r\n\r\n" + raw + b"\r\n--o--\r\n"
    with pytest.raises(BounceError, match="not a delivery report"):
        bounces.parse(quoting)


def test_what_qmail_writes_for_people_alone_is_no_report() -> None:
    raw = (
        f"From: MAILER-DAEMON@mx.ks.example\r\nTo: {RETURN_PATH}\r\nSubject: failure notice\r\n\r\n"
        f"Hi. This is the qmail-send program at mx.ks.example.\r\n\r\n<{ADDRESS}>:\r\n"
        "Sorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        f"--- Below this line is a copy of the message.\r\n\r\n{QUOTED}"
    )
    with pytest.raises(BounceError, match="not a delivery report"):
        bounces.parse(raw.encode())


def nested(depth: int, lines: int) -> bytes:
    parts = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return "".join(parts).encode() + b"\n" * lines


STATUS: Final = b"Content-Type: message/delivery-status\n\n"
GROUP: Final = b"Final-Recipient: rfc822; a@ks.example\n"
REPORT: Final = b"Content-Type: multipart/report; boundary=b\n\n--b\n"


@pytest.mark.parametrize(
    "raw",
    [
        nested(900, 5_000),
        nested(30, 200_000),
        b"Content-Type: multipart/report" + b";a" * 500_000 + b"\n\n",
        b"Content-Type: multipart/report;\n" + b" a=b;\n" * 20_000 + b"\n",
        REPORT + STATUS + (GROUP + b"\n") * 1_000,
        REPORT + b"Content-Type: message/rfc822\n\n" * 30_000,
        b"x" * (bounces.LARGEST + 1),
    ],
    ids=["deep", "lines", "parameters", "folded", "receivers", "quotes", "large"],
)
def test_a_report_that_would_take_much_work_is_refused_before_it_is_taken(raw: bytes) -> None:
    with pytest.raises(BounceError, match="than"):
        bounces.parse(raw)


@pytest.mark.parametrize(
    "field",
    ["Status", "Diagnostic-Code", "Original-Recipient", "Action"],
)
def test_no_more_of_a_field_is_looked_at_than_a_server_writes(field: str) -> None:
    long = f"{field}: smtp; ".encode() + b"5.1.\xcc\x81\xcc\xa3" * 100_000 + b"\n"
    report = bounces.parse(REPORT + STATUS + GROUP + long).reports[0]
    assert len(report.recipient) <= bounces.LONGEST_FIELD
    assert len(report.outcome.answer) <= 1_100
